import { describe, expect, test } from 'vitest';
import { blobBytes, read, START } from './entries.ts';
import { has, put } from './stores.ts';
import type { StoreOptions, StoreUnderTest } from './stores.ts';

const BYTES = 30_000;
export const blobs = (number: number) => ({ blobs: [blobBytes(number, BYTES)] });

type Make = (options?: StoreOptions) => StoreUnderTest | Promise<StoreUnderTest>;

/** What one entry of such a blob counts for. */
export async function sizeIn(make: Make): Promise<number> {
  const { store } = await make();
  await put(store, 'size', blobs(0));
  return store.byteLength;
}

/** What every store does with what is pinned. */
export function pinsContract(where: string, make: Make): void {
  describe(`a pinned entry ${where}`, () => {
    test('stays while others make room for one another, has half of the store at most, and leaves the rest to them', async () => {
      const each = await sizeIn(make);
      const { store, evicted } = await make({ maxBytes: 6 * each });
      for (const name of ['p1', 'p2', 'p3'])
        expect(await put(store, name, { ...blobs(Number(name.slice(1))), pinned: true })).toBe(true);
      expect(await store.mayPin?.('acme', 1)).toBe(false);
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
      const { store, clock } = await make({ maxBytes: 2 * each });
      const first = { ...blobs(1), pinned: true };
      expect(await put(store, 'p', { ...first, ttlMs: 1_000 })).toBe(true);
      expect(await put(store, 'p', { ...first, ttlMs: 2_000 })).toBe(true);
      expect((await store.get('p'))?.value).toMatchObject({ pinned: true, expiresAt: START + 2_000 });
      expect(await store.mayPin?.('acme', 1)).toBe(false);
      clock.now += 2_000;
      await store.sweep();
      expect(await has(store, 'p')).toBe(false);
      expect([await store.mayPin?.('acme', each), await store.mayPin?.('acme', each + 1)]).toEqual([true, false]);
      expect(await put(store, 'q', { ...blobs(2), pinned: true })).toBe(true);
      expect(await store.purge({ scope: 'acme' })).toMatchObject({ entries: 1 });
      expect([await store.mayPin?.('acme', 1), store.byteLength]).toEqual([true, 0]);
    });

    test('of a scope has half of its share, and keeps no other scope from pinning', async () => {
      const each = await sizeIn(make);
      const { store } = await make({ maxBytes: 8 * each, scopeBytes: 4 * each });
      const pin = (name: string, number: number, scope: string): Promise<boolean> =>
        put(store, name, { ...blobs(number), scope, pinned: true });
      expect([await pin('a', 1, 'acme'), await pin('b', 2, 'acme'), await pin('c', 3, 'acme')]).toEqual([
        true,
        true,
        false,
      ]);
      expect([await store.mayPin?.('acme', 1), await store.mayPin?.('zeta', 1)]).toEqual([false, true]);
      expect([await pin('d', 4, 'zeta'), await pin('e', 5, 'zeta'), await pin('f', 6, 'third')]).toEqual([
        true,
        true,
        false,
      ]);
      for (let number = 10; number < 16; number += 1)
        await put(store, `${number}`, { ...blobs(number), scope: 'acme' });
      for (const name of ['a', 'b', 'd', 'e', '14', '15']) expect([name, await has(store, name)]).toEqual([name, true]);
      // Whose share is not full makes room at the cost of others, and passes their pins over too.
      for (let number = 20; number < 24; number += 1)
        expect(await put(store, `${number}`, { ...blobs(number), scope: 'third' })).toBe(true);
      for (const name of ['a', 'b', 'd', 'e', '20', '23']) expect([name, await has(store, name)]).toEqual([name, true]);
      expect(store.byteLength).toBeLessThanOrEqual(8 * each);
    });
  });
}
