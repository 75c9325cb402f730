import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backOffMs, RetryBudget } from '../../src/upstreams/retry.ts';

describe('the budget of repetitions', () => {
  test('is a fifth of the first tries of the last ten seconds, and three at least', () => {
    const budget = new RetryBudget();
    expect([1, 2, 3, 4].map((now) => budget.spend(now))).toEqual([true, true, true, false]);
    for (let call = 0; call < 100; call += 1) budget.first(1_000);
    expect(Array.from({ length: 20 }, () => budget.spend(1_000)).filter(Boolean)).toHaveLength(17);
    expect(Array.from({ length: 20 }, () => budget.spend(12_500)).filter(Boolean)).toHaveLength(3);
  });

  test('keeps 1,000 calls to an upstream that is down below 1,200', () => {
    const budget = new RetryBudget();
    let calls = 0;
    for (let request = 0; request < 1_000; request += 1) {
      const now = request * 7;
      budget.first(now);
      calls += 1;
      for (let tries = 0; tries < 2 && budget.spend(now); tries += 1) calls += 1;
    }
    expect(calls).toBeLessThanOrEqual(1_200);
    expect(calls).toBeGreaterThan(1_100);
  });
});

test('a wait is anything below a bound that doubles up to eight seconds', () => {
  const property = fc.property(fc.integer({ min: 1, max: 30 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, x) => {
    const wait = backOffMs(n, () => x);
    expect(wait).toBeLessThanOrEqual(Math.min(8_000, 500 * 2 ** (n - 1)));
    expect(wait).toBeGreaterThanOrEqual(0);
  });
  fc.assert(property);
  expect([1, 2, 3, 9].map((number) => backOffMs(number, () => 1))).toEqual([500, 1_000, 2_000, 8_000]);
});
