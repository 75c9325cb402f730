/** The closed vocabulary of what became of a request: the same words in every dialect, in metrics and in the ledger. */
export type Outcome = 'ok' | 'cached' | 'joined' | Failure;

export type Failure =
  | 'blocked_prompt'
  | 'blocked_output'
  | 'no_image'
  | 'invalid_request'
  | 'unsupported'
  | 'unauthenticated'
  | 'forbidden'
  | 'unknown_model'
  | 'too_large'
  | 'rate_limited'
  | 'budget_reserved'
  | 'budget_exhausted'
  | 'not_cached'
  | 'idempotency_mismatch'
  | 'upstream_busy'
  | 'upstream_quota'
  | 'upstream_failed'
  | 'upstream_timeout'
  | 'unavailable'
  | 'internal';

/** The HTTP status of each failure where a dialect has no status of its own for it. */
export const FAILURE_STATUS = {
  blocked_prompt: 400,
  blocked_output: 400,
  no_image: 422,
  invalid_request: 400,
  unsupported: 400,
  unauthenticated: 401,
  forbidden: 403,
  unknown_model: 404,
  too_large: 413,
  rate_limited: 429,
  budget_reserved: 429,
  budget_exhausted: 429,
  not_cached: 504,
  idempotency_mismatch: 422,
  upstream_busy: 503,
  upstream_quota: 503,
  upstream_failed: 502,
  upstream_timeout: 504,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<Failure, number>;

/** What the model or its filters refuse: in a conversation that is an answer. */
export function isRefusal({ failure }: { readonly failure: Failure }): boolean {
  return failure === 'blocked_prompt' || failure === 'blocked_output';
}

export interface FailureDetail {
  /** The field at fault, as the caller spelt its path: `size`, `generationConfig.imageConfig.imageSize`. */
  readonly param?: string | undefined;
  /** A narrower machine word than the failure, such as `unsupported_value` or `missing_required_parameter`. */
  readonly code?: string | undefined;
  /** A status that differs from the failure's own: 405, 408, 414, 415, 431 are all `invalid_request`. */
  readonly status?: number | undefined;
  /** Seconds after which the same request may succeed. */
  readonly retryAfterSeconds?: number | undefined;
  /** Whether an SDK may send the same request again by itself. Absent: decided by the failure. */
  readonly retry?: boolean | undefined;
  /** It speaks of this one caller: whoever waits for the same picture is not refused with it. Absent: decided by the failure. */
  readonly inPerson?: boolean | undefined;
  /** What the vendor itself said, for callers of the vendor's own dialect. Never about our credentials. */
  readonly vendor?: { readonly status: number; readonly words: unknown } | undefined;
  /** A refusal that does not say that nothing was drawn: it is charged as unknown, and nobody asks again by itself. */
  readonly mayHaveCost?: boolean | undefined;
  /**
   * Nobody who offers the model could draw it just now, whoever asked: an older picture may stand in for it. Whether it
   * cannot have cost anything, or may have. Absent: somebody could have, or the reason lies in the request.
   */
  readonly down?: 'for_nothing' | 'perhaps_paid' | undefined;
  /** Nano-dollars: what it cost whoever asked, though nothing came of it. Absent: nothing. */
  readonly costNanos?: number | undefined;
  /** Extra response headers, such as `allow` on a 405. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A failure with words for the one who caused it. The message never holds a prompt, a key or an upstream's secret. */
export class GatewayError extends Error {
  readonly failure: Failure;
  readonly detail: FailureDetail;

  constructor(failure: Failure, message: string, detail: FailureDetail = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'GatewayError';
    this.failure = failure;
    this.detail = detail;
  }

  /** The same, of a request that cost so many nano-dollars. */
  costing(costNanos: number): GatewayError {
    return new GatewayError(this.failure, this.message, { ...this.detail, costNanos }, this.cause);
  }

  /** The same, where nobody could draw it. */
  ofAll(down: FailureDetail['down']): GatewayError {
    return new GatewayError(this.failure, this.message, { ...this.detail, down }, this.cause);
  }

  get status(): number {
    return this.detail.status ?? FAILURE_STATUS[this.failure];
  }
}
