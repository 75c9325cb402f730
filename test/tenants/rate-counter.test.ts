import { describe, expect, test } from 'vitest';
import { perMinute } from '../../src/tenants/limits.ts';
import { RateCounter } from '../../src/tenants/rate-counter.ts';

const rate = perMinute(3);

function counter(capacity: number) {
  const clock = { now: 0 };
  return { clock, counter: new RateCounter({ capacity, now: () => clock.now }) };
}

describe('a counter of rates', () => {
  test('keeps each name apart, and takes nothing for what it refuses', () => {
    const { clock, counter: rates } = counter(10);
    const waits = (name: string, times: number) => Array.from({ length: times }, () => rates.take(name, rate).waitMs);
    expect(waits('a', 5)).toEqual([0, 0, 0, 20_000, 20_000]);
    expect(waits('b', 1)).toEqual([0]);
    expect(rates.standing('a', rate)).toMatchObject({ remaining: 0 });
    expect(rates.standing('b', rate)).toMatchObject({ remaining: 2 });
    clock.now += 20_000;
    expect(waits('a', 2)).toEqual([0, 20_000]);
    expect(rates.standing('c', rate)).toEqual({ limit: 3, remaining: 3, resetMs: 0 });
  });

  test('holds no more names than it may, whoever comes: the rest share one count', () => {
    const { counter: rates } = counter(4);
    for (let index = 0; index < 4; index += 1) rates.take(`known-${index}`, rate);
    const waits = Array.from({ length: 1000 }, (_, index) => rates.take(`flood-${index}`, rate).waitMs);
    expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
    expect(rates.size).toBe(4);
    // Nobody's own count was washed away.
    expect(rates.take('known-0', rate)).toMatchObject({ waitMs: 0, remaining: 1 });
  });

  test('forgets names that have nothing counted any more', () => {
    const { clock, counter: rates } = counter(1000);
    for (let index = 0; index < 1000; index += 1) rates.take(`early-${index}`, rate);
    clock.now = 59_999;
    rates.take('late', rate);
    expect(rates.size).toBe(1000);
    clock.now = 60_000;
    rates.take('later', rate);
    expect(rates.size).toBe(1);
  });
});
