import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SCHEMA_STEPS } from '../../src/cache/disk-schema.ts';
import { placesIn } from '../../src/cache/disk-tree.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { blobBytes, entryOf, read, START } from './entries.ts';
import { diskStore, has, memoryStore, put, temporaryDirectory } from './stores.ts';
import type { StoreOptions, StoreUnderTest } from './stores.ts';

const BYTES = 30_000;
const blobs = (number: number) => ({ blobs: [blobBytes(number, BYTES)] });

async function sizeIn(make: (options?: StoreOptions) => StoreUnderTest): Promise<number> {
  const { store } = make();
  await put(store, 'size', blobs(0));
  return store.byteLength;
}

describe.each([
  ['in memory', memoryStore],
  ['on disk', diskStore],
])('a pinned entry %s', (_where, make: (options?: StoreOptions) => StoreUnderTest) => {
  test('stays while others make room for one another, has half of the store at most, and leaves the rest to them', async () => {
    const each = await sizeIn(make);
    const { store, evicted } = make({ maxBytes: 6 * each });
    for (const name of ['p1', 'p2', 'p3'])
      expect(await put(store, name, { ...blobs(Number(name.slice(1))), pinned: true })).toBe(true);
    expect(await store.mayPin?.('acme')).toBe(false);
    expect(await put(store, 'p4', { ...blobs(4), pinned: true })).toBe(false);
    for (let number = 10; number < 30; number += 1) {
      expect(await put(store, `${number}`, blobs(number))).toBe(true);
      expect(store.byteLength).toBeLessThanOrEqual(6 * each);
    }
    expect(evicted).toEqual(Array.from({ length: 17 }, () => 'room'));
    for (const name of ['p1', 'p2', 'p3'])
      expect((await read(store, name))?.blobs).toEqual(blobs(Number(name.slice(1))).blobs);
    // Larger than what may go: nothing is given up for it.
    const large = { blobs: [blobBytes(9, Math.ceil(3.5 * BYTES))] };
    expect(await put(store, 'large', large)).toBe(false);
    expect(await has(store, '29')).toBe(true);
  });

  test('is renewed in its own place, goes when it expires, and then there is room for another', async () => {
    const each = await sizeIn(make);
    const { store, clock } = make({ maxBytes: 2 * each });
    const first = { ...blobs(1), pinned: true };
    expect(await put(store, 'p', { ...first, ttlMs: 1_000 })).toBe(true);
    expect(await put(store, 'p', { ...first, ttlMs: 2_000 })).toBe(true);
    expect((await store.get('p'))?.value).toMatchObject({ pinned: true, expiresAt: START + 2_000 });
    expect(await store.mayPin?.('acme')).toBe(false);
    clock.now += 2_000;
    await store.sweep();
    expect(await has(store, 'p')).toBe(false);
    expect(await store.mayPin?.('acme')).toBe(true);
    expect(await put(store, 'q', { ...blobs(2), pinned: true })).toBe(true);
    expect(await store.purge({ scope: 'acme' })).toMatchObject({ entries: 1 });
    expect([await store.mayPin?.('acme'), store.byteLength]).toEqual([true, 0]);
  });

  test('of a scope has half of its share, and keeps no other scope from pinning', async () => {
    const each = await sizeIn(make);
    const { store } = make({ maxBytes: 8 * each, scopeBytes: 4 * each });
    const pin = (name: string, number: number, scope: string): Promise<boolean> =>
      put(store, name, { ...blobs(number), scope, pinned: true });
    expect([await pin('a', 1, 'acme'), await pin('b', 2, 'acme'), await pin('c', 3, 'acme')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([await store.mayPin?.('acme'), await store.mayPin?.('zeta')]).toEqual([false, true]);
    expect([await pin('d', 4, 'zeta'), await pin('e', 5, 'zeta'), await pin('f', 6, 'third')]).toEqual([
      true,
      true,
      false,
    ]);
    for (let number = 10; number < 16; number += 1) await put(store, `${number}`, { ...blobs(number), scope: 'acme' });
    for (const name of ['a', 'b', 'd', 'e', '14', '15']) expect([name, await has(store, name)]).toEqual([name, true]);
    // Whose share is not full makes room at the cost of others, and passes their pins over too.
    for (let number = 20; number < 24; number += 1)
      expect(await put(store, `${number}`, { ...blobs(number), scope: 'third' })).toBe(true);
    for (const name of ['a', 'b', 'd', 'e', '20', '23']) expect([name, await has(store, name)]).toEqual([name, true]);
    expect(store.byteLength).toBeLessThanOrEqual(8 * each);
  });
});

describe('on disk', () => {
  test('a pin outlives a restart with its bound', async () => {
    const directory = join(temporaryDirectory(), 'cache');
    const each = await sizeIn(diskStore);
    const before = diskStore({ directory, maxBytes: 2 * each });
    await put(before.store, 'p', { ...blobs(1), pinned: true });
    await before.store.close();
    const after = diskStore({ directory, maxBytes: 2 * each });
    for (let number = 10; number < 13; number += 1) await put(after.store, `${number}`, blobs(number));
    expect((await read(after.store, 'p'))?.blobs).toEqual(blobs(1).blobs);
    expect(await put(after.store, 'q', { ...blobs(2), pinned: true })).toBe(false);
  });

  test('a bound that was lowered below what is pinned is reached when that expires', async () => {
    const directory = join(temporaryDirectory(), 'cache');
    const each = await sizeIn(diskStore);
    const before = diskStore({ directory, maxBytes: 8 * each });
    for (const number of [1, 2, 3, 4]) await put(before.store, `p${number}`, { ...blobs(number), pinned: true });
    await put(before.store, 'free', blobs(9));
    await before.store.close();
    const after = diskStore({ directory, maxBytes: 2 * each });
    await after.store.sweep();
    expect([await has(after.store, 'free'), await has(after.store, 'p1')]).toEqual([false, true]);
    after.clock.now += 3_600_000;
    await after.store.sweep();
    expect(after.store.byteLength).toBe(0);
  });

  test('a catalogue of the version before has its entries still', async () => {
    const directory = join(temporaryDirectory(), 'cache');
    mkdirSync(directory, { recursive: true });
    const db = openDatabase(placesIn(directory).catalogue, SCHEMA_STEPS.slice(0, 1), 'NORMAL');
    db.exec(`
      INSERT INTO entry (id, name, scope, model, head_bytes, bytes, created, expires, used)
      VALUES (1, 'old', 'acme', 'flash', 514, 514, ${START}, ${START + 1000}, 1);
      INSERT INTO head (entry, text) VALUES (1, '{}');
    `);
    db.close();
    const { store, troubles } = diskStore({ directory });
    expect(await read(store, 'old')).toEqual({ head: '{}', blobs: [] });
    expect((await store.get('old'))?.value).not.toHaveProperty('pinned');
    expect(await put(store, 'p', { pinned: true })).toBe(true);
    expect(troubles).toEqual([]);
  });
});

describe('on a shelf', () => {
  test('it is pinned in the last tier alone, and an entry like any other in those above', async () => {
    const each = await sizeIn(memoryStore);
    const memory = memoryStore({ maxBytes: 2 * each });
    const disk = diskStore();
    const shelf = new Shelf({ tiers: [memory.store, disk.store], now: () => START, onTrouble: () => undefined });
    expect(await shelf.keptUntil('p')).toBe(0);
    expect(await shelf.pin('p', entryOf(blobs(1)))).toBe(true);
    expect(await shelf.keptUntil('p')).toBe(START + 3_600_000);
    expect((await memory.store.get('p'))?.value).not.toHaveProperty('pinned');
    for (const number of [2, 3]) await shelf.put(`${number}`, entryOf(blobs(number)));
    expect(await has(memory.store, 'p')).toBe(false);
    expect(await shelf.get('p', { maxAgeSeconds: null })).toMatchObject({ tier: 'disk' });
    expect((await memory.store.get('p'))?.value).not.toHaveProperty('pinned');
    expect((await disk.store.get('p'))?.value).toHaveProperty('pinned', true);
  });
});
