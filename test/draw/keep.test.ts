import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Entries } from '../../src/cache/entry.ts';
import type { Lease } from '../../src/cache/leases.ts';
import { RedisLeases } from '../../src/cache/redis-leases.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { keep } from '../../src/draw/keep.ts';
import { START } from '../cache/entries.ts';
import { TIMES } from '../cache/lease-instances.ts';
import { redisStore } from '../cache/redis-stores.ts';
import { base64, bytes, drawn, readReply, reply } from '../cache/samples.ts';
import { memoryStore } from '../cache/stores.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const KEY = { scope: 'acme', digest: '0'.repeat(64) };
const KEPT = { store: true, ttlSeconds: 60 };
const picture = (start: number) => {
  const data = base64(bytes(2_000, start));
  return drawn({ picture: data, words: reply(data, 'sig') });
};

withRedis('an answer that other instances wait for', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
  });
  afterAll(() => server.close());

  async function start() {
    const { store, redis, prefix } = await redisStore(server.url);
    const now = (): number => START;
    const instance = () => {
      const shelf = new Shelf({ tiers: [memoryStore().store, store], now, onTrouble: () => undefined });
      return new Entries({ shelf, parseAnswer: readReply, now, onTrouble: () => undefined });
    };
    const events = { takenOver() {}, troubled() {}, away() {}, back() {} };
    const lease = async (): Promise<Lease> => {
      // A holder that is not heard of for a moment has lost it.
      const times = { ...TIMES, leaseMs: 50, renewMs: 60_000, lookMs: 20 };
      const leases = new RedisLeases({ redis, prefix, times, events });
      onTestFinished(() => leases.close());
      const wishes = { collect: () => Promise.resolve(null), onWait: () => undefined };
      const turn = await leases.seek('fox', { ...wishes, deserted: new AbortController().signal });
      if (turn.kind !== 'lead' || turn.lease === null) throw new Error(`no lease, but ${turn.kind}`);
      return turn.lease;
    };
    return { one: instance(), two: instance(), lease };
  }
  const parts = (entries: Entries) => ({
    entries,
    metrics: { cache: () => undefined },
    log: { fault: () => undefined },
  });
  const shown = async (entries: Entries): Promise<string | undefined> =>
    (await entries.get(KEY, { maxAgeSeconds: null }))?.drawn.picture.data.text();
  /** Tells its ends, and has been the holder's when it was asked for the first time. */
  const watched = (lease: Lease): { readonly lease: Lease; readonly ends: unknown[] } => {
    const ends: unknown[] = [];
    let asked = 0;
    const isMine = (): Promise<boolean> => ((asked += 1) === 1 ? Promise.resolve(true) : lease.isMine());
    return { ends, lease: { ...lease, isMine, end: (how) => (ends.push(how), lease.end(how)) } };
  };

  test('is told to them when it lies where they find it', async () => {
    const { one, two, lease } = await start();
    const held = watched(await lease());
    expect(await keep(parts(one), { key: KEY, decision: KEPT, lease: held.lease }, picture(1))).toBe(true);
    await expect.poll(() => held.ends).toEqual(['stored']);
    expect(await shown(two)).toBe(picture(1).picture.data.text());
  });

  test('is not kept, here or there, of one whose lease went to another in the last moment', async () => {
    const { one, two, lease } = await start();
    const stale = watched(await lease());
    const next = watched(await lease());
    await keep(parts(two), { key: KEY, decision: KEPT, lease: next.lease }, picture(2));
    await expect.poll(() => next.ends).toEqual(['stored']);
    await keep(parts(one), { key: KEY, decision: KEPT, lease: stale.lease }, picture(1));
    await expect.poll(() => stale.ends).toEqual(['unkept']);
    for (const entries of [one, two]) expect(await shown(entries)).toBe(picture(2).picture.data.text());
  });

  test('that is not to be kept is told to be nowhere', async () => {
    const { one, lease } = await start();
    const held = watched(await lease());
    const decision = { store: false, ttlSeconds: 60 };
    expect(await keep(parts(one), { key: KEY, decision, lease: held.lease }, picture(1))).toBe(false);
    expect(held.ends).toEqual(['unkept']);
    expect(await shown(one)).toBeUndefined();
  });
});
