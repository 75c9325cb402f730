/**
 * A rate as a bucket that drains evenly: as much as the limit at once, and then as much as drains meanwhile. In any
 * window of length t no more than `limit + t * limit / periodMs` is accepted. This is the generic cell rate algorithm,
 * counted in whole numbers, so that a wait is exact: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 */
export interface Rate {
  /** Weight in a period, and at once. A whole number. */
  readonly limit: number;
  /** Whole milliseconds. */
  readonly periodMs: number;
}

/** What was accepted and has not drained yet. */
export interface Bucket {
  /** In milliseconds times the limit: one unit of weight is one period. */
  readonly backlog: number;
  /** Milliseconds of a clock that never goes back. */
  readonly at: number;
}

export interface Standing {
  readonly limit: number;
  /** Weight that would be accepted now. */
  readonly remaining: number;
  /** Until nothing of what was accepted counts any more. */
  readonly resetMs: number;
}

export const EMPTY: Bucket = { backlog: 0, at: 0 };

/** The bucket with so much more in it, whether it fits or not. */
export function fill(bucket: Bucket, rate: Rate, weight: number, now: number): Bucket {
  return { backlog: drained(bucket, rate, now) + weight * rate.periodMs, at: now };
}

/** Milliseconds until so much fits, exactly: 0 when it fits now. More than the limit never fits: to be refused before. */
export function waitMs(bucket: Bucket, rate: Rate, weight: number, now: number): number {
  const over = drained(bucket, rate, now) + (weight - rate.limit) * rate.periodMs;
  return Math.max(0, Math.ceil(over / rate.limit));
}

export function standing(bucket: Bucket, rate: Rate, now: number): Standing {
  const backlog = drained(bucket, rate, now);
  return {
    limit: rate.limit,
    remaining: Math.max(0, Math.floor(rate.limit - backlog / rate.periodMs)),
    resetMs: Math.ceil(backlog / rate.limit),
  };
}

function drained({ backlog, at }: Bucket, { limit }: Rate, now: number): number {
  return Math.max(0, backlog - (now - at) * limit);
}
