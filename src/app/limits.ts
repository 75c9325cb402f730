import type { LimitParts } from '../http/rate-limit.ts';
import type { Metrics } from '../metrics.ts';
import type { Tenant } from '../tenants/authenticate.ts';
import { RateCounter } from '../tenants/rate-counter.ts';
import type { RateTaker } from '../tenants/rate-counter.ts';
import type { Standing } from '../tenants/rate-limit.ts';
import type { SpendState } from '../tenants/state.ts';

/** The limits of tenants, wherever they are counted. */
export interface LimitedState {
  /** The state with the limits on pictures before its money. */
  readonly state: SpendState;
  readonly standing: (tenant: Pick<Tenant, 'id' | 'limits'>) => Standing | null;
  readonly requests: RateTaker;
}

const STRANGERS_PER_MINUTE = 60;
/** A page of a hundred thumbnails, twelve times over: an office shares an address. */
const LINKS_PER_MINUTE = 1_200;
/** Some 10 MB. */
const ADDRESSES = 65_536;

/** Who has no good key is counted in this process, whoever else counts tenants: nobody's own limit hangs on it. */
export function limitParts({ requests, standing }: LimitedState, metrics: Metrics): LimitParts {
  return {
    requests,
    strangers: new RateCounter({ capacity: ADDRESSES, now: () => Math.floor(performance.now()) }),
    strangersPerMinute: STRANGERS_PER_MINUTE,
    links: new RateCounter({ capacity: ADDRESSES, now: () => Math.floor(performance.now()) }),
    linksPerMinute: LINKS_PER_MINUTE,
    imageStanding: standing,
    count: metrics.limited,
  };
}
