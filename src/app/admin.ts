import { MOST_ROWS, USAGE_FORMATS } from '../cli/usage.ts';
import type { CacheAdmin } from '../cache/store.ts';
import type { Config } from '../config.ts';
import { GatewayError } from '../errors.ts';
import type { AdminParts } from '../http/admin/admin.ts';
import { usageOf } from '../tenants/ledger-audit.ts';
import { RateCounter } from '../tenants/rate-counter.ts';
import type { Registry } from '../tenants/registry.ts';
import type { RegistryStore } from '../tenants/registry-store.ts';
import type { SpendState } from '../tenants/state.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { readerInForce } from './configured.ts';

const STRANGERS_PER_MINUTE = 60;
/** Some 2 MB. */
const ADDRESSES = 10_000;
/** Each is a thread with a cache of its own. */
const MOST_REPORTS = 2;

export interface AdminApp {
  /** The one in force. */
  readonly config: () => Config;
  readonly keySha256: string;
  readonly registry: Registry;
  readonly store: RegistryStore;
  readonly state: SpendState;
  /** The file of its ledger. */
  readonly ledger: string;
  readonly cache: CacheAdmin;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Unix ms. */
  readonly now: () => number;
}

/** What the admin port is over. */
export function adminParts({ config, store, state, ledger, cache, ...rest }: AdminApp): AdminParts {
  let reports = 0;
  return {
    ...rest,
    reader: readerInForce(config),
    audit: (query) => store.audit(query),
    balances: (accountKeys) => state.spent(accountKeys),
    ledger: state,
    // Pictures are in memory alone: they go with their time to live, and nobody has a key to them any more.
    cache,
    async usage(query, format) {
      if (reports >= MOST_REPORTS)
        throw new GatewayError(
          'unavailable',
          `${MOST_REPORTS} reports are being made already. Try again in a moment.`,
          {
            retryAfterSeconds: 2,
            code: 'busy',
          },
        );
      reports += 1;
      try {
        return USAGE_FORMATS[format](query.by, await usageOf(ledger, query, MOST_ROWS));
      } finally {
        reports -= 1;
      }
    },
    strangers: new RateCounter({ capacity: ADDRESSES, now: () => Math.floor(performance.now()) }),
    strangersPerMinute: STRANGERS_PER_MINUTE,
    trustProxy: config().trustProxy,
  };
}
