import { describe, expect, test } from 'vitest';
import { blobBytes, read, START } from './entries.ts';
import type { EntryFields } from './entries.ts';
import { has, put } from './stores.ts';
import type { StoreOptions, StoreUnderTest } from './stores.ts';

/** What an entry with these blobs adds to an empty store. */
async function sizeIn(make: MakeStore, fields: EntryFields): Promise<number> {
  const { store } = await make();
  await put(store, 'size', fields);
  return store.byteLength;
}

export type MakeStore = (options?: StoreOptions) => StoreUnderTest | Promise<StoreUnderTest>;

/** What every store promises, whatever it keeps its entries in. */
export function storeContract(where: string, make: MakeStore): void {
  describe(`a store ${where}`, () => {
    test('gives back what it was given, whole', async () => {
      const { store } = await make();
      const blobs = [blobBytes(1, 70_000), blobBytes(2, 1), blobBytes(3, 0)];
      expect(await put(store, 'a', { head: '{"é":1}', blobs })).toBe(true);
      expect(await read(store, 'a')).toEqual({ head: '{"é":1}', blobs });
      const { value: card } = (await store.get('a'))!;
      expect(card).toMatchObject({ scope: 'acme', model: 'flash', createdAt: START, expiresAt: START + 3_600_000 });
      expect(await store.get('b')).toBeUndefined();
    });

    test('lists what a scope has of one model, the newest first, and no more than is asked for', async () => {
      const { store } = await make();
      const at = (minutes: number): EntryFields => ({ createdAt: START + minutes * 60_000, model: 'files' });
      for (const minutes of [2, 1, 3])
        await put(store, `f${minutes}`, { ...at(minutes), head: `"${minutes}"`, blobs: [blobBytes(minutes, 100)] });
      await put(store, 'another model', { createdAt: START });
      await put(store, 'another scope', { ...at(4), scope: 'globex' });
      const heads = async (most: number): Promise<string[]> =>
        (await store.list('acme', 'files', most)).map(({ head }) => head);
      expect(await heads(10)).toEqual(['"3"', '"2"', '"1"']);
      expect(await heads(2)).toEqual(['"3"', '"2"']);
      expect((await store.list('acme', 'files', 1))[0]).toEqual((await store.get('f3'))!.value);
      await store.delete('f3');
      expect(await heads(10)).toEqual(['"2"', '"1"']);
      expect(await store.list('nobody', 'files', 10)).toEqual([]);
    });

    test('keeps an entry without a blob, and many that share one', async () => {
      const { store } = await make();
      await put(store, 'none', { blobs: [] });
      expect(await read(store, 'none')).toEqual({ head: '{}', blobs: [] });
      const before = store.byteLength;
      const blobs = [blobBytes(1, 100_000)];
      for (const name of ['a', 'b', 'c']) await put(store, name, { blobs, scope: name });
      expect(store.byteLength - before).toBeLessThan(150_000);
      await store.delete('a');
      await store.delete('b');
      expect((await read(store, 'c'))?.blobs).toEqual(blobs);
      await store.delete('c');
      expect(await read(store, 'c')).toBeNull();
      expect(store.byteLength).toBe(before);
    });

    test('puts an entry in the place of the one that had its name', async () => {
      const { store } = await make();
      await put(store, 'a', { head: '"old"', blobs: [blobBytes(1, 5000), blobBytes(2, 5000)] });
      await put(store, 'a', { head: '"new"', blobs: [blobBytes(2, 5000)] });
      expect(await read(store, 'a')).toEqual({ head: '"new"', blobs: [blobBytes(2, 5000)] });
      expect(store.byteLength).toBe(await sizeIn(make, { head: '"new"', blobs: [blobBytes(2, 5000)] }));
    });

    test('does not keep what is larger than it may be, nor give up others for it, nor keep what it would replace', async () => {
      const { store } = await make({ maxBytes: 200_000 });
      await put(store, 'other');
      await put(store, 'a', { head: '"old"' });
      expect(await put(store, 'a', { head: '"new"', blobs: [blobBytes(1, 200_001)] })).toBe(false);
      expect(await has(store, 'a')).toBe(false);
      expect(await has(store, 'other')).toBe(true);
    });

    test('never holds more than its bound, fills it to the last entry, and gives up what was used longest ago', async () => {
      const blobs = (number: number): EntryFields => ({ blobs: [blobBytes(number, 10_000)] });
      const each = await sizeIn(make, blobs(0));
      const maxBytes = 10 * each;
      const { store, evicted } = await make({ maxBytes });
      for (let number = 0; number < 40; number += 1) {
        expect(await put(store, `${number}`, blobs(number))).toBe(true);
        expect(store.byteLength).toBeLessThanOrEqual(maxBytes);
        expect(await has(store, '0')).toBe(true);
      }
      expect(store.byteLength).toBe(maxBytes);
      expect(evicted).toEqual(Array.from({ length: 30 }, () => 'room'));
      const left = await Promise.all(Array.from({ length: 40 }, (_, number) => read(store, `${number}`)));
      expect(left.flatMap((found, number) => (found === null ? [] : [number]))).toEqual([
        0,
        ...Array.from({ length: 9 }, (_, index) => 31 + index),
      ]);
    });

    test('counts another tier’s use of an entry as one of its own', async () => {
      const each = await sizeIn(make, { blobs: [blobBytes(0, 10_000)] });
      const { store } = await make({ maxBytes: 3 * each });
      for (const number of [0, 1, 2]) await put(store, `${number}`, { blobs: [blobBytes(number, 10_000)] });
      store.touch('0');
      store.touch('not there');
      await put(store, '3', { blobs: [blobBytes(3, 10_000)] });
      expect([await has(store, '0'), await has(store, '1')]).toEqual([true, false]);
    });

    test('lets no scope have more than its share, whoever floods it: its own oldest go first', async () => {
      const fields = (scope: string, number: number): EntryFields => ({ scope, blobs: [blobBytes(number, 10_000)] });
      const each = await sizeIn(make, fields('acme', 0));
      const { store, evicted } = await make({ maxBytes: 10 * each, scopeBytes: 5 * each });
      for (const number of [0, 1, 2]) await put(store, `quiet ${number}`, fields('quiet', number));
      for (let number = 10; number < 60; number += 1) await put(store, `loud ${number}`, fields('loud', number));
      const standings = new Map((await store.stats()).map((standing) => [standing.scope, standing]));
      expect(standings.get('quiet')).toMatchObject({ entries: 3 });
      expect(standings.get('loud')).toMatchObject({ entries: 5, bytes: 5 * each });
      expect(new Set(evicted)).toEqual(new Set(['share']));
      expect(await has(store, 'loud 55')).toBe(true);
      expect(await put(store, 'too much', { scope: 'quiet', blobs: [blobBytes(7, 5 * each)] })).toBe(false);
      expect(await has(store, 'quiet 0')).toBe(true);
    });

    test('counts a shared blob whole for every scope that holds it', async () => {
      const blobs = [blobBytes(1, 10_000)];
      const { store } = await make();
      await put(store, 'a', { scope: 'acme', blobs });
      await put(store, 'z', { scope: 'zeta', blobs });
      for (const { bytes } of await store.stats()) expect(bytes).toBeGreaterThan(10_000);
      expect(store.byteLength).toBeLessThan(2 * 13_334 + 3000);
    });

    test('drops what has expired when it is swept, by the clock it was given', async () => {
      const { store, clock, evicted } = await make();
      await put(store, 'short', { ttlMs: 1000, blobs: [blobBytes(1, 5000)] });
      await put(store, 'long', { ttlMs: 1001, blobs: [blobBytes(2, 5000)] });
      await store.sweep();
      expect(await has(store, 'short')).toBe(true);
      clock.now += 1000;
      await store.sweep();
      expect([await has(store, 'short'), await has(store, 'long')]).toEqual([false, true]);
      expect(evicted).toEqual(['expired']);
    });

    test('is purged by name, scope, model and age, and all of these together', async () => {
      const { store } = await make();
      const names = async (): Promise<string> => {
        const there = await Promise.all(
          ['a', 'b', 'c', 'd'].map(async (name) => ((await has(store, name)) ? name : '')),
        );
        return there.join('');
      };
      const fill = async (): Promise<void> => {
        await put(store, 'a', { scope: 'acme', model: 'flash', createdAt: START });
        await put(store, 'b', { scope: 'acme', model: 'pro', createdAt: START + 10 });
        await put(store, 'c', { scope: 'zeta', model: 'flash', createdAt: START + 20 });
        await put(store, 'd', { scope: 'zeta', model: 'pro', createdAt: START + 30 });
      };
      for (const [selection, left] of [
        [{ name: 'a' }, 'bcd'],
        [{ scope: 'acme' }, 'cd'],
        [{ model: 'pro' }, 'ac'],
        [{ before: START + 20 }, 'cd'],
        [{ scope: 'acme', model: 'pro', before: START + 10 }, 'abcd'],
        [{ scope: 'acme', model: 'pro', before: START + 11 }, 'acd'],
        [{ name: 'a', scope: 'zeta' }, 'abcd'],
        [{}, ''],
      ] as const) {
        await fill();
        const before = (await store.stats()).reduce((sum, { bytes }) => sum + bytes, 0);
        const purged = await store.purge(selection);
        expect(await names()).toBe(left);
        expect(purged.entries).toBe(4 - left.length);
        const after = (await store.stats()).reduce((sum, { bytes }) => sum + bytes, 0);
        expect(purged.bytes).toBe(before - after);
      }
      expect(store.byteLength).toBe(0);
    });

    test('tells what it holds by scope and model', async () => {
      const { store } = await make();
      await put(store, 'a', { model: 'flash', createdAt: START + 5 });
      await put(store, 'b', { model: 'flash', createdAt: START });
      await put(store, 'c', { model: 'pro' });
      await read(store, 'a');
      await read(store, 'a');
      store.touch('b');
      const [flash, pro, ...others] = await store.stats();
      expect(flash).toEqual({
        scope: 'acme',
        model: 'flash',
        entries: 2,
        bytes: expect.any(Number),
        oldest: START,
        hits: 3,
      });
      expect(pro).toMatchObject({ scope: 'acme', model: 'pro', entries: 1, hits: 0 });
      expect(others).toEqual([]);
    });
  });
}
