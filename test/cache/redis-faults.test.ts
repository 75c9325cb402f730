import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Shelf } from '../../src/cache/shelf.ts';
import type { RedisStore } from '../../src/cache/redis-store.ts';
import { StoreDown } from '../../src/cache/store.ts';
import type { EntryStore, Selection } from '../../src/cache/store.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { blobBytes, entryOf, read, START } from './entries.ts';
import { redisStore } from './redis-stores.ts';
import { has, memoryStore, put } from './stores.ts';

const digestOf = (bytes: Buffer): string => entryOf({ blobs: [bytes] }).blobs[0]!.digest;
const digests = async (store: EntryStore, name: string): Promise<readonly string[] | null> =>
  (await read(store, name))?.blobs.map(digestOf) ?? null;
/** One that tries again soon, so that a test need not wait. */
const IMPATIENT = { findMs: 700, keepMs: 3_000, pausesMs: { first: 1, longest: 10 } };

withRedis('a store in Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
  });
  afterAll(() => server.close());
  async function ownServer(...settings: string[]): Promise<RedisServer> {
    const own = await startRedis('--appendonly', 'no', ...settings);
    onTestFinished(own.close);
    return own;
  }

  describe('whose keys were changed by somebody', () => {
    const blob = Buffer.concat([1, 5, 6].map((number) => blobBytes(number, 800_001)));
    const other = blobBytes(2, 2_400_003);

    test.each([
      ['a piece is missing', (key: string) => server.cli('HDEL', key, '1')],
      ['a piece is shorter', (key: string) => server.cli('HSET', key, '1', 'short')],
      ['a piece is another one', (key: string) => server.cli('EVAL', SWAP, '1', key, '0', '1')],
      ['all of it is another', (key: string, from: string) => server.cli('COPY', from, key, 'REPLACE')],
      ['it is of another type', (key: string) => server.cli('SET', key, 'text')],
    ])('%s: no wrong bytes, and the next time it is kept anew', async (_what, harm) => {
      const { store, prefix } = await redisStore(server.url);
      await put(store, 'a', { blobs: [blob] });
      await put(store, 'b', { blobs: [other] });
      await harm(`${prefix}blob:${digestOf(blob)}`, `${prefix}blob:${digestOf(other)}`);
      const troubles: string[] = [];
      const shelf = new Shelf({ tiers: [store], now: () => START, onTrouble: (trouble) => troubles.push(trouble) });
      expect((await shelf.get('a', { maxAgeSeconds: null })) === null).toBe(true);
      expect(await digests(store, 'b')).toEqual([digestOf(other)]);
      await put(store, 'a', { blobs: [blob] });
      expect(await digests(store, 'a')).toEqual([digestOf(blob)]);
    });

    test('bytes that Redis evicted: the entry goes, quietly, and is counted no more', async () => {
      const { store, prefix, evicted, troubles } = await redisStore(server.url);
      await put(store, 'a', { blobs: [blob, blobBytes(3, 10)] });
      await server.cli('DEL', `${prefix}blob:${digestOf(blob)}`);
      expect(await has(store, 'a')).toBe(false);
      expect([store.byteLength, evicted, troubles]).toEqual([0, ['room'], []]);
      expect(await server.cli('KEYS', `${prefix}head*`)).toBe('');
    });

    test.each([
      ['gone', (key: string) => server.cli('DEL', key)],
      ['of another version', (key: string) => rewrite(key, (card) => ({ ...card, version: 0 }))],
      ['of another entry', (key: string) => rewrite(key, (card) => ({ ...card, name: 'b' }))],
      ['of no shape', (key: string) => rewrite(key, () => ({ hello: 1 }))],
    ])('a head that is %s is no entry, and is removed', async (_how, harm) => {
      const { store, prefix } = await redisStore(server.url);
      await put(store, 'a', { blobs: [blob] });
      await harm(await server.cli('KEYS', `${prefix}head*`));
      expect(await has(store, 'a')).toBe(false);
      expect(store.byteLength).toBe(0);
      expect(await server.cli('KEYS', `${prefix}head*`)).toBe('');
      expect(await server.cli('KEYS', `${prefix}blob*`)).toBe('');
    });

    test.each(['id', 'entries', 'used', 'expiry', 'blobs', 'groups', 'scopes', 'sums'])(
      'books without their %s are closed: nothing is found, nothing is counted, and what is kept then is whole',
      async (part) => {
        const { store, prefix } = await redisStore(server.url);
        for (const name of ['a', 'b', 'c']) await put(store, name, { scope: name, blobs: [blobBytes(1, 5000)] });
        const [key = ''] = (await server.cli('KEYS', `${prefix}*${part}`)).split('\n');
        await server.cli('DEL', key);
        for (const name of ['a', 'b', 'c']) expect(await has(store, name)).toBe(false);
        expect(await store.stats()).toEqual([]);
        await put(store, 'a', { scope: 'a', blobs: [blobBytes(1, 5000)] });
        expect(await digests(store, 'a')).toEqual([digestOf(blobBytes(1, 5000))]);
        expect((await store.stats()).map(({ scope, entries }) => [scope, entries])).toEqual([['a', 1]]);
      },
    );

    test('a purge that cannot tell any more which entries are of a scope takes all of them', async () => {
      const { store, prefix } = await redisStore(server.url);
      await put(store, 'a', { scope: 'acme' });
      await put(store, 'z', { scope: 'zeta' });
      await server.cli('DEL', await server.cli('KEYS', `${prefix}*group:*acme*`));
      await store.purge({ scope: 'acme' });
      expect([await has(store, 'a'), await has(store, 'z')]).toEqual([false, false]);
    });
  });

  test('every key it writes has an end', async () => {
    const { store, prefix, clock } = await redisStore(server.url);
    await put(store, 'a', { blobs: [blobBytes(1, 2_000_000)] });
    await has(store, 'a');
    await store.claim({ tenant: 'acme', name: 'k', pictures: 'p', endsAt: clock.now + 5_000 });
    const keys = (await server.cli('KEYS', `${prefix}*`)).split('\n');
    expect(keys.length).toBeGreaterThan(10);
    for (const key of keys) expect([key, Number(await server.cli('PTTL', key)) > 0]).toEqual([key, true]);
  });

  test('a blob lives as long as the longest of those that hold it, and equal bytes are written once', async () => {
    const { store, prefix } = await redisStore(server.url);
    const blob = blobBytes(1, 100_000);
    await put(store, 'long', { blobs: [blob], ttlMs: 80_000_000 });
    await put(store, 'short', { blobs: [blob], ttlMs: 5_000_000, scope: 'zeta' });
    const keys = await server.cli('KEYS', `${prefix}blob:*`);
    expect(keys).toBe(`${prefix}blob:${digestOf(blob)}`);
    expect(Number(await server.cli('PTTL', keys))).toBeGreaterThan(79_000_000);
    await store.delete('long');
    expect((await read(store, 'short'))?.blobs).toEqual([blob]);
  });

  describe('that others share', () => {
    test('tells them what was purged and what was replaced, and nothing else', async () => {
      const one = await redisStore(server.url);
      const two = await redisStore(server.url, { prefix: one.prefix });
      await put(one.store, 'a');
      await put(two.store, 'b', { scope: 'zeta' });
      await put(two.store, 'a', { head: '"anew"' });
      await expect.poll(() => one.news).toEqual([{ name: 'a' }]);
      await one.store.purge({ scope: 'zeta', before: START + 1 });
      await expect.poll(() => two.news).toEqual([{ scope: 'zeta', before: START + 1 }]);
      expect(one.news).toHaveLength(1);
    });

    test('one that was deaf meanwhile gives up all it has in memory; one that missed nothing keeps it', async () => {
      const one = await redisStore(server.url);
      const two = await redisStore(server.url, { prefix: one.prefix });
      await put(one.store, 'a');
      await one.store.purge({ scope: 'nobody' });
      await expect.poll(() => two.news).toHaveLength(1);
      const listeners = async (): Promise<string[]> =>
        (await server.cli('CLIENT', 'LIST', 'TYPE', 'PUBSUB'))
          .split('\n')
          .map((line) => /^id=(\d+)/.exec(line)?.[1] ?? '');
      const before = await listeners();
      await server.cli('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
      await expect
        .poll(async () => (await listeners()).filter((id) => id !== '' && !before.includes(id)).length, {
          timeout: 30_000,
        })
        .toBeGreaterThanOrEqual(2);
      expect(two.news).toHaveLength(1);
      // What was told while it did not listen.
      await server.cli('HSET', await server.cli('KEYS', `${one.prefix}*sums`), 'told', 'unheard');
      await server.cli('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
      await expect.poll(() => two.news.slice(1)).toEqual([{}]);
    });

    /** An entry of acme's that is being written until the gate opens. */
    async function beingWritten({ store }: { readonly store: RedisStore }) {
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const entry = entryOf({ blobs: [blobBytes(1, 100)] });
      const slow = [...entry.bytes].map(([digest, blob]) => {
        const decoded = async (): Promise<Buffer[]> => {
          begun.resolve();
          await gate.promise;
          return [blobBytes(1, 100)];
        };
        return [digest, { ...blob, decoded }] as const;
      });
      const writing = store.set('a', { value: { ...entry, bytes: new Map(slow) } });
      await begun.promise;
      return { writing, open: gate.resolve };
    }

    test.each<[string, boolean, readonly Selection[]]>([
      ['another name', true, [{ name: 'b' }]],
      ['another scope, again and again', true, Array.from({ length: 50 }, () => ({ scope: 'zeta' }))],
      ['another model', true, [{ scope: 'acme', model: 'another' }]],
      ['what is older', true, [{ scope: 'acme', before: START - 1 }]],
      ['it, among others', false, [{ name: 'b' }, { name: 'a' }, { scope: 'zeta' }]],
      ['so much that nobody knows any more', false, Array.from({ length: 210 }, () => ({ name: 'b' }))],
    ])('what was being written during purges of %s is kept: %s', async (_what, isKept, selections) => {
      const one = await redisStore(server.url);
      const two = await redisStore(server.url, { prefix: one.prefix });
      await put(two.store, 'b', { scope: 'zeta' });
      const { writing, open } = await beingWritten(one);
      for (const selection of selections) await two.store.purge(selection);
      open();
      expect(await writing).toBe(isKept);
      expect(await has(two.store, 'a')).toBe(isKept);
    });

    test.each([
      ['heard of it', (_prefix: string, two: RedisStore) => two.purge({ scope: 'acme' })],
      [
        'did not hear of it yet',
        async (prefix: string) => server.cli('HSET', await server.cli('KEYS', `${prefix}*sums`), 'purged', 'a token'),
      ],
    ])('does not keep what was being written while its scope was purged, and it %s', async (_how, purge) => {
      const one = await redisStore(server.url);
      const two = await redisStore(server.url, { prefix: one.prefix });
      await put(two.store, 'b', { scope: 'zeta' });
      const { writing, open } = await beingWritten(one);
      await purge(one.prefix, two.store);
      open();
      expect(await writing).toBe(false);
      expect(await has(two.store, 'a')).toBe(false);
    });
  });

  test('a claim stands for all, for its tenant alone, until its end, and goes with its scope', async () => {
    const one = await redisStore(server.url);
    const two = await redisStore(server.url, { prefix: one.prefix });
    const claim = { tenant: 'acme', name: 'k', pictures: 'p', endsAt: START + 1000 };
    expect(await one.store.claim({ tenant: 'acme', name: 'k' })).toBeNull();
    expect(await one.store.claim(claim)).toEqual({ pictures: 'p', endsAt: START + 1000 });
    expect(await two.store.claim({ ...claim, pictures: 'q' })).toEqual({ pictures: 'p', endsAt: START + 1000 });
    expect(await two.store.claim({ tenant: 'zeta', name: 'k' })).toBeNull();
    two.clock.now += 1000;
    expect(await two.store.claim({ tenant: 'acme', name: 'k' })).toBeNull();
    expect(await one.store.claim({ tenant: 'acme', name: 'k' })).toBeNull();
    await one.store.claim(claim);
    await two.store.purge({ scope: 'acme' });
    expect(await one.store.claim({ tenant: 'acme', name: 'k' })).toBeNull();
  });

  test('a full Redis that evicts nothing: what it has is served, what is new is not kept, said once, and room can be made', async () => {
    const full = await ownServer('--maxmemory', '8mb', '--maxmemory-policy', 'noeviction');
    const { store, troubles } = await redisStore(full.url, { maxBytes: 1 << 30 });
    const large = (number: number) => ({ blobs: [blobBytes(number, 1_500_000)] });
    let kept = 0;
    while (kept < 20 && (await put(store, `${kept}`, large(kept)))) kept += 1;
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(8);
    for (let number = 100; number < 104; number += 1) expect(await put(store, `${number}`, large(number))).toBe(false);
    expect(troubles).toEqual(['writes_failed']);
    expect(await digests(store, '0')).toEqual(large(0).blobs.map(digestOf));
    expect((await store.purge({})).entries).toBe(kept);
    expect(store.byteLength).toBe(0);
  });

  test('a full Redis that evicts: whatever is found is whole, and it goes on', async () => {
    const full = await ownServer('--maxmemory', '8mb', '--maxmemory-policy', 'allkeys-lru');
    const { store, troubles } = await redisStore(full.url, { maxBytes: 1 << 30 });
    let found = 0;
    for (let number = 0; number < 40; number += 1) {
      await put(store, `${number}`, { blobs: [blobBytes(number, 700_000), blobBytes(100 + number, 50_000)] });
      const back = await digests(store, `${Math.max(0, number - 1)}`);
      if (back === null) continue;
      found += 1;
      expect(back).toEqual(
        [blobBytes(Math.max(0, number - 1), 700_000), blobBytes(100 + Math.max(0, number - 1), 50_000)].map(digestOf),
      );
    }
    expect(found).toBeGreaterThan(5);
    expect(troubles).toEqual([]);
  });

  test('killed and started again empty: a miss, and it goes on by itself', async () => {
    const own = await ownServer();
    const { store } = await redisStore(own.url, IMPATIENT);
    await put(store, 'a');
    await own.stop();
    expect(await has(store, 'a')).toBe(false);
    await expect(store.purge({})).rejects.toThrow(StoreDown);
    await own.start();
    await expect.poll(() => put(store, 'a')).toBe(true);
    await expect.poll(() => has(store, 'a')).toBe(true);
  });

  test('frozen: looking up is a miss, memory over it goes on, nothing is stuck, and what was is there again', async () => {
    const own = await ownServer();
    const { store, troubles } = await redisStore(own.url, IMPATIENT);
    const memory = memoryStore().store;
    const shelf = new Shelf({ tiers: [memory, store], now: () => START, onTrouble: () => undefined });
    expect(await put(store, 'below', { blobs: [blobBytes(1, 3_000_000)] })).toBe(true);
    await put(memory, 'above');
    own.freeze();
    onTestFinished(() => own.thaw());
    for (let tries = 0; tries < 4; tries += 1) expect(await shelf.get('below', { maxAgeSeconds: null })).toBeNull();
    expect((await shelf.get('above', { maxAgeSeconds: null }))?.tier).toBe('memory');
    expect(await shelf.put('new', entryOf())).toBe(true);
    await expect.poll(() => store.backlogBytes).toBe(0);
    expect(troubles).toContain('books_failed');
    own.thaw();
    const back = async (): Promise<string | undefined> => (await shelf.get('below', { maxAgeSeconds: null }))?.tier;
    await expect.poll(back).toBe('redis');
    await expect.poll(() => troubles).toContain('books_again');
  });

  async function rewrite(key: string, change: (card: object) => object): Promise<string> {
    const stored = JSON.parse(await server.cli('GET', key)) as { value: object };
    return server.cli('SET', key, JSON.stringify({ ...stored, value: change(stored.value) }), 'KEEPTTL');
  }
});

/** Two pieces change places. */
const SWAP = `
local a, b = redis.call('HGET', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], b, ARGV[2], a)
return 1`;
