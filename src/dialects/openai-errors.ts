import { isRefusal } from '../errors.ts';
import type { Failure, GatewayError } from '../errors.ts';
import type { JsonObject } from '../wire/json.ts';

// https://platform.openai.com/docs/guides/error-codes

interface Kind {
  readonly type: string;
  /** Null: the error's own code, which says more. */
  readonly code: string | null;
}

const KINDS = {
  blocked_prompt: { type: 'image_generation_user_error', code: 'moderation_blocked' },
  blocked_output: { type: 'image_generation_user_error', code: 'moderation_blocked' },
  no_image: { type: 'image_generation_user_error', code: 'no_image' },
  invalid_request: { type: 'invalid_request_error', code: null },
  unsupported: { type: 'invalid_request_error', code: null },
  unauthenticated: { type: 'invalid_request_error', code: 'invalid_api_key' },
  forbidden: { type: 'invalid_request_error', code: null },
  unknown_model: { type: 'invalid_request_error', code: 'model_not_found' },
  too_large: { type: 'invalid_request_error', code: 'request_too_large' },
  rate_limited: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  budget_reserved: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  budget_exhausted: { type: 'insufficient_quota', code: 'insufficient_quota' },
  not_cached: { type: 'server_error', code: 'not_cached' },
  idempotency_mismatch: { type: 'invalid_request_error', code: 'idempotency_mismatch' },
  upstream_busy: { type: 'server_error', code: null },
  upstream_quota: { type: 'server_error', code: null },
  upstream_failed: { type: 'server_error', code: null },
  upstream_timeout: { type: 'server_error', code: null },
  unavailable: { type: 'server_error', code: null },
  internal: { type: 'server_error', code: 'internal_error' },
} as const satisfies Record<Failure, Kind>;

/** All four members of the envelope are required; the SDKs show type, param and code on their error objects. */
export function renderError(error: GatewayError): { status: number; body: JsonObject } {
  const { failure, message, detail, status } = error;
  const { type, code } = KINDS[failure];
  const envelope = { message, type, param: detail.param ?? null, code: code ?? detail.code ?? failure };
  return { status, body: { error: { ...envelope, ...moderation(failure) } } };
}

function moderation(failure: Failure): JsonObject {
  if (!isRefusal({ failure })) return {};
  return {
    moderation_details: { moderation_stage: failure === 'blocked_prompt' ? 'input' : 'output', categories: [] },
  };
}
