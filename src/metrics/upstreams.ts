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
  };
}
