import type { Config } from '../config.ts';
import type { GatewayError } from '../errors.ts';
import { formatUsd } from '../image/price.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Redis } from '../redis.ts';
import { openEmbeddedState } from '../tenants/embedded-state.ts';
import { limitImages } from '../tenants/image-limits.ts';
import { RateCounter } from '../tenants/rate-counter.ts';
import type { RateTaker } from '../tenants/rate-counter.ts';
import type { RedisState, RedisStateEvents } from '../tenants/redis-state.ts';
import type { RegistryStore } from '../tenants/registry-store.ts';
import type { SpendState } from '../tenants/state.ts';
import type { LimitedState } from './limits.ts';
import type { Expired } from './ledger.ts';

/** The store of budgets, limits and the ledger, whichever it is. */
export interface OpenedState {
  readonly state: SpendState;
  readonly kind: 'embedded' | 'redis';
  /** Tenants and keys of the run time, and their audit trail. */
  readonly registry: RegistryStore;
  /** Balances for those who must not wait for a store that is not there: as this instance's own ledger has them. */
  readonly lastKnown: Pick<SpendState, 'spent'>;
  /** Settlements the store has still to be told. */
  untold(): number;
  /** Tells from now on what it does by itself, and what it did before. */
  watch(metrics: Metrics): void;
  /** The limits of tenants, before the money of `state`. */
  limited(state: SpendState, metrics: Metrics): LimitedState;
  close(): Promise<void>;
}

export interface StateParts {
  /** The ledger's file. */
  readonly file: string;
  readonly now: () => number;
  readonly log: Log;
}

/** Of those who asked within a minute; some 10 MB. */
const TENANTS = 65_536;

/** Rejects with GatewayError `unavailable`: the file or the Redis cannot be used, and why. */
export function openState(config: Pick<Config, 'state' | 'simulator'>, parts: StateParts): Promise<OpenedState> {
  const { state } = config;
  if (state === 'embedded') return embedded(parts);
  return shared(state.url, config.simulator ? 'simulator' : 'live', parts);
}

async function embedded({ file, now, log }: StateParts): Promise<OpenedState> {
  const state = await openEmbeddedState({ file, now });
  return {
    state,
    kind: 'embedded',
    registry: state.registry,
    lastKnown: state,
    untold: () => 0,
    watch(metrics) {
      const tell = teller(log, metrics);
      tell.buried(state.expired);
      state.watch({
        expired: tell.expired,
        settledLate: () => metrics.settledLate(),
        disk(trouble) {
          if (trouble === null) log.warn('ledger: it can be written again');
          else
            log.warn('ledger: it cannot be written; what would cost something is refused', {
              reason: reasonOf(trouble),
            });
        },
      });
    },
    limited(watched, metrics) {
      const images = limitImages({ state: watched, count: metrics.limited, now: steady });
      return { state: images.state, standing: images.standing, requests: localRequests() };
    },
    close: () => state.close(),
  };
}

async function shared(url: string, realm: 'live' | 'simulator', { file, now, log }: StateParts): Promise<OpenedState> {
  // What only some need costs the others nothing at their start.
  const [{ openRedis }, { createRedisRegistry }, { openRedisState, prefixOf }, { RedisRateCounter }] =
    await Promise.all([
      import('../redis.ts'),
      import('../tenants/redis-registry.ts'),
      import('../tenants/redis-state.ts'),
      import('../tenants/redis-rate-counter.ts'),
    ]);
  const redis = openRedis(url);
  const later = deferred();
  let state: RedisState;
  const onRestored = (records: number): void =>
    log.warn('keys: Redis had lost tenants or keys that this instance knew, and was told them again', { records });
  try {
    state = await openRedisState({
      redis,
      realm,
      file,
      now,
      events: eventsOf(log, later.tell, redis),
      audit: (entry) => registry.write({ expected: [], records: [], audit: entry }).then(() => undefined),
    });
  } catch (error) {
    await redis.close();
    throw error;
  }
  const { copy } = state;
  const registry = createRedisRegistry({ redis, prefix: `${prefixOf(realm)}registry`, copy, onRestored });
  return {
    state,
    kind: 'redis',
    registry,
    lastKnown: { spent: state.lastKnown },
    untold: () => state.untold(),
    watch: later.begin,
    limited: (watched) => ({
      state: watched,
      standing: state.standing,
      requests: new RedisRateCounter({
        redis,
        prefix: prefixOf(realm),
        local: localRequests(),
        capacity: TENANTS,
        now: steady,
      }),
    }),
    async close() {
      await state.close();
      await redis.close();
    },
  };
}

function eventsOf(log: Log, tell: (what: (metrics: Metrics) => void) => void, redis: Redis): RedisStateEvents {
  redis.watch({ done: (op, outcome, seconds) => tell((metrics) => metrics.storeOp('redis', op, outcome, seconds)) });
  return {
    buried: (expired) => tell((metrics) => teller(log, metrics).buried(expired)),
    expired: (expired) => tell((metrics) => teller(log, metrics).expired(expired)),
    settledLate: () => tell((metrics) => metrics.settledLate()),
    resynced: () => tell((metrics) => metrics.ledgerResynced()),
    limited: (limiter, decision) => tell((metrics) => metrics.limited(limiter, decision)),
    noted: (level, message, fields) => log[level](message, fields),
    faulted: (message, error) => log.fault(message, error),
  };
}

/** The metrics come after what they measure: what happens before is told when they are there. */
function deferred(): { tell(what: (metrics: Metrics) => void): void; begin(metrics: Metrics): void } {
  let metrics: Metrics | null = null;
  const waiting: ((metrics: Metrics) => void)[] = [];
  return {
    tell: (what) => void (metrics === null ? waiting.push(what) : what(metrics)),
    begin(begun) {
      metrics = begun;
      for (const what of waiting.splice(0)) what(begun);
    },
  };
}

function teller(log: Log, metrics: Metrics): { expired(expired: Expired): void; buried(expired: Expired): void } {
  const told =
    (message: string) =>
    ({ holds: pictures, nanos }: Expired): void => {
      if (pictures === 0) return;
      metrics.holdsExpired(pictures);
      log.warn(message, { pictures, costUsd: formatUsd(nanos) });
    };
  return {
    expired: told('ledger: pictures that nobody settled in time were charged as unknown'),
    buried: told('ledger: pictures in the air when the last run ended were charged as unknown'),
  };
}

/** SQLite's own words, which quote nothing. */
function reasonOf({ cause, message }: GatewayError): string {
  return typeof cause === 'string' ? cause : message;
}

function localRequests(): RateTaker {
  return new RateCounter({ capacity: TENANTS, now: steady });
}

/** A clock that is set would give limits away, or keep them shut. */
function steady(): number {
  return Math.floor(performance.now());
}
