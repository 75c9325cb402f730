import { RedisLeases } from '../cache/redis-leases.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Redis } from '../redis.ts';

/** The leases of instances that share a cache: in its Redis, beside what they are about. */
export function openLeases(
  redis: Redis,
  prefix: string,
  { log, metrics }: { log: Log; metrics: Metrics },
): RedisLeases {
  redis.watch({
    done(op, outcome, seconds) {
      if (op.startsWith('lease_')) metrics.storeOp('redis-cache', op, outcome, seconds);
    },
  });
  return new RedisLeases({
    redis,
    prefix,
    events: {
      takenOver: () => metrics.leaseTakenOver(),
      troubled: (trouble) => metrics.leaseTroubled(trouble),
      away: (reason) =>
        log.warn('joining: Redis does not answer; each instance joins its own requests alone', { reason }),
      back: () => log.info('joining: Redis answers again; requests are joined across instances'),
    },
  });
}
