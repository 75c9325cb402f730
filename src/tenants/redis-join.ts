import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from '../redis.ts';
import type { LedgerThread } from './embedded-thread.ts';
import type { Entry, KnownHold, Position } from './mirror.ts';
import type { RedisStore } from './redis-store.ts';

export interface JoinParts {
  readonly redis: Redis;
  readonly store: RedisStore;
  readonly thread: LedgerThread;
  readonly prefix: string;
  /** Of this process. */
  readonly run: string;
  /** How long the server has been up: others need a moment to find it again. */
  readonly uptimeSeconds: number;
  readonly signal: AbortSignal;
  /** Spent where this instance did not look, and taken over as one sum for each account. */
  readonly onCarried: (nanos: number) => void;
  /** Holds that Redis had lost, and was told again. */
  readonly onRestored: (holds: number) => void;
  /** Changes of holds that this ledger never knew: their cost is in no row of it. */
  readonly onSkipped: (changes: number) => void;
}

const DEADLINE_MS = 5_000;
/** How long the others have to tell what they know before anybody is admitted. */
const GRACE_MS = 3_000;
/** So old a server has been found again by everybody who was connected to it. */
const SETTLED_SECONDS = 2;
const LOOK_AGAIN_MS = 200;
/** A builder that says nothing for so long is dead. */
const BUILDING_MS = 6_000;
/** Far beyond any lease: all that is open, and all that an instance may not have heard of, was begun after the cut. */
const BY_HOLD_MS = 3_600_000;
/** What a Redis that comes back may have lost of its last writes concerns pictures begun within this time, or open. */
const RECENT_MS = 900_000;
/** Redis forgets a hold a day after its end: what is older is not told hold by hold any more. */
const REMEMBERED_MS = 23 * 3_600_000;

/**
 * Makes this instance and Redis agree, after every connection. Where Redis has lost its accounts they are put together
 * again from what all instances know; nobody is admitted meanwhile. Resolves with the place to follow its ledger from.
 */
export async function join(parts: JoinParts, known: Position | null): Promise<Position> {
  const { redis, store, prefix, run, signal } = parts;
  let merged: string | null = null;
  for (;;) {
    signal.throwIfAborted();
    const [epoch, cut] = (await redis.command(['MGET', `${prefix}epoch`, `${prefix}cut`], DEADLINE_MS)) as (
      | string
      | null
    )[];
    const at = await timeOf(redis);
    if (typeof epoch === 'string') {
      store.epoch = epoch;
      if (epoch === known?.epoch) return again(parts, known, { at, cut: cutOf(cut) });
      if (merged === null) await merge(parts, cutOf(cut), at);
      await tellAlone(parts, cutOf(cut));
      if (known !== null) await readFrom(parts, epoch, '0-0');
      return adopt(parts, at);
    }
    const building = ['SET', `${prefix}building`, run, 'NX', 'PX', String(BUILDING_MS)];
    const mine = (await redis.command(building, DEADLINE_MS)) !== null;
    if (mine) await redis.command(['SET', `${prefix}cut`, `${at - BY_HOLD_MS}:${randomUUID()}`, 'NX'], DEADLINE_MS);
    const under = (await redis.command(['GET', `${prefix}cut`], DEADLINE_MS)) as string | null;
    if (under !== null && under !== merged) {
      await merge(parts, cutOf(under), at);
      merged = under;
    }
    if (mine && under !== null) {
      await waitForOthers(parts);
      await store.begin(under, randomUUID());
    } else await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/**
 * The same accounts as before: what was missed is read, and what a failover may have lost is told. Where its ledger does
 * not go on from where this instance was, it may be a snapshot of any age: then all is told that it can tell from what it
 * knows. What was begun before the cut is in the sums.
 */
async function again(
  parts: JoinParts,
  known: Position,
  { at, cut }: { readonly at: number; readonly cut: number },
): Promise<Position> {
  const reached = await catchUp(parts, known);
  await tell(parts, Math.max(cut, at - (reached === null ? REMEMBERED_MS : RECENT_MS)), at);
  await tellAlone(parts, 0);
  if (reached === null) await readFrom(parts, known.epoch, known.id);
  return reached ?? adopt(parts, at);
}

/**
 * Reads what there is after a place, though something before it may be missing: what others tell Redis again stands there
 * picture by picture, and would else be taken over as sums.
 */
async function readFrom(parts: JoinParts, epoch: string, id: string): Promise<void> {
  const [first] = (await parts.store.follow(id)).entries;
  if (first !== undefined) await catchUp(parts, { epoch, id, number: first.number - 1 });
}

/**
 * Tells what was begun at or after a time while this instance followed no Redis, however long ago: nobody can have told it
 * before. What came earlier is in the sums.
 */
async function tellAlone({ store, thread }: JoinParts, since: number): Promise<void> {
  const { holds = [] } = await thread.ask({ verb: 'alone' });
  if (holds.length === 0) return;
  await store.assert(holds.filter(({ at }) => at >= since));
  await thread.ask({ verb: 'toldAlone' });
}

/** Reads on from a place, to the end. Null: what came next is not there any more, or was never there. */
export async function catchUp(
  { store, thread, onSkipped }: Pick<JoinParts, 'store' | 'thread' | 'onSkipped'>,
  from: Position,
): Promise<Position | null> {
  for (let position = from; ;) {
    const { number, entries } = await store.follow(position.id);
    const unbroken = entries.every((entry, index) => entry.number === position.number + index + 1);
    if (!unbroken || number < position.number || entries.some(({ change }) => change.verb === 'resync')) return null;
    const last = entries.at(-1);
    if (last === undefined) return number === position.number ? position : null;
    const next: Position = { epoch: position.epoch, id: last.id, number: last.number };
    const { skipped = 0, forgot = false } = await thread.ask({
      verb: 'replay',
      entries: entries.map(({ at, change }): Entry => ({ at, change })),
      position: next,
    });
    // What could not be scrubbed now, since somebody reads the file, goes when its pages are used again.
    if (forgot) await thread.ask({ verb: 'scrub' });
    if (skipped > 0) onSkipped(skipped);
    position = next;
    if (number === position.number) return position;
  }
}

/** Takes over how everything stands now. */
export async function adopt({ store, thread, onCarried }: JoinParts, at: number): Promise<Position> {
  const { holds = [] } = await thread.ask({ verb: 'holds', since: Infinity, ids: null });
  const snapshot = await store.snapshot(
    holds.map(({ hold }) => hold.id),
    at,
  );
  const { carriedNanos = 0 } = await thread.ask({ verb: 'adopt', snapshot });
  if (carriedNanos > 0) onCarried(carriedNanos);
  return snapshot.position;
}

/** Tells all that this instance knows: hold by hold what was begun after the cut, and sums of what came before. */
async function merge(parts: JoinParts, cut: number, at: number): Promise<void> {
  const { store, thread } = parts;
  // Redis may have forgotten holds that were told it under an old cut: to tell them again would charge them twice.
  await tell(parts, at - cut < REMEMBERED_MS ? cut : Infinity, at);
  const { sums = [] } = await thread.ask({ verb: 'sums', before: cut });
  await store.found(sums);
}

async function tell({ store, thread, onRestored }: JoinParts, since: number, at: number): Promise<void> {
  const { holds = [] } = await thread.ask({ verb: 'holds', since, ids: null });
  const remembered = holds.filter((each: KnownHold) => each.at > at - REMEMBERED_MS);
  const restored = await store.assert(remembered);
  if (restored > 0) onRestored(restored);
}

function cutOf(cut: string | null | undefined): number {
  return Number.parseInt(cut ?? '0', 10);
}

/** A new installation, or an only instance, has nobody to wait for. */
async function waitForOthers({ redis, prefix, uptimeSeconds, signal }: JoinParts): Promise<void> {
  await sleep(Math.max(0, SETTLED_SECONDS - uptimeSeconds) * 1000, undefined, { signal });
  const reply = await redis.command(['PUBSUB', 'NUMSUB', `${prefix}here`], DEADLINE_MS);
  const here = Number((reply as readonly unknown[])[1]);
  if (here > 1) await sleep(GRACE_MS, undefined, { signal });
}

async function timeOf(redis: Redis): Promise<number> {
  const [seconds, micros] = (await redis.command(['TIME'], DEADLINE_MS)) as readonly string[];
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
