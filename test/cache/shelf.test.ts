import { describe, expect, test } from 'vitest';
import { Shelf } from '../../src/cache/shelf.ts';
import { StoreDown } from '../../src/cache/store.ts';
import type { EntryStore } from '../../src/cache/store.ts';
import { blobBytes, entryOf, START } from './entries.ts';
import { has, memoryStore, put } from './stores.ts';

/** The same store with something put in the place of some of its verbs. */
function changed(store: EntryStore, verbs: Partial<EntryStore>): EntryStore {
  return new Proxy(store, {
    get(target, verb) {
      const value: unknown = Reflect.get(verb in verbs ? verbs : target, verb, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Two stores, the lower one with something put in the place of some of its verbs. */
function shelfOf(lowerVerbs: (lower: EntryStore) => Partial<EntryStore> = () => ({}), upperBytes = 1_000_000) {
  const [upper, lower, clock] = [memoryStore({ maxBytes: upperBytes }).store, memoryStore().store, { now: START }];
  const tiers = [upper, changed(lower, lowerVerbs(lower))];
  const shelf = new Shelf({ tiers, now: () => clock.now, onTrouble: () => undefined });
  return { shelf, upper, lower, clock };
}

const ANY_AGE = { maxAgeSeconds: null };

test('what another instance purged is forgotten by every store that can, and one that is down harms nobody', async () => {
  const [upper, middle, last] = [memoryStore().store, memoryStore().store, memoryStore().store];
  const troubles: unknown[] = [];
  const down = changed(upper, { purge: () => Promise.reject(new StoreDown('it hangs')) });
  const onTrouble = (trouble: unknown): void => void troubles.push(trouble);
  const shelf = new Shelf({ tiers: [down, middle, last], now: () => START, onTrouble });
  await shelf.put('a', entryOf(), { everywhere: true });
  await expect(shelf.forget({ name: 'a' })).resolves.toBeUndefined();
  expect(troubles).toEqual(['store_failed']);
  expect([await has(middle, 'a'), await has(last, 'a')]).toEqual([false, true]);
});

describe('two stores, one over the other', () => {
  test('both keep what is put, and what only the lower has is brought up, once', async () => {
    const { shelf, upper, lower } = shelfOf();
    expect(await shelf.put('a', entryOf())).toBe(true);
    expect([await has(upper, 'a'), await has(lower, 'a')]).toEqual([true, true]);
    await upper.delete('a');
    expect((await shelf.get('a', ANY_AGE))?.tier).toBe('memory');
    expect(await has(upper, 'a')).toBe(true);
    await lower.delete('a');
    expect(await shelf.get('a', ANY_AGE)).not.toBeNull();
  });

  test('the lower is neither asked nor read for what the upper has, but told that it is in use', async () => {
    const touched: string[] = [];
    const { shelf, lower } = shelfOf(() => ({
      get: () => Promise.reject(new Error('asked')),
      blob: () => Promise.reject(new Error('read')),
      touch: (name) => void touched.push(name),
    }));
    await shelf.put('a', entryOf());
    expect(await shelf.get('a', ANY_AGE)).not.toBeNull();
    expect(touched).toEqual(['a']);
    expect(await has(lower, 'a')).toBe(true);
  });

  test('what the upper has kept does not wait for the lower; what it has no room for does', async () => {
    const gate = Promise.withResolvers<void>();
    const slow = (lower: EntryStore): Partial<EntryStore> => ({
      set: async (...asked) => {
        await gate.promise;
        return lower.set(...asked);
      },
    });
    const { shelf, lower } = shelfOf(slow);
    expect(await shelf.put('a', entryOf())).toBe(true);
    expect(await has(lower, 'a')).toBe(false);

    const cramped = shelfOf(slow, 100);
    const filed = cramped.shelf.put('b', entryOf());
    gate.resolve();
    expect(await filed).toBe(true);
    expect(await has(cramped.lower, 'b')).toBe(true);
    await expect.poll(() => has(lower, 'a')).toBe(true);
  });

  test('much that waits for the lower makes more wait with it', async () => {
    let isFiled = false;
    const { shelf } = shelfOf((lower) => ({
      backlogBytes: 1 << 30,
      set: async (...asked) => {
        isFiled = await lower.set(...asked);
        return isFiled;
      },
    }));
    await shelf.put('a', entryOf());
    expect(isFiled).toBe(true);
  });

  test('what is purged while it is read is not brought up again', async () => {
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const { shelf, upper, lower } = shelfOf((lower) => ({
      async blob(ref) {
        const blob = await lower.blob(ref);
        begun.resolve();
        await gate.promise;
        return blob;
      },
    }));
    await put(lower, 'a');
    const reading = shelf.get('a', ANY_AGE);
    await begun.promise;
    expect(await shelf.purge({ scope: 'acme' })).toMatchObject({ entries: 1 });
    gate.resolve();
    expect(await reading).not.toBeNull();
    expect(await has(upper, 'a')).toBe(false);
    expect(await shelf.get('a', ANY_AGE)).toBeNull();
  });

  test('what is read below while the lower is still being purged is not left above', async () => {
    const gate = Promise.withResolvers<void>();
    const { shelf, upper, lower } = shelfOf((lower) => ({
      async purge(selection) {
        await gate.promise;
        return lower.purge(selection);
      },
    }));
    await put(lower, 'a');
    const purging = shelf.purge({});
    expect(await shelf.get('a', ANY_AGE)).not.toBeNull();
    gate.resolve();
    expect(await purging).toMatchObject({ entries: 1 });
    expect(await has(upper, 'a')).toBe(false);
  });

  test('what is purged while it is brought up does not stay there', async () => {
    const [memory, lower] = [memoryStore().store, memoryStore().store];
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const upper = changed(memory, {
      async set(...asked) {
        begun.resolve();
        await gate.promise;
        return memory.set(...asked);
      },
    });
    const shelf = new Shelf({ tiers: [upper, lower], now: () => START, onTrouble: () => undefined });
    await put(lower, 'a');
    const reading = shelf.get('a', ANY_AGE);
    await begun.promise;
    await shelf.forget({ name: 'a' });
    gate.resolve();
    await reading;
    expect([await has(memory, 'a'), await has(lower, 'a')]).toEqual([false, true]);
  });

  test('what another instance removed goes from above, whatever of it is below', async () => {
    const { shelf, upper, lower } = shelfOf();
    await shelf.put('a', entryOf({ scope: 'acme' }));
    await shelf.put('z', entryOf({ scope: 'zeta' }));
    await shelf.forget({ scope: 'acme' });
    expect(await Promise.all([has(upper, 'a'), has(upper, 'z'), has(lower, 'a')])).toEqual([false, true, true]);
  });

  test('a purge that the lower does not do is done above, and is refused', async () => {
    const { shelf, upper } = shelfOf(() => ({ purge: () => Promise.reject(new StoreDown('it is away')) }));
    await shelf.put('a', entryOf());
    await expect(shelf.purge({})).rejects.toThrow(StoreDown);
    expect(await has(upper, 'a')).toBe(false);
  });

  test('what is kept anew while the old is read is not replaced by the old', async () => {
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const { shelf, lower } = shelfOf((lower) => ({
      async blob(ref) {
        begun.resolve();
        await gate.promise;
        return lower.blob(ref);
      },
    }));
    await put(lower, 'a', { head: '"old"' });
    const reading = shelf.get('a', ANY_AGE);
    await begun.promise;
    await shelf.put('a', entryOf({ head: '"new"', createdAt: START + 1 }));
    gate.resolve();
    await reading;
    expect((await shelf.get('a', ANY_AGE))?.card.head).toBe('"new"');
  });

  test('an entry too old for one caller stays for the others, and one that has expired is nobody’s', async () => {
    const { shelf, clock } = shelfOf();
    await shelf.put('a', entryOf({ ttlMs: 60_000, blobs: [blobBytes(1, 10)] }));
    clock.now += 10_001;
    expect(await shelf.get('a', { maxAgeSeconds: 10 })).toBeNull();
    expect(await shelf.get('a', { maxAgeSeconds: 11 })).not.toBeNull();
    clock.now += 49_999;
    expect(await shelf.get('a', ANY_AGE)).toBeNull();
  });
});
