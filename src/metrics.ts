import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Outcome } from './errors.ts';

/** From a hit of 2 ms to a picture of 3 minutes. */
const SECONDS = [
  0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180,
];
const OWN_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const BYTES = [0, 1, 2, 3, 4, 5, 6].map((power) => 16_384 * 4 ** power);

export type CacheResult = 'hit' | 'miss' | 'bypass' | 'collapsed' | 'error';

/** What became of one call upstream. */
export type UpstreamOutcome =
  | 'ok'
  | 'no_image'
  | 'safety'
  | 'http_4xx'
  | 'http_429'
  | 'http_5xx'
  | 'timeout'
  | 'reset'
  | 'truncated'
  | 'parse'
  | 'too_large'
  | 'bad_picture'
  | 'not_sent';

/** What is read at each scrape instead of being counted. */
export interface Gauges {
  cacheBytes(): number;
  flights(): number;
  waiters(): number;
  bytesInFlight(): number;
}

/** Every series of the gateway. Labels come from closed sets only: routes, configured models, tenants, unions. */
export interface Metrics {
  http(route: string, method: string, status: number, outcome: Outcome, seconds: number, ownSeconds: number): void;
  bytes(direction: 'in' | 'out', count: number): void;
  cache(result: CacheResult): void;
  bypass(reason: string): void;
  evicted(reason: string): void;
  upstreamStarted(model: string): void;
  upstreamEnded(model: string, outcome: UpstreamOutcome, seconds: number): void;
  spent(model: string, tenant: string, nanos: number): void;
  saved(model: string, tenant: string, nanos: number): void;
  denied(tenant: string, reason: string): void;
  readonly contentType: string;
  render(): Promise<string>;
}

export interface MetricsOptions {
  readonly version: string;
  readonly simulator: boolean;
  readonly gauges: Gauges;
}

export function createMetrics({ version, simulator, gauges }: MetricsOptions): Metrics {
  const registers = [new Registry()];
  const registry = registers[0]!;
  collectDefaultMetrics({ register: registry });

  const gauge = (name: string, help: string, read?: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      ...(read && {
        collect() {
          this.set(read());
        },
      }),
    });
  new Gauge({
    name: 'plantain_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1);
  gauge('plantain_simulator', '1 when the built-in simulator draws, 0 when a vendor does.').set(simulator ? 1 : 0);
  new Gauge({
    name: 'plantain_cache_bytes',
    help: 'Bytes of pictures kept, by tier of the store.',
    labelNames: ['tier'],
    registers,
    collect() {
      this.set({ tier: 'memory' }, gauges.cacheBytes());
    },
  });
  gauge('plantain_singleflight_flights', 'Pictures being drawn right now.', gauges.flights);
  gauge(
    'plantain_singleflight_waiters',
    'Callers waiting for a picture somebody else asked for first.',
    gauges.waiters,
  );
  gauge('plantain_bytes_in_flight', 'Bytes of request and reply bodies held right now.', gauges.bytesInFlight);

  const requests = new Counter({
    name: 'plantain_http_requests_total',
    help: 'Requests answered.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const duration = new Histogram({
    name: 'plantain_http_request_duration_seconds',
    help: 'From the last header received to the last byte handed over; hits (cached), joins and misses (ok) apart.',
    labelNames: ['route', 'outcome'],
    buckets: SECONDS,
    registers,
  });
  const own = new Histogram({
    name: 'plantain_overhead_seconds',
    help: 'Time spent by the gateway itself: neither waiting for an upstream nor for a slow reader.',
    labelNames: ['outcome'],
    buckets: OWN_SECONDS,
    registers,
  });
  const bodies = new Histogram({
    name: 'plantain_http_body_bytes',
    help: 'Body sizes, received and sent.',
    labelNames: ['direction'],
    buckets: BYTES,
    registers,
  });
  const cache = new Counter({
    name: 'plantain_cache_requests_total',
    help: 'Pictures looked up, by result.',
    labelNames: ['tier', 'result'],
    registers,
  });
  const bypass = new Counter({
    name: 'plantain_cache_bypass_total',
    help: 'Pictures the cache had no part in, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const evictions = new Counter({
    name: 'plantain_cache_evictions_total',
    help: 'Pictures dropped from the store.',
    labelNames: ['tier', 'reason'],
    registers,
  });
  const upstream = new Counter({
    name: 'plantain_upstream_requests_total',
    help: 'Calls to upstreams, by what became of them.',
    labelNames: ['model', 'outcome'],
    registers,
  });
  const upstreamSeconds = new Histogram({
    name: 'plantain_upstream_duration_seconds',
    help: 'Time an upstream took to answer whole.',
    labelNames: ['model'],
    buckets: SECONDS,
    registers,
  });
  const inflight = new Gauge({
    name: 'plantain_upstream_inflight',
    help: 'Calls to upstreams in the air.',
    labelNames: ['model'],
    registers,
  });
  const spend = new Counter({
    name: 'plantain_spend_usd_total',
    help: 'Dollars settled; the ledger is the truth.',
    labelNames: ['model', 'tenant'],
    registers,
  });
  const saved = new Counter({
    name: 'plantain_saved_usd_total',
    help: 'Dollars not spent because the picture was already there or in the air.',
    labelNames: ['model', 'tenant'],
    registers,
  });
  const denied = new Counter({
    name: 'plantain_budget_denied_total',
    help: 'Requests refused for want of budget.',
    labelNames: ['tenant', 'reason'],
    registers,
  });
  // Series that exist from the start, so that a dashboard has a zero to draw.
  for (const result of ['hit', 'miss', 'bypass', 'collapsed', 'error'] satisfies CacheResult[])
    cache.inc({ tier: 'memory', result }, 0);

  return {
    http(route, method, status, outcome, seconds, ownSeconds) {
      requests.inc({ route, method, status });
      duration.observe({ route, outcome }, seconds);
      own.observe({ outcome }, ownSeconds);
    },
    bytes: (direction, count) => bodies.observe({ direction }, count),
    cache: (result) => cache.inc({ tier: 'memory', result }),
    bypass: (reason) => bypass.inc({ reason }),
    evicted: (reason) => evictions.inc({ tier: 'memory', reason }),
    upstreamStarted: (model) => inflight.inc({ model }),
    upstreamEnded(model, outcome, seconds) {
      inflight.dec({ model });
      upstream.inc({ model, outcome });
      upstreamSeconds.observe({ model }, seconds);
    },
    spent: (model, tenant, nanos) => spend.inc({ model, tenant }, nanos / 1e9),
    saved: (model, tenant, nanos) => saved.inc({ model, tenant }, nanos / 1e9),
    denied: (tenant, reason) => denied.inc({ tenant, reason }),
    contentType: registry.contentType,
    render: () => registry.metrics(),
  };
}
