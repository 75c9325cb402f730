import type { Failure } from '../errors.ts';
import type { UpstreamOutcome } from '../metrics.ts';

interface Series {
  inc(labels: Record<string, string>, value?: number): void;
}
interface Level extends Series {
  dec(labels: Record<string, string>): void;
  set(labels: Record<string, string>, value: number): void;
}
interface Times {
  observe(labels: Record<string, string>, value: number): void;
}

/** What makes series: the names and labels are here, the registry is its caller's. */
export interface Makers {
  readonly counter: (name: string, help: string, ...labels: string[]) => Series;
  readonly gauge: (name: string, help: string, ...labels: string[]) => Level;
  readonly histogram: (name: string, help: string, buckets: number[], ...labels: string[]) => Times;
}

export interface UpstreamMetrics {
  upstreamStarted(model: string): void;
  upstreamEnded(model: string, outcome: UpstreamOutcome, seconds: number): void;
  /** What was done instead of the first call, or beside it. */
  attempt(event: string, upstream: string, model: string): void;
  breaker(upstream: string, model: string, isOpen: boolean): void;
  queue(event: string, model: string): void;
  /** A picture past its time, in the place of one that could not be drawn. */
  stoodIn(model: string, failure: Failure): void;
  /** A request for a model that was down, which falls over to another. */
  fellOver(model: string, outcome: 'served' | 'failed' | 'not_possible'): void;
  /** What became of a picture that was to be fetched for a request. */
  remotePicture(outcome: string): void;
}

/** Pictures take from a second to minutes: `buckets` in seconds. */
export function upstreamMetrics({ counter, gauge, histogram }: Makers, buckets: number[]): UpstreamMetrics {
  const calls = counter(
    'plantain_upstream_requests_total',
    'Calls to upstreams, by what became of them.',
    'model',
    'outcome',
  );
  const seconds = histogram(
    'plantain_upstream_duration_seconds',
    'Time an upstream took to answer whole.',
    buckets,
    'model',
  );
  const inflight = gauge('plantain_upstream_inflight', 'Calls to upstreams in the air.', 'model');
  const attempts = counter(
    'plantain_upstream_attempts_total',
    'What was done after a call that cost nothing, or in its place: repeated, other_key, other_target, breaker_open, keys_resting.',
    'event',
    'upstream',
    'model',
  );
  const breakers = gauge(
    'plantain_breaker_open',
    'Whether calls to this model of this upstream are held back.',
    'upstream',
    'model',
  );
  const queue = counter(
    'plantain_queue_events_total',
    'Pictures that found as many in the air as may be: queued; and what became of them: entered, full, late, made_way, left.',
    'event',
    'model',
  );
  const stale = counter(
    'plantain_stale_served_total',
    'Pictures past their time that stood in for one nobody could draw, by why.',
    'model',
    'failure',
  );
  const fallbacks = counter(
    'plantain_model_fallbacks_total',
    'Requests whose model was down and falls over to another: served by it, failed with it too, or not_possible (too dear, not allowed, or more than it can do).',
    'model',
    'outcome',
  );
  const remotes = counter(
    'plantain_remote_pictures_total',
    'Pictures that requests named by an address: fetched, refused (the address), unreachable, late, too_large, no_picture, busy.',
    'outcome',
  );
  return {
    upstreamStarted: (model) => inflight.inc({ model }),
    upstreamEnded(model, outcome, took) {
      inflight.dec({ model });
      calls.inc({ model, outcome });
      seconds.observe({ model }, took);
    },
    attempt: (event, upstream, model) => attempts.inc({ event, upstream, model }),
    queue: (event, model) => queue.inc({ event, model }),
    breaker: (upstream, model, isOpen) => breakers.set({ upstream, model }, isOpen ? 1 : 0),
    stoodIn: (model, failure) => stale.inc({ model, failure }),
    fellOver: (model, outcome) => fallbacks.inc({ model, outcome }),
    remotePicture: (outcome) => remotes.inc({ outcome }),
  };
}
