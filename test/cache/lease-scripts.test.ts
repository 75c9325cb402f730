import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leaseScripts } from '../../src/cache/lease-scripts.ts';
import { openRedis } from '../../src/redis.ts';
import type { Redis } from '../../src/redis.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const LEASE_MS = 5_000;
const RUNS = process.env.PLANTAIN_TEST_LONG ? 2_000 : 60;
/** Microseconds, as a test says. */
const CLOCK = `local function micros() return tonumber(redis.call('GET', '{t}clock')) end`;

type Step =
  | { readonly do: 'seek'; readonly who: number; readonly mayTake: boolean; readonly isLate: boolean }
  | { readonly do: 'renew' | 'end'; readonly which: number; readonly how: 'stored' | 'unkept' | 'left' | 'failed' }
  | { readonly do: 'pass'; readonly ms: number }
  /** Redis loses the record: evicted, or flushed, with or without the last token. */
  | { readonly do: 'lose'; readonly all: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('seek' as const),
      who: fc.nat(3),
      mayTake: fc.boolean(),
      isLate: fc.nat(9).map((n) => n === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('renew' as const, 'end' as const),
      which: fc.nat(5),
      how: fc.constantFrom('stored' as const, 'unkept' as const, 'left' as const, 'failed' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 900, 4_999, 5_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), all: fc.boolean() }) },
);

withRedis('the scripts of a lease', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedis();
    redis = openRedis(server.url);
  });
  afterAll(async () => {
    await redis.close();
    await server.close();
  });

  test('whatever the order: one holder at a time, each with a higher token; a stale one renews, ends and hides nothing; those who wait hear the end of what they waited for, and nobody else does', async () => {
    const scripts = leaseScripts(CLOCK);
    await expect.poll(() => redis.trouble()).toBeNull();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        await redis.command(['FLUSHALL'], 5_000);
        let at = 1_700_000_000_000;
        let request = 0;
        let record: { token: number; state: string; until: number } | null = null;
        const waitsFor = [0, 0, 0, 0];
        /** Of everybody who ever had it, in that order: most of them stale. */
        const tokens: number[] = [];
        const setClock = () => redis.command(['SET', '{t}clock', String(at * 1_000)], 5_000);
        await setClock();
        for (const next of steps) {
          if (next.do === 'pass') {
            at += next.ms;
            await setClock();
          } else if (next.do === 'lose') {
            // No flush and new lease within one microsecond.
            at += 1;
            await setClock();
            await redis.command(['DEL', '{t}fox', ...(next.all ? ['{t}last'] : [])], 5_000);
            record = null;
          } else if (next.do === 'seek') {
            const waited = waitsFor[next.who]!;
            const words = [waited, LEASE_MS, next.mayTake ? 1 : 0, next.isLate ? at - 1 : 0, (request += 1)].map(
              String,
            );
            const reply = (await redis.run(scripts.seek, ['{t}fox', '{t}last'], words, 5_000)) as string[];
            const [word, clock, token, more] = reply;
            expect(clock).toBe(String(at));
            const isHeld = record?.state === 'held' && record.until > at;
            if (next.isLate) expect(word).toBe('LATE');
            else if (record !== null && isHeld) {
              expect([word, token, more]).toEqual(['HELD', String(record.token), String(record.until - at)]);
              waitsFor[next.who] = record.token;
            } else if (
              record !== null &&
              ['stored', 'unkept', 'failed'].includes(record.state) &&
              waited === record.token
            ) {
              expect([word, token, more]).toEqual([
                record.state,
                String(waited),
                record.state === 'failed' ? `failure of ${waited}` : '',
              ]);
              waitsFor[next.who] = 0;
            } else if (!next.mayTake) expect(word).toBe('FREE');
            else {
              expect([word, more]).toEqual(['TAKEN', record?.state === 'held' ? '1' : '0']);
              for (const earlier of tokens) expect(Number(token)).toBeGreaterThan(earlier);
              tokens.push(Number(token));
              record = { token: Number(token), state: 'held', until: at + LEASE_MS };
              waitsFor[next.who] = 0;
            }
          } else {
            const token = tokens[tokens.length - 1 - next.which];
            if (token === undefined) continue;
            const isHolder: boolean = record?.token === token && record.state === 'held';
            if (next.do === 'renew') {
              const kept = await redis.run(
                scripts.renew,
                ['{t}fox', '{t}fox'],
                [LEASE_MS, token, 1].map(String),
                5_000,
              );
              expect(kept).toEqual([isHolder ? 1 : 0, 0]);
              if (record !== null && isHolder) record.until = at + LEASE_MS;
            } else {
              const words = [String(token), next.how, next.how === 'failed' ? `failure of ${token}` : '', 'fox'];
              expect(await redis.run(scripts.end, ['{t}fox', '{t}ends'], words, 5_000)).toBe(isHolder ? 1 : 0);
              if (record !== null && isHolder) record.state = next.how;
            }
          }
        }
      }),
      { numRuns: RUNS },
    );
  }, 120_000);

  test('one who asks again, for want of an answer, has what it was given', async () => {
    const scripts = leaseScripts();
    await expect.poll(() => redis.trouble()).toBeNull();
    const ask = async (request: string): Promise<unknown> =>
      redis.run(scripts.seek, ['{t}owl', '{t}last'], ['0', String(LEASE_MS), '1', '0', request], 5_000);
    const [, , token] = (await ask('mine')) as string[];
    expect(await ask('mine')).toEqual(['TAKEN', expect.any(String), token, '0']);
    expect(await ask('another’s')).toEqual(['HELD', expect.any(String), token, expect.any(String)]);
  });
});
