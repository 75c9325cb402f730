import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Fence } from '../../src/cache/leases.ts';
import { RedisLeases } from '../../src/cache/redis-leases.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { blobBytes, entryOf, read, START } from './entries.ts';
import { TIMES } from './lease-instances.ts';
import { redisStore } from './redis-stores.ts';
import { has, memoryStore } from './stores.ts';

const STALE = entryOf({ blobs: [blobBytes(1, 1_000)] });
const FRESH = entryOf({ blobs: [blobBytes(2, 1_000)] });
const freshBytes = { head: '{}', blobs: [blobBytes(2, 1_000)] };

withRedis('an entry in Redis behind a fence', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
  });
  afterAll(() => server.close());

  async function start() {
    const { store, redis, prefix } = await redisStore(server.url);
    // A holder that is not heard of for a moment has lost it.
    const times = { ...TIMES, leaseMs: 50, renewMs: 60_000, lookMs: 20 };
    const events = { takenOver() {}, troubled() {}, away() {}, back() {} };
    const lease = async () => {
      // Each of an instance of its own.
      const leases = new RedisLeases({ redis, prefix, times, events });
      onTestFinished(() => leases.close());
      const turn = await leases.seek('fox', {
        collect: () => Promise.resolve(null),
        onWait: () => undefined,
        deserted: new AbortController().signal,
      });
      if (turn.kind !== 'lead' || turn.lease === null) throw new Error(`no lease, but ${turn.kind}`);
      return turn.lease;
    };
    return { store, lease };
  }
  const put = (store: Awaited<ReturnType<typeof start>>['store'], entry: typeof STALE, fence: Fence) =>
    store.set('acme:fox', { value: { ...entry, fence } });

  test('is kept while the fence stands, after its lease has ended too', async () => {
    const { store, lease } = await start();
    const held = await lease();
    expect(await put(store, STALE, held.fence)).toBe(true);
    await held.end('unkept');
    expect(await put(store, FRESH, held.fence)).toBe(true);
    expect(await read(store, 'acme:fox')).toEqual(freshBytes);
  });

  test('is not kept when another has the lease, and what that one has stored stays', async () => {
    const { store, lease } = await start();
    const stale = await lease();
    const next = await leaseAfter(stale.token, lease);
    expect(await put(store, STALE, stale.fence)).toBe(false);
    expect(await read(store, 'acme:fox')).toBeNull();
    expect(await put(store, FRESH, next.fence)).toBe(true);
    await next.end('stored');
    expect(await put(store, STALE, stale.fence)).toBe(false);
    expect(await read(store, 'acme:fox')).toEqual(freshBytes);
    // Nor where nothing is known of its lease any more.
    await server.cli('DEL', stale.fence.key);
    expect(await put(store, STALE, stale.fence)).toBe(false);
    expect(await read(store, 'acme:fox')).toEqual(freshBytes);
  });

  test('a shelf tells whether it is shared, and memory knows nothing of fences', async () => {
    const { store, lease } = await start();
    const memory = memoryStore().store;
    const shelf = new Shelf({ tiers: [memory, store], now: () => START, onTrouble: () => undefined });
    const shared = (entry: typeof STALE): Promise<boolean> =>
      new Promise((onShared) => void shelf.put('acme:fox', entry, { onShared }));
    const stale = await lease();
    const next = await leaseAfter(stale.token, lease);
    expect(await shared({ ...FRESH, fence: next.fence })).toBe(true);
    expect(await shared({ ...STALE, fence: stale.fence })).toBe(false);
    expect(await has(memory, 'acme:fox')).toBe(true);
    expect((await memory.get('acme:fox'))?.value).not.toHaveProperty('fence');
    await shelf.forget({ name: 'acme:fox' });
    const found = await shelf.get('acme:fox', { maxAgeSeconds: null });
    expect([found?.tier, found?.card.blobs]).toEqual(['redis', FRESH.blobs]);
  });

  test('what is asked for of the shared store alone is not what memory has kept of old', async () => {
    const { store } = await start();
    const memory = memoryStore().store;
    const shelf = new Shelf({ tiers: [memory, store], now: () => START, onTrouble: () => undefined });
    await store.set('acme:fox', { value: { ...FRESH, createdAt: START + 1 } });
    await memory.set('acme:fox', { value: STALE });
    expect((await shelf.get('acme:fox', { maxAgeSeconds: null }))?.card.blobs).toEqual(STALE.blobs);
    expect((await shelf.get('acme:fox', { maxAgeSeconds: null, shared: true }))?.card.blobs).toEqual(FRESH.blobs);
    expect((await shelf.get('acme:fox', { maxAgeSeconds: null }))?.card.blobs).toEqual(FRESH.blobs);
  });
});

async function leaseAfter<L extends { readonly token: number }>(token: number, lease: () => Promise<L>): Promise<L> {
  const next = await lease();
  expect(next.token).toBeGreaterThan(token);
  return next;
}
