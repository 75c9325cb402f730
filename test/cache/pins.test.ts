import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SCHEMA_STEPS } from '../../src/cache/disk-schema.ts';
import { placesIn } from '../../src/cache/disk-tree.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { entryOf, read, START } from './entries.ts';
import { diskStore, has, memoryStore, put, temporaryDirectory } from './stores.ts';
import { blobs, pinsContract, sizeIn } from './pins-contract.ts';

pinsContract('in memory', memoryStore);
pinsContract('on disk', diskStore);

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
