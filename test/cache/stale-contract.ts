import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Entries } from '../../src/cache/entry.ts';
import type { CacheKey } from '../../src/cache/key.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import type { EntryTrouble } from '../../src/cache/shelf.ts';
import { drawn, readReply } from './samples.ts';
import type { StoreUnderTest } from './stores.ts';

const KEY: CacheKey = { scope: 'acme', digest: '0'.repeat(64) };
const TTL = 60;
const GRACE = 600;
const ANY_AGE = { maxAgeSeconds: null };

/** What every kind of store is held to of entries that are past their time: over a memory, unless it is one. */
export function staleContract(where: string, open: () => Promise<StoreUnderTest> | StoreUnderTest): void {
  async function cache(graceSeconds = GRACE) {
    const under = await open();
    const troubles: EntryTrouble[] = [];
    const parts = { now: () => under.clock.now, onTrouble: (trouble: EntryTrouble) => troubles.push(trouble) };
    const shelf = new Shelf({ tiers: [under.store], ...parts });
    return { ...under, entries: new Entries({ shelf, parseAnswer: readReply, graceSeconds, ...parts }), troubles };
  }

  describe(`an entry ${where} that is past its time`, () => {
    it('is never found as a fresh one, and stands in until its grace is over', async () => {
      const { entries, clock, troubles } = await cache();
      const putAt = clock.now;
      expect(await entries.put(KEY, drawn(), TTL)).toBe(true);
      const look = async (afterMs: number, staleSeconds?: number) => {
        clock.now = putAt + afterMs;
        const hit = await entries.get(KEY, { ...ANY_AGE, ...(staleSeconds !== undefined && { staleSeconds }) });
        return hit === null ? null : [hit.isStale, hit.ttlSeconds, hit.ageSeconds];
      };
      expect(await look(59_999)).toEqual([false, 0, 59]);
      expect(await look(59_999, GRACE)).toEqual([false, 0, 59]);
      expect(await look(60_000)).toBeNull();
      expect(await look(60_000, GRACE)).toEqual([true, 0, 60]);
      expect(await look(300_000)).toBeNull();
      expect(await look(300_000, 0)).toBeNull();
      expect(await look(300_000, 239)).toBeNull();
      expect(await look(299_999, 240)).toEqual([true, -240, 299]);
      expect(await look(659_999, GRACE)).toEqual([true, -600, 659]);
      expect(await look(660_000, GRACE * 2)).toBeNull();
      expect(troubles).toEqual([]);
    });

    it('is no older than its caller accepts', async () => {
      const { entries, clock } = await cache();
      await entries.put(KEY, drawn(), TTL);
      clock.now += 100_000;
      expect(await entries.get(KEY, { maxAgeSeconds: 99, staleSeconds: GRACE })).toBeNull();
      expect(await entries.get(KEY, { maxAgeSeconds: 100, staleSeconds: GRACE })).toMatchObject({ isStale: true });
    });

    it('is gone where no grace is configured', async () => {
      const { entries, clock } = await cache(0);
      await entries.put(KEY, drawn(), TTL);
      clock.now += TTL * 1000;
      expect(await entries.get(KEY, { ...ANY_AGE, staleSeconds: GRACE })).toBeNull();
    });

    it('gives way to a new one', async () => {
      const { entries, clock } = await cache();
      await entries.put(KEY, drawn(), TTL);
      clock.now += 100_000;
      await entries.put(KEY, drawn(), TTL);
      expect(await entries.get(KEY, { ...ANY_AGE, staleSeconds: GRACE })).toMatchObject({
        isStale: false,
        ageSeconds: 0,
        ttlSeconds: 60,
      });
    });

    it('is swept when its grace is over, and not before', async () => {
      const { entries, store, clock } = await cache();
      await entries.put(KEY, drawn(), TTL);
      clock.now += 659_000;
      await store.sweep();
      expect((await store.stats()).length).toBe(1);
      clock.now += 1_000;
      await store.sweep();
      await expect.poll(async () => (await store.stats()).length).toBe(0);
    });
  });
}

/** Whatever the times: fresh before its time, stale as long as both sides allow, and nothing after. */
export function staleLaw(open: () => StoreUnderTest): void {
  it('is fresh, stale or gone by the clock alone, whatever the times', async () => {
    const times = fc.record({
      ttl: fc.integer({ min: 1, max: 1_000 }),
      grace: fc.integer({ min: 0, max: 1_000 }),
      stale: fc.integer({ min: 0, max: 2_000 }),
      maxAge: fc.option(fc.integer({ min: 0, max: 2_000 })),
      at: fc.integer({ min: 0, max: 3_000_000 }),
    });
    await fc.assert(
      fc.asyncProperty(times, async ({ ttl, grace, stale, maxAge, at }) => {
        const { store, clock } = open();
        const parts = { now: () => clock.now, onTrouble: () => undefined };
        const shelf = new Shelf({ tiers: [store], ...parts });
        const entries = new Entries({ shelf, parseAnswer: readReply, graceSeconds: grace, ...parts });
        await entries.put(KEY, drawn(), ttl);
        clock.now += at;
        const hit = await entries.get(KEY, { maxAgeSeconds: maxAge, staleSeconds: stale });
        const isYoung = maxAge === null || at <= maxAge * 1000;
        const expected = at < (ttl + Math.min(grace, stale)) * 1000 && isYoung ? at >= ttl * 1000 : null;
        expect(hit?.isStale ?? null).toBe(expected);
      }),
      { numRuns: 200 },
    );
  });
}
