import { FAILURE_STATUS, isRefusal } from '../../errors.ts';
import type { Failure, GatewayError } from '../../errors.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call } from '../dialect.ts';
import { emptyMessage, renderBlock, renderNoUsage } from './answer.ts';

// https://docs.claude.com/en/api/errors

const TYPES = {
  blocked_prompt: 'invalid_request_error',
  blocked_output: 'invalid_request_error',
  no_image: 'invalid_request_error',
  invalid_request: 'invalid_request_error',
  unsupported: 'invalid_request_error',
  unauthenticated: 'authentication_error',
  forbidden: 'permission_error',
  unknown_model: 'not_found_error',
  too_large: 'request_too_large',
  rate_limited: 'rate_limit_error',
  budget_reserved: 'rate_limit_error',
  budget_exhausted: 'billing_error',
  not_cached: 'timeout_error',
  idempotency_mismatch: 'invalid_request_error',
  upstream_busy: 'overloaded_error',
  upstream_quota: 'overloaded_error',
  upstream_failed: 'api_error',
  upstream_timeout: 'timeout_error',
  unavailable: 'overloaded_error',
  internal: 'api_error',
} as const satisfies Record<Failure, string>;

/** Where Claude has a status of its own for it. */
const STATUSES = {
  ...FAILURE_STATUS,
  budget_exhausted: 402,
  upstream_busy: 529,
  upstream_quota: 529,
  unavailable: 529,
} as const satisfies Record<Failure, number>;

/** What the model or its filters refuse is an answer; every other failure is an error. */
export function renderError(error: GatewayError, call: Call): { readonly status: number; readonly body: JsonObject } {
  if (isRefusal(error)) return { status: 200, body: renderRefusal(error, call) };
  return { status: error.detail.status ?? STATUSES[error.failure], body: renderEnvelope(error, call) };
}

export function renderEnvelope({ failure, message, detail }: GatewayError, { requestId }: Call): JsonObject {
  const { param, code } = detail;
  const type = detail.status === 404 ? 'not_found_error' : TYPES[failure];
  const details = { error_code: code ?? failure, ...(param !== undefined && { param }) };
  return { type: 'error', error: { type, message, details }, request_id: requestId };
}

/** https://docs.claude.com/en/docs/test-and-evaluate/strengthen-guardrails/handle-streaming-refusals */
function renderRefusal(error: GatewayError, call: Call): JsonObject {
  return {
    ...emptyMessage(call, call.model ?? ''),
    content: [renderBlock({ type: 'text', text: error.message })],
    stop_reason: 'refusal',
    usage: renderNoUsage(error.detail.costNanos ?? 0),
  };
}
