import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import { RedisFailure } from '../redis.ts';
import type { Redis } from '../redis.ts';
import type { Expired } from './embedded-books.ts';
import type { LedgerThread } from './embedded-thread.ts';
import type { Memory, Position } from './mirror.ts';
import { examine } from './redis-fitness.ts';
import { adopt, catchUp, join } from './redis-join.ts';
import type { JoinParts } from './redis-join.ts';
import type { RedisStateEvents } from './redis-state.ts';
import { LostEpoch } from './redis-store.ts';
import type { RedisStore, Swept } from './redis-store.ts';

/** This instance among those that share a Redis: whether it agrees with Redis on what was spent, and its own copy of the ledger. */
export interface Membership {
  /** Money can be asked for. */
  isReady(): boolean;
  /** Why it cannot; null when it can. */
  trouble(): string | null;
  /** Redis said that its accounts are not those this instance knows. */
  lostEpoch(): void;
  /** Writes down what happened on all instances up to now. */
  follow(): Promise<void>;
  /** Charges what is held past its lease, whoever held it. */
  sweep(): Promise<Expired>;
  /** Resolves when this instance and Redis agree, or when a start should not wait for that. Rejects where it must not be used. */
  begin(): Promise<void>;
  close(withinMs: number): Promise<void>;
}

export interface MembershipParts {
  readonly redis: Redis;
  readonly store: RedisStore;
  readonly thread: LedgerThread;
  readonly prefix: string;
  readonly run: string;
  readonly memory: Memory;
  /** Unix ms. */
  readonly now: () => number;
  readonly events: RedisStateEvents;
  /** Told each time both agree, and from time to time: what there is to tell Redis, it may be told. */
  readonly onReady: () => Promise<void>;
}

const FOLLOW_EVERY_MS = 200;
const SWEEP_EVERY_MS = 5_000;
const TRY_AGAIN_MS = 300;
/** An unfit Redis is asked again whether it was mended. */
const EXAMINE_AGAIN_MS = 5_000;
/** How long a start waits until both agree, and for a Redis that is not there, before it goes on. */
const START_MS = 5_000;
const CONNECT_MS = 1_000;

/** Money is not safe with this Redis, as it is set up. */
class Unfit extends Error {}

export function membership(parts: MembershipParts): Membership {
  const { redis, store, thread, prefix, run, memory, now, events, onReady } = parts;
  const closing = new AbortController();
  const { signal } = closing;
  /** Earlier runs on this directory whose open holds were not charged yet. */
  const dead = new Set(memory.runs);
  let position: Position | null = memory.position;
  let ready = false;
  let unfit = false;
  let reason = 'Redis was not reached yet';
  let isEntering = false;
  let entering: Promise<void> = Promise.resolve();
  let connections = 0;
  let toldFitness = '';
  let following: Promise<void> = Promise.resolve();

  const isReady = (): boolean => ready && redis.trouble() === null;
  const lostEpoch = (): void => enter('Redis has lost its accounts');
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);

  /** From the loss or the beginning of a connection until this instance and Redis agree, nothing is admitted. */
  function enter(why: string): void {
    if (closing.signal.aborted) return;
    if (ready) events.noted('warn', `state: ${why}`);
    ready = false;
    reason = why;
    if (isEntering) return;
    isEntering = true;
    entering = comeIn();
  }

  /** Until both agree and all that was left over is done, whatever is lost again meanwhile. */
  async function comeIn(): Promise<void> {
    while (!signal.aborted) {
      await agree();
      if (signal.aborted) return;
      events.noted('info', 'state: this instance and Redis agree');
      await onReady();
      await buryAll();
      if (!ready) continue;
      // In the same turn as the look: who loses it from now on begins anew.
      isEntering = false;
      return;
    }
  }

  async function agree(): Promise<void> {
    while (!ready && !signal.aborted) {
      const connection = connections;
      try {
        position = await join(await examined(), position);
        // Whatever was lost meanwhile begins it anew.
        ready = connection === connections && redis.trouble() === null;
      } catch (error) {
        unfit = error instanceof Unfit;
        if (error instanceof Unfit) reason = error.message;
        // By its code alone: whoever may reach /readyz need not learn where the other nodes are.
        else if (error instanceof RedisFailure && error.kind === 'refused') refusedBy(error.code);
        await pause(unfit ? EXAMINE_AGAIN_MS : TRY_AGAIN_MS);
      }
    }
  }

  /** Such as a node of a cluster that has not the slot of `{plantain}`. */
  function refusedBy(code: string): void {
    const now = `Redis refuses what it is asked (${code})`;
    if (reason !== now) events.noted('warn', 'state: Redis refuses what it is asked', { code });
    reason = now;
  }

  function onSkipped(changes: number): void {
    events.noted('warn', 'state: the cost of pictures that this ledger never knew is in no row of it', { changes });
  }

  async function examined(): Promise<JoinParts> {
    const { unfit: why, warnings, lossWindow, uptimeSeconds } = await examine(redis);
    const told = [why, ...warnings, lossWindow].join(' ');
    if (told !== toldFitness) {
      for (const each of why === null ? warnings : [why, ...warnings]) events.noted('warn', `state: ${each}`);
      events.noted('info', 'state: what a crash of Redis may lose of budgets and limits', { lossWindow });
      toldFitness = told;
    }
    if (why !== null) throw new Unfit(why);
    return {
      redis,
      store,
      thread,
      prefix,
      run,
      uptimeSeconds,
      signal,
      onSkipped,
      onCarried(nanos) {
        events.resynced();
        events.noted('warn', 'state: balances were taken over from Redis; what made them is not in this ledger', {
          costUsd: nanos / 1e9,
        });
      },
      onRestored: (holds) =>
        events.noted('warn', 'state: Redis had lost pictures that this instance knew, and was told them again', {
          holds,
        }),
    };
  }

  /** Charges in batches until none is left. What could not be charged now is found again. */
  async function charge(batch: () => Promise<Swept>, tell: (expired: Expired) => void): Promise<Expired> {
    let [holds, nanos] = [0, 0];
    try {
      for (let looked = 1; looked > 0;) {
        const some = await batch();
        ({ looked } = some);
        holds += some.holds;
        nanos += some.nanos;
      }
    } catch (error) {
      if (error instanceof LostEpoch) lostEpoch();
      throw error;
    } finally {
      if (holds > 0) tell({ holds, nanos });
    }
    return { holds, nanos };
  }

  /** What dead runs on this directory have left open, once what they had to tell is told. */
  async function buryAll(): Promise<void> {
    for (const each of dead)
      try {
        await charge(() => store.bury(each), events.buried);
        await thread.ask({ verb: 'buried', run: each });
        dead.delete(each);
      } catch {
        return;
      }
  }

  async function followOn(): Promise<void> {
    if (!isReady() || position === null) return;
    try {
      position = (await catchUp({ store, thread, onSkipped }, position)) ?? (await adopt(await examined(), now()));
      if (dead.size > 0) await buryAll();
    } catch (error) {
      if (error instanceof LostEpoch) lostEpoch();
    }
  }

  /** One after the other: each goes on from where the one before it came to. */
  function follow(): Promise<void> {
    return (following = following.then(followOn));
  }

  const sweep = (): Promise<Expired> => charge(() => store.sweep(), events.expired);
  const sweeping = setInterval(() => {
    if (isReady()) sweep().catch(() => undefined);
  }, SWEEP_EVERY_MS).unref();

  async function keepUp(): Promise<void> {
    while (!signal.aborted) {
      await follow();
      void onReady();
      await pause(FOLLOW_EVERY_MS);
    }
  }

  // Listening is how the others can tell that somebody is here.
  const leave = redis.subscribe(
    `${prefix}here`,
    () => undefined,
    () => undefined,
  );
  redis.watch({
    connected() {
      connections += 1;
      enter('Redis is back, and is told what it may have missed');
    },
    lost(why) {
      connections += 1;
      enter(`Redis is not reached: ${why}`);
    },
  });
  enter('Redis is being sought');
  const keeping = keepUp();

  return {
    isReady,
    lostEpoch,
    follow,
    sweep,
    trouble() {
      const lost = thread.trouble();
      if (lost !== null || !ready) return lost ?? reason;
      const silent = redis.trouble();
      return silent === null ? null : `Redis cannot be asked: ${silent}`;
    },
    async begin() {
      const startedAt = performance.now();
      const waits = (): boolean =>
        !ready && !unfit && performance.now() - startedAt < (redis.trouble() === null ? START_MS : CONNECT_MS);
      while (waits()) await sleep(10);
      if (unfit) throw new GatewayError('unavailable', reason);
    },
    async close(withinMs) {
      clearInterval(sweeping);
      leave();
      await Promise.race([follow(), sleep(withinMs, undefined, { ref: false })]);
      closing.abort();
      await Promise.all([entering, keeping]);
    },
  };
}
