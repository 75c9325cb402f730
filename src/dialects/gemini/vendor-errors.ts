import { GatewayError } from '../../errors.ts';
import type { Failure, FailureDetail } from '../../errors.ts';
import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';

// What upstreams refuse with, Google's envelope (https://google.aip.dev/193) or a reseller's, told apart by whom it
// concerns: the caller, whose words it then is, or this gateway's own account, of which callers learn nothing.

/** An upstream's error, whatever it came in. */
interface Said {
  readonly message: string;
  /** The machine's words: `INVALID_ARGUMENT`, ErrorInfo reasons, a reseller's code and type. */
  readonly tokens: readonly string[];
  readonly details: readonly JsonObject[];
  /** The whole body where it is Google's envelope: only that is fit for a native caller. */
  readonly envelope: JsonObject | null;
}

const MESSAGE_LENGTH = 2000;
const OPERATORS_SECONDS = 60;
/** Nobody says when a quota comes back: a day's does at its end, an empty account's when somebody pays. */
const QUOTA_SECONDS = 3600;

export function parseError(status: number, words: Json, retryAfter: string | null = null): GatewayError {
  const said = read(words);
  const waits = retryAfterSeconds(said, retryAfter);
  const vendor = said.envelope === null ? undefined : { status, words: said.envelope };
  if (isCallersFile(status, said)) return refused(status, said);
  if (isLocation(status, said)) return ours('upstream_location', 'it may not be used from where this gateway runs');
  if (isCredential(status, said)) return ours('upstream_credentials', "this gateway's own credentials were refused");
  if (status === 404 || said.tokens.includes('model_not_found')) {
    return ours('upstream_model', 'it does not offer this model under the name this gateway has for it');
  }
  if (said.tokens.includes('REQUEST_LOOP')) return ours('upstream_loop', 'it leads back to where its calls come from');
  if (status === 402 || isQuota(status, said)) {
    const message = "The upstream's quota for this gateway is used up. The operator of the gateway can raise it.";
    return failed('upstream_quota', message, {
      code: 'upstream_quota',
      retryAfterSeconds: QUOTA_SECONDS,
      retry: false,
    });
  }
  if (status === 429) return busy(said, waits, undefined);
  if (status === 413) return refused(status, said);
  if (status === 400 || status === 422) return refused(status, said);
  if (status === 503 || status === 529) return busy(said, waits, vendor);
  if (status === 408 || status === 499 || status === 504 || status === 524) {
    // Whoever gave up had begun, or waited for somebody who had. Who draws may not have heard of it.
    const message = `The upstream gave up on this picture: it took too long. ${MAY_BE_PAID} A smaller size is drawn faster.`;
    const detail = { retry: false, mayHaveCost: true };
    return failed('upstream_timeout', message, { ...detail, vendor: status === 504 ? vendor : undefined });
  }
  // Only an upstream that answers in an API's own terms is known to have drawn nothing; a proxy's page in between is not.
  const isRefusal = (status >= 500 && said.tokens.length > 0) || NEVER_ARRIVED.has(status);
  const mayHaveCost = !isRefusal && isUnclear(status);
  const rest = isRefusal ? ' Nothing was drawn; try again.' : mayHaveCost ? ` ${MAY_BE_PAID}` : '';
  return failed('upstream_failed', `The upstream failed (HTTP ${status}).${rest}`, {
    retry: isRefusal,
    ...(mayHaveCost && { mayHaveCost }),
    vendor: status >= 500 ? vendor : undefined,
  });
}

const MAY_BE_PAID = 'It may have been paid for all the same, so it is not asked for again by itself.';

/**
 * Cloudflare's own, of a call that its origin never got: nobody listens, no way there, no TLS, no name.
 * https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
 */
const NEVER_ARRIVED = new Set([521, 523, 525, 526, 530]);
/** The method, the version or the network is refused, and so the call with it. */
const NEVER_BEGUN = new Set([501, 505, 511]);

/** A proxy's 502 says that the answer did not come through it, and an empty success that something was done: neither what. */
function isUnclear(status: number): boolean {
  return status < 300 || (status >= 500 && !NEVER_BEGUN.has(status));
}

function failed(failure: Failure, message: string, detail: FailureDetail): GatewayError {
  return new GatewayError(failure, message, detail);
}

/** About the request: the vendor says it best. */
function refused(status: number, said: Said): GatewayError {
  const failure = status === 413 ? 'too_large' : 'invalid_request';
  const unsaid = status === 413 ? 'The request is too large for the upstream.' : 'The upstream refused the request.';
  const message = said.message === '' ? unsaid : said.message;
  const vendor = said.envelope === null ? undefined : { status, words: said.envelope };
  const code =
    status === 413 ? 'request_too_large' : isSignature(said) ? 'thought_signature_refused' : 'upstream_refused';
  return failed(failure, message, { code, vendor });
}

/** A thought signature is missing, broken or another picture's: https://ai.google.dev/gemini-api/docs/thought-signatures */
function isSignature({ message }: Said): boolean {
  return /thought[_ ]?signature/i.test(message);
}

/** About us: in our own words, and none of the vendor's, which may hold a key, a project or a price plan. */
function ours(code: string, reason: string): GatewayError {
  const message = `The upstream cannot be used: ${reason}. Neither your request nor your key is at fault; tell the operator of this gateway.`;
  return failed('unavailable', message, { code, retryAfterSeconds: OPERATORS_SECONDS });
}

function busy(said: Said, retryAfterSeconds: number | undefined, vendor: FailureDetail['vendor']): GatewayError {
  const isCapacity = said.tokens.includes('MODEL_CAPACITY_EXHAUSTED') || /overloaded|capacity/i.test(said.message);
  const code = isCapacity ? 'upstream_capacity' : 'upstream_busy';
  const message = isCapacity
    ? 'The model is overloaded at the upstream. Try again shortly.'
    : 'The upstream takes no more requests from this gateway right now. Try again shortly.';
  return failed('upstream_busy', message, { code, retryAfterSeconds, vendor });
}

/** A file or a cached content that the caller named: one that is gone, not ready, or another's. */
function isCallersFile(status: number, { message, envelope }: Said): boolean {
  return [400, 403, 404].includes(status) && envelope !== null && /\b(?:the File|files\/|CachedContent)/i.test(message);
}

function isLocation(status: number, { message }: Said): boolean {
  return (
    (status === 400 || status === 403) &&
    /location is not supported|not available in your (?:country|region)/i.test(message)
  );
}

/** Google answers 400 to a key it does not know. An `api key` among names and values of the caller's is none. */
function isCredential(status: number, { message, tokens }: Said): boolean {
  if (status === 401 || (status === 403 && !tokens.some(isQuotaWord))) return true;
  if (status !== 400) return false;
  if (tokens.includes('FAILED_PRECONDITION') || tokens.some((token) => token.startsWith('API_KEY_'))) return true;
  return /\bAPI key\b/i.test(message) && !/^Invalid (?:JSON payload|value at) /.test(message);
}

/** A day's quota, or a model that is not in the plan at all: waiting a minute does not help. */
function isQuota(status: number, { message, tokens, details }: Said): boolean {
  if (tokens.some(isQuotaWord)) return true;
  if (status !== 429) return false;
  if (/\blimit: 0(?![.\d])/.test(message)) return true;
  const violations = details.flatMap(({ violations }) => (Array.isArray(violations) ? violations : []));
  return violations.some(
    (violation) =>
      isObject(violation) && (/PerDay/i.test(text(violation.quotaId)) || text(violation.quotaValue) === '0'),
  );
}

/** Resellers' words for an empty account. */
function isQuotaWord(token: string): boolean {
  return /insufficient.*(?:quota|balance)|billing_hard_limit/i.test(token);
}

/** RetryInfo's `57.238747106s` or the header's seconds, rounded up. */
function retryAfterSeconds({ details }: Said, header: string | null): number | undefined {
  const delays = details.map(({ retryDelay }) => /^(\d{1,6}(?:\.\d+)?)s$/.exec(text(retryDelay))?.[1]);
  const said = delays.find((delay) => delay !== undefined) ?? /^\s*(\d{1,6})\s*$/.exec(header ?? '')?.[1];
  return said === undefined ? undefined : Math.max(1, Math.ceil(Number(said)));
}

function read(words: Json): Said {
  // Streams and the OpenAI route wrap the envelope in a list of one.
  const body = Array.isArray(words) ? (words[0] ?? null) : words;
  if (!isObject(body)) return { message: '', tokens: [], details: [], envelope: null };
  const error = body.error ?? body;
  if (!isObject(error)) return { message: shorten(text(error)), tokens: ['error'], details: [], envelope: null };
  const details = Array.isArray(error.details) ? error.details.filter((detail) => isObject(detail)) : [];
  const tokens = [error.status, error.type, error.code, ...details.map(({ reason }) => reason)].map(text);
  const isGoogles = isObject(body.error) && typeof error.status === 'string' && typeof error.code === 'number';
  return {
    message: shorten(text(error.message ?? error.detail)),
    tokens: tokens.filter((token) => token !== ''),
    details,
    envelope: isGoogles ? body : null,
  };
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function shorten(message: string): string {
  return message.length > MESSAGE_LENGTH ? `${message.slice(0, MESSAGE_LENGTH).toWellFormed()}…` : message;
}
