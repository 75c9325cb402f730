import { GatewayError } from '../errors.ts';
import type { Rate } from './rate-limit.ts';

/** What a tenant may ask for in a time, whatever it costs. Null: as much as it likes. */
export interface Limits {
  readonly requestsPerMinute: number | null;
  readonly imagesPerMinute: number | null;
  readonly concurrentImages: number | null;
  /** shadow: counted as if it were enforced, and let pass. */
  readonly mode: 'enforce' | 'shadow' | 'off';
}

export type Limiter = 'requests' | 'images' | 'concurrent_images' | 'failed_authentication' | 'links';
export type LimitDecision = 'allowed' | 'denied' | 'shadow_denied';
/** Told of every decision, for the metrics. */
export type CountLimit = (limiter: Limiter, decision: LimitDecision) => void;

const MINUTE_MS = 60_000;

export function perMinute(limit: number): Rate {
  return { limit, periodMs: MINUTE_MS };
}

/** Over a limit now, and within it after a while. */
export function rateLimited(message: string, waitMs: number): GatewayError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new GatewayError('rate_limited', `${message} Try again in ${retryAfterSeconds} s.`, { retryAfterSeconds });
}
