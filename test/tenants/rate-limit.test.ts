import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY, fill, standing, waitMs } from '../../src/tenants/rate-limit.ts';
import type { Bucket, Rate } from '../../src/tenants/rate-limit.ts';

const numRuns = process.env['PLANTAIN_TEST_LONG'] === undefined ? 300 : 20_000;
const rates: fc.Arbitrary<Rate> = fc.record({
  limit: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 1_000_000 })),
  periodMs: fc.constantFrom(1, 7, 1_000, 60_000, 86_400_000),
});
/** Requests at random: how long after the one before, and how heavy as a share of the limit. */
const requests = fc.array(fc.record({ after: fc.double({ min: 0, max: 1, noNaN: true }), share: fc.nat(100) }), {
  minLength: 1,
  maxLength: 60,
});

interface Asked {
  readonly at: number;
  readonly weight: number;
}

function schedule({ limit, periodMs }: Rate, asked: readonly { after: number; share: number }[]): Asked[] {
  let at = 1_000;
  return asked.map(({ after, share }) => {
    at += Math.floor((after * after * periodMs) / 2);
    return { at, weight: Math.max(1, Math.ceil((limit * share * share) / 10_000)) };
  });
}

/** Takes what fits, in order. */
function accept(
  rate: Rate,
  all: readonly Asked[],
  each: (asked: Asked, before: Bucket, wait: number) => void,
): Asked[] {
  let bucket = EMPTY;
  return all.filter((asked) => {
    const wait = waitMs(bucket, rate, asked.weight, asked.at);
    each(asked, bucket, wait);
    if (wait > 0) return false;
    bucket = fill(bucket, rate, asked.weight, asked.at);
    return true;
  });
}

describe('a rate', () => {
  test('never accepts more than the limit and what drains meanwhile, in any window', () => {
    fc.assert(
      fc.property(rates, requests, (rate, asked) => {
        const accepted = accept(rate, schedule(rate, asked), () => undefined);
        for (const [index, first] of accepted.entries()) {
          let weight = 0;
          for (const each of accepted.slice(index)) {
            weight += each.weight;
            const most = rate.limit + ((each.at - first.at) * rate.limit) / rate.periodMs;
            expect(weight).toBeLessThanOrEqual(most + 1e-6);
          }
        }
      }),
      { numRuns },
    );
  });

  test('says a wait that is exact: the same is accepted then, and not a millisecond before', () => {
    fc.assert(
      fc.property(rates, requests, (rate, asked) => {
        accept(rate, schedule(rate, asked), ({ at, weight }, bucket, wait) => {
          if (wait === 0) return;
          expect(wait).toBeLessThanOrEqual(rate.periodMs);
          expect(waitMs(bucket, rate, weight, at + wait)).toBe(0);
          expect(waitMs(bucket, rate, weight, at + wait - 1)).toBe(1);
        });
      }),
      { numRuns },
    );
  });

  test('says what remains: so much is accepted, and not one more', () => {
    fc.assert(
      fc.property(rates, requests, (rate, asked) => {
        accept(rate, schedule(rate, asked), ({ at }, bucket) => {
          const { remaining, resetMs } = standing(bucket, rate, at);
          expect(waitMs(bucket, rate, remaining, at)).toBe(0);
          expect(waitMs(bucket, rate, remaining + 1, at)).toBeGreaterThan(0);
          expect(standing(bucket, rate, at + resetMs)).toEqual({
            limit: rate.limit,
            remaining: rate.limit,
            resetMs: 0,
          });
        });
      }),
      { numRuns },
    );
  });

  test('of 60 a minute is 60 at once, then one a second', () => {
    const rate = { limit: 60, periodMs: 60_000 };
    const full = fill(EMPTY, rate, 60, 5_000);
    expect(standing(full, rate, 5_000)).toEqual({ limit: 60, remaining: 0, resetMs: 60_000 });
    expect([1, 5, 60].map((weight) => waitMs(full, rate, weight, 5_000))).toEqual([1_000, 5_000, 60_000]);
    expect(waitMs(full, rate, 1, 6_000)).toBe(0);
    expect(standing(full, rate, 7_999)).toMatchObject({ remaining: 2 });
  });
});
