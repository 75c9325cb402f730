import type { LimitParts } from '../http/rate-limit.ts';
import type { Metrics } from '../metrics.ts';
import { limitImages } from '../tenants/image-limits.ts';
import { RateCounter } from '../tenants/rate-counter.ts';
import type { SpendState } from '../tenants/state.ts';

export interface Limited {
  /** The state with the limits on pictures before its money. */
  readonly state: SpendState;
  readonly limits: LimitParts;
}

const STRANGERS_PER_MINUTE = 60;
/** Of those who asked within a minute; some 10 MB. */
const TENANTS = 65_536;
/** Some 10 MB. */
const ADDRESSES = 65_536;

export function applyLimits(state: SpendState, metrics: Metrics): Limited {
  // A clock that is set would give limits away, or keep them shut.
  const now = (): number => Math.floor(performance.now());
  const images = limitImages({ state, count: metrics.limited, now });
  return {
    state: images.state,
    limits: {
      requests: new RateCounter({ capacity: TENANTS, now }),
      strangers: new RateCounter({ capacity: ADDRESSES, now }),
      strangersPerMinute: STRANGERS_PER_MINUTE,
      imageStanding: images.standing,
      count: metrics.limited,
    },
  };
}
