import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { KeyRing } from '../../src/upstreams/key-ring.ts';

const refusal = new GatewayError('upstream_busy', 'busy');
const picks = (ring: KeyRing, times: number, model = 'flash', now = 0): (string | null)[] =>
  Array.from({ length: times }, () => ring.pick(model, now));
const rest = (ring: KeyRing, key: string, model: string | null, until: number, since = 0): void =>
  ring.rest(key, { model, since, until, refusal });

describe('the keys of an upstream', () => {
  test('are used in turn', () => expect(picks(new KeyRing(['a', 'b', 'c']), 4)).toEqual(['a', 'b', 'c', 'a']));

  test('rest for a model alone, or for all', () => {
    const ring = new KeyRing(['a', 'b']);
    rest(ring, 'a', 'pro', 1_000);
    expect([picks(ring, 2, 'pro'), new Set(picks(ring, 2, 'flash'))]).toEqual([['b', 'b'], new Set(['a', 'b'])]);
    expect(ring.resting('pro', 0)).toBeNull();
    rest(ring, 'b', null, 500);
    expect([picks(ring, 1, 'pro'), ring.resting('pro', 0)]).toEqual([[null], { waitMs: 500, refusal }]);
    expect(picks(ring, 1, 'pro', 500)).toEqual(['b']);
  });

  test('are refused when each of them is, for all models', () => {
    const ring = new KeyRing(['a', 'b']);
    rest(ring, 'a', null, 1_000);
    rest(ring, 'b', 'pro', 1_000);
    expect(ring.isRefused(0)).toBe(false);
    rest(ring, 'b', null, 500);
    expect([ring.isRefused(0), ring.isRefused(499), ring.isRefused(500)]).toEqual([true, true, false]);
    rest(ring, 'b', null, 2_000);
    ring.wake('a', 'flash');
    expect(ring.isRefused(0)).toBe(false);
  });

  test('rest as long as the longest of what they were told, and wake when they are answered', () => {
    const ring = new KeyRing(['a']);
    rest(ring, 'a', 'pro', 1_000);
    rest(ring, 'a', 'pro', 10);
    rest(ring, 'a', null, 2_000);
    expect([ring.resting('pro', 0)?.waitMs, ring.resting('flash', 500)?.waitMs]).toEqual([2_000, 1_500]);
    ring.wake('a', 'pro');
    expect(picks(ring, 1, 'pro')).toEqual(['a']);
  });

  test('are not tried while a short rest lasts, and one of them every half minute of a long one', () => {
    const [short, long] = [new KeyRing(['a']), new KeyRing(['a', 'b'])];
    rest(short, 'a', 'pro', 60_000);
    expect([1, 31_000, 59_999, 60_000].map((now) => short.pick('pro', now))).toEqual([null, null, null, 'a']);
    rest(long, 'a', 'pro', 3_600_000);
    rest(long, 'b', null, 7_200_000);
    expect([29_999, 30_000, 30_001, 59_999, 60_000].map((now) => long.pick('pro', now))).toEqual([
      null,
      'a',
      null,
      null,
      'a',
    ]);
  });
});
