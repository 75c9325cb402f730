import { expect } from 'vitest';
import { RedisLeases } from '../../src/cache/redis-leases.ts';
import type { LeaseTimes, LeaseTrouble } from '../../src/cache/redis-leases.ts';
import type { Lease, Turn, Wishes } from '../../src/cache/leases.ts';
import { openRedis } from '../../src/redis.ts';
import type { Redis } from '../../src/redis.ts';

/** Of a busy test machine: a lease must not lapse because a process was not heard for a moment. */
export const TIMES: LeaseTimes = {
  leaseMs: 2_000,
  renewMs: 200,
  lookMs: 10_000,
  askMs: 2_000,
  aloneMs: 0,
  patienceMs: 1_000,
};

/** One gateway of several, as far as leases go. */
export interface Instance {
  readonly leases: RedisLeases;
  readonly redis: Redis;
  /** What it told, in order. */
  readonly told: (LeaseTrouble | 'takenOver' | 'away' | 'back')[];
  /** How often it has asked for a lease, and was answered. */
  asked(): number;
  seek(name: string, wishes?: Partial<Wishes<string>>): Promise<Turn<string>>;
  /** Is not heard of any more, and hears nothing: as a killed process. */
  die(): Promise<void>;
  close(): Promise<void>;
}

export async function startInstance(url: string, times: Partial<LeaseTimes> = {}): Promise<Instance> {
  const redis = openRedis(url);
  await expect.poll(() => redis.trouble()).toBeNull();
  const told: Instance['told'] = [];
  let asked = 0;
  redis.watch({ done: (op) => (asked += op === 'lease_seek' ? 1 : 0) });
  const leases = new RedisLeases({
    redis,
    prefix: '{test}:',
    times: { ...TIMES, ...times },
    events: {
      takenOver: () => told.push('takenOver'),
      troubled: (trouble) => told.push(trouble),
      away: () => told.push('away'),
      back: () => told.push('back'),
    },
  });
  return {
    leases,
    redis,
    told,
    asked: () => asked,
    seek: (name, { collect, onWait, deserted } = {}) =>
      leases.seek(name, {
        collect: collect ?? (() => Promise.reject(new Error('nothing was to be collected'))),
        onWait: onWait ?? (() => undefined),
        deserted: deserted ?? new AbortController().signal,
      }),
    die: () => redis.close(),
    async close() {
      await leases.close();
      await redis.close();
    },
  };
}

/** The lease of a turn that has one. */
export function leaseOf(turn: Turn<string>): Lease {
  if (turn.kind !== 'lead' || turn.lease === null) throw new Error(`no lease, but ${turn.kind}`);
  return turn.lease;
}

/** Resolves, with the turn to come, when it is known that somebody else is at it. */
export async function waiting(
  instance: Instance,
  name: string,
  wishes: Parameters<Instance['seek']>[1] = {},
): Promise<{ readonly turn: Promise<Turn<string>> }> {
  const waits = Promise.withResolvers<void>();
  const turn = instance.seek(name, { ...wishes, onWait: waits.resolve });
  await Promise.race([waits.promise, turn.then(({ kind }) => Promise.reject(new Error(`it does not wait: ${kind}`)))]);
  return { turn };
}
