import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Outcome } from './errors.ts';
import { configMetrics } from './metrics/config.ts';
import type { ConfigMetrics } from './metrics/config.ts';
import { processMetrics } from './metrics/process.ts';
import type { ProcessMetrics } from './metrics/process.ts';
import { upstreamMetrics } from './metrics/upstreams.ts';
import type { UpstreamMetrics } from './metrics/upstreams.ts';
import { tenantLabels } from './metrics/tenant-label.ts';
import type { UpstreamOutcome } from './metrics/upstream-outcome.ts';

export type { UpstreamOutcome };

/** From a hit of 2 ms to a picture of 3 minutes. */
const SECONDS = [
  0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180,
];
const OWN_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const BYTES = [0, 1, 2, 3, 4, 5, 6].map((power) => 16_384 * 4 ** power);

export type CacheResult = 'hit' | 'miss' | 'bypass' | 'collapsed' | 'error';

/** What became of a task: the outcome of its request, or its own end. */
export type TaskOutcome = Outcome | 'cancelled' | 'interrupted';

/** What is read at each scrape instead of being counted. */
export interface Gauges {
  /** Of the tiers there are. */
  cacheBytes(): readonly { readonly tier: string; readonly bytes: number }[];
  flights(): number;
  queued(): number;
  waiters(): number;
  detached(): number;
  tasks(): number;
  bytesInFlight(): number;
  keysPaused(): number;
  /** Whether the store of budgets can be had. */
  stateUp(): boolean;
  /** Settlements it has still to be told. */
  untold(): number;
  /** Empty when it cannot be told in time. */
  budgets(): Promise<readonly BudgetReading[]>;
}

/** One budget in the period that runs now. */
export interface BudgetReading {
  readonly labels: Readonly<Record<(typeof BUDGET_LABELS)[number], string>>;
  readonly limitUsd: number;
  readonly spentUsd: number;
  readonly heldUsd: number;
}

const BUDGET_LABELS = ['level', 'owner', 'per', 'time_zone', 'models'] as const;

/** Every series of the gateway. Labels come from closed sets only: routes, configured models, tenants, unions. */
export interface Metrics extends UpstreamMetrics, ConfigMetrics, ProcessMetrics {
  http(route: string, method: string, status: number, outcome: Outcome, seconds: number, ownSeconds: number): void;
  bytes(direction: 'in' | 'out', count: number): void;
  /** `tier`: where a hit was found. What no tier can answer is counted on the first, which is always there. */
  cache(result: CacheResult, tier?: string): void;
  bypass(reason: string): void;
  /** A picture that another caller's request brought: of this instance, or of another. */
  joined(where: 'local' | 'instance'): void;
  leaseTakenOver(): void;
  leaseTroubled(trouble: string): void;
  evicted(tier: string, reason: string): void;
  /** What became of a link to a picture, or of the wish for one. */
  link(event: string): void;
  spent(model: string, tenant: string, nanos: number): void;
  /** `seconds`: how long the picture took that nobody had to wait for. */
  saved(model: string, tenant: string, nanos: number, seconds: number): void;
  denied(tenant: string, reason: string): void;
  alerted(level: string, threshold: number): void;
  holdsExpired(count: number): void;
  budgetExcess(model: string, tenant: string, nanos: number): void;
  keyPaused(tenant: string): void;
  settledLate(): void;
  storeOp(store: string, op: string, outcome: string, seconds: number): void;
  ledgerResynced(): void;
  ledgerDrift(nanos: number): void;
  limited(limiter: string, decision: string): void;
  admin(route: string, method: string, status: number): void;
  taskEnded(outcome: TaskOutcome): void;
  /** A request that used a name its vendor gives up: one of those in the models' data. */
  retiredName(name: string, successor: string): void;
  readonly contentType: string;
  render(): Promise<string>;
}

export interface MetricsOptions {
  readonly version: string;
  readonly simulator: boolean;
  /** Where budgets live. */
  readonly store: 'embedded' | 'redis';
  readonly gauges: Gauges;
}

export function createMetrics({ version, simulator, store, gauges }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // Gauges named like counters: promtool refuses them, and each has a twin without the suffix.
  for (const kind of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${kind}_total`);

  const counter = (name: string, help: string, ...labelNames: string[]): Counter =>
    new Counter({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[], ...labelNames: string[]): Histogram =>
    new Histogram({ name, help, buckets, labelNames, registers });
  const gauge = (name: string, help: string, ...labelNames: string[]): Gauge =>
    new Gauge({ name, help, labelNames, registers });
  /** A gauge that is asked at each scrape. */
  const asked = (name: string, help: string, read: () => number, labels: Record<string, string> = {}): Gauge =>
    new Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      registers,
      collect() {
        this.set(labels, read());
      },
    });

  gauge('plantain_build_info', 'Always 1; the labels say what runs.', 'version', 'node').set(
    { version, node: process.version },
    1,
  );
  gauge('plantain_simulator', '1 when the built-in simulator draws, 0 when a vendor does.').set(simulator ? 1 : 0);
  const cacheBytes = gauge('plantain_cache_bytes', 'Bytes of entries kept, by tier of the store.', 'tier');
  asked('plantain_singleflight_flights', 'Pictures being drawn right now.', gauges.flights);
  asked('plantain_queue_waiting', 'Pictures that wait until fewer are in the air.', gauges.queued);
  asked('plantain_singleflight_waiters', 'Callers waiting for what somebody else asked for first.', gauges.waiters);
  asked('plantain_singleflight_detached', 'Pictures being drawn that nobody waits for any more.', gauges.detached);
  asked('plantain_tasks_in_the_air', 'Tasks being drawn: what respond-async began.', gauges.tasks);
  asked('plantain_keys_paused', 'Keys paused right now for prohibited prompts.', gauges.keysPaused);
  const upOf = (): number => (gauges.stateUp() ? 1 : 0);
  asked('plantain_store_up', 'Whether budgets can be had from their store: 1, or 0.', upOf, { store });
  asked('plantain_ledger_untold', 'Charges the store of budgets has still to be told.', gauges.untold);
  asked('plantain_bytes_in_flight', 'Bytes of request and reply bodies held right now.', gauges.bytesInFlight);

  const requests = counter('plantain_http_requests_total', 'Requests answered.', 'route', 'method', 'status');
  const duration = histogram(
    'plantain_http_request_duration_seconds',
    'From the last header received to the last byte handed over; hits (cached), joins and misses (ok) apart.',
    SECONDS,
    'route',
    'outcome',
  );
  const own = histogram(
    'plantain_overhead_seconds',
    'Time spent by the gateway itself: neither waiting for an upstream nor for a slow reader.',
    OWN_SECONDS,
    'outcome',
  );
  const bodies = histogram('plantain_http_body_bytes', 'Body sizes, received and sent.', BYTES, 'direction');
  const cache = counter('plantain_cache_requests_total', 'Pictures looked up, by result.', 'tier', 'result');
  const bypass = counter('plantain_cache_bypass_total', 'Pictures not looked up, by reason.', 'reason');
  const joins = counter(
    'plantain_joined_total',
    'Pictures that came of the work another request had begun, on this instance (local) or on another (instance).',
    'where',
  );
  const takeOvers = counter(
    'plantain_lease_takeovers_total',
    'Pictures this instance drew because the one that had begun them was not heard of any more.',
  );
  const leaseTroubles = counter(
    'plantain_lease_troubles_total',
    'Pictures that several instances may have drawn: alone (Redis did not answer), lost (not heard of in time), unkept or unread (could not be handed on).',
    'trouble',
  );
  const evictions = counter('plantain_cache_evictions_total', 'Entries dropped from the store.', 'tier', 'reason');
  const links = counter(
    'plantain_links_total',
    'Links to pictures: made, not made and why, served, refused and why.',
    'event',
  );
  const spend = counter('plantain_spend_usd_total', 'Dollars settled; the ledger is the truth.', 'model', 'tenant');
  const saved = counter(
    'plantain_saved_usd_total',
    'Dollars not spent because the picture was already there or in the air.',
    'model',
    'tenant',
  );
  const savedSeconds = counter(
    'plantain_saved_seconds_total',
    'Seconds of drawing not spent because the picture was already there or in the air.',
    'model',
    'tenant',
  );
  const denied = counter('plantain_budget_denied_total', 'Requests refused for want of budget.', 'tenant', 'reason');
  const expired = counter(
    'plantain_budget_expired_holds_total',
    'Pictures that nobody settled, in the air when a run died or past their lease, charged in full as unknown.',
  );
  const late = counter('plantain_budget_late_settles_total', 'Charges that came in after their hold had expired.');
  const storeOps = histogram(
    'plantain_store_op_duration_seconds',
    'Time an operation of a store took, by what came of it: ok, refused, late, down, or error.',
    OWN_SECONDS,
    'store',
    'op',
    'outcome',
  );
  const resyncs = counter(
    'plantain_ledger_resyncs_total',
    'Times this instance took balances over from the shared store without having seen all that made them.',
  );
  const drift = gauge(
    'plantain_ledger_drift_usd',
    'Dollars by which balances differ from the rows they are made of, at the last check: anything but 0 is a fault.',
  );
  const limits = counter(
    'plantain_ratelimit_decisions_total',
    'Decisions of the limits on requests and pictures; shadow_denied ones were let pass.',
    'limiter',
    'decision',
  );
  const administered = counter(
    'plantain_admin_requests_total',
    'Calls of the admin API; 401 and 429 are those without its key.',
    'route',
    'method',
    'status',
  );
  const tasks = counter('plantain_tasks_total', 'Tasks that ended, by what became of them.', 'outcome');
  const retired = counter(
    'plantain_retired_name_requests_total',
    'Requests for a model by a name that its vendor has given up, or will.',
    'name',
    'successor',
  );
  const limit = gauge('plantain_budget_limit_usd', 'What a budget allows in its period.', ...BUDGET_LABELS);
  const spentOfIt = gauge(
    'plantain_budget_spent_usd',
    'What is spent of it in the period that runs.',
    ...BUDGET_LABELS,
  );
  const heldOfIt = gauge('plantain_budget_held_usd', 'What is held of it for pictures in the air.', ...BUDGET_LABELS);
  const alerts = counter('plantain_budget_alerts_total', 'Thresholds of budgets reached.', 'level', 'threshold');

  const excess = counter(
    'plantain_budget_excess_usd_total',
    'Dollars that replies cost beyond their worst case; the ceiling of a target is too low.',
    'model',
    'tenant',
  );
  const pauses = counter('plantain_keys_paused_total', 'Keys paused for prohibited prompts.', 'tenant');

  async function render(): Promise<string> {
    const readings = await gauges.budgets();
    for (const { tier, bytes } of gauges.cacheBytes()) cacheBytes.set({ tier }, bytes);
    for (const each of [limit, spentOfIt, heldOfIt]) each.reset();
    for (const { labels, limitUsd, spentUsd, heldUsd } of readings) {
      limit.set(labels, limitUsd);
      spentOfIt.set(labels, spentUsd);
      heldOfIt.set(labels, heldUsd);
    }
    return registry.metrics();
  }
  const label = tenantLabels();

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
    cache: (result, tier = 'memory') => cache.inc({ tier, result }),
    bypass: (reason) => bypass.inc({ reason }),
    joined: (where) => joins.inc({ where }),
    leaseTakenOver: () => takeOvers.inc(),
    leaseTroubled: (trouble) => leaseTroubles.inc({ trouble }),
    evicted: (tier, reason) => evictions.inc({ tier, reason }),
    link: (event) => links.inc({ event }),
    ...upstreamMetrics({ counter, gauge, histogram }, SECONDS),
    ...configMetrics({ counter, gauge, histogram }),
    ...processMetrics({ counter, gauge, histogram }),
    spent: (model, tenant, nanos) => spend.inc({ model, tenant: label(tenant) }, nanos / 1e9),
    saved(model, tenant, nanos, seconds) {
      saved.inc({ model, tenant: label(tenant) }, nanos / 1e9);
      savedSeconds.inc({ model, tenant: label(tenant) }, seconds);
    },
    denied: (tenant, reason) => denied.inc({ tenant: label(tenant), reason }),
    alerted: (level, threshold) => alerts.inc({ level, threshold: String(threshold) }),
    holdsExpired: (count) => expired.inc(count),
    budgetExcess: (model, tenant, nanos) => excess.inc({ model, tenant: label(tenant) }, nanos / 1e9),
    keyPaused: (tenant) => pauses.inc({ tenant: label(tenant) }),
    settledLate: () => late.inc(),
    storeOp: (store, op, outcome, seconds) => storeOps.observe({ store, op, outcome }, seconds),
    ledgerResynced: () => resyncs.inc(),
    ledgerDrift: (nanos) => drift.set(nanos / 1e9),
    limited: (limiter, decision) => limits.inc({ limiter, decision }),
    retiredName: (name, successor) => retired.inc({ name, successor }),
    taskEnded: (outcome) => tasks.inc({ outcome }),
    admin: (route, method, status) => administered.inc({ route, method, status }),
    contentType: registry.contentType,
    render,
  };
}
