import type { Failure, GatewayError } from '../../errors.ts';
import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import type { Call } from '../dialect.ts';

// Google's error envelope: https://google.aip.dev/193

const STATUS_NAMES = {
  blocked_prompt: 'INVALID_ARGUMENT',
  blocked_output: 'INVALID_ARGUMENT',
  no_image: 'INVALID_ARGUMENT',
  invalid_request: 'INVALID_ARGUMENT',
  unsupported: 'INVALID_ARGUMENT',
  unauthenticated: 'UNAUTHENTICATED',
  forbidden: 'PERMISSION_DENIED',
  unknown_model: 'NOT_FOUND',
  too_large: 'INVALID_ARGUMENT',
  rate_limited: 'RESOURCE_EXHAUSTED',
  budget_reserved: 'RESOURCE_EXHAUSTED',
  budget_exhausted: 'RESOURCE_EXHAUSTED',
  not_cached: 'DEADLINE_EXCEEDED',
  idempotency_mismatch: 'INVALID_ARGUMENT',
  upstream_busy: 'UNAVAILABLE',
  upstream_quota: 'UNAVAILABLE',
  upstream_failed: 'UNAVAILABLE',
  upstream_timeout: 'DEADLINE_EXCEEDED',
  unavailable: 'UNAVAILABLE',
  internal: 'INTERNAL',
} as const satisfies Record<Failure, string>;

/** Where the vendor itself spoke, a native caller gets its status and its words. */
export function renderError(error: GatewayError, call: Call): { status: number; body: JsonObject } {
  const { vendor } = error.detail;
  const words = (vendor?.words ?? null) as Json;
  if (vendor !== undefined && isObject(words)) return { status: vendor.status, body: words };
  const status = error.status === 404 ? 'NOT_FOUND' : STATUS_NAMES[error.failure];
  return {
    status: error.status,
    body: { error: { code: error.status, message: error.message, status, details: detailsOf(error, call) } },
  };
}

/** Google's standard details: https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto */
function detailsOf({ failure, message, detail }: GatewayError, { requestId }: Call): JsonObject[] {
  const { param, code, retryAfterSeconds } = detail;
  const details: JsonObject[] = [
    rpc('ErrorInfo', { reason: (code ?? failure).toUpperCase(), domain: 'plantain', metadata: { requestId } }),
  ];
  if (param !== undefined)
    details.push(rpc('BadRequest', { fieldViolations: [{ field: param, description: message }] }));
  if (failure === 'budget_exhausted') {
    details.push(rpc('QuotaFailure', { violations: [{ subject: 'budget', description: message }] }));
  }
  if (retryAfterSeconds !== undefined) details.push(rpc('RetryInfo', { retryDelay: `${retryAfterSeconds}s` }));
  return details;
}

function rpc(type: string, fields: JsonObject): JsonObject {
  return { '@type': `type.googleapis.com/google.rpc.${type}`, ...fields };
}
