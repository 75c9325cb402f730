import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Regions } from '../../src/wire/regions.ts';

const MB = 1 << 20;
const bytesOf = (fill: number, length = 1000): Buffer => Buffer.alloc(length, fill);

describe('lent memory', () => {
  test('holds copies, each as it came', () => {
    const loan = new Regions({ spareBytes: 0 }).lend();
    const sources = [1, 2, 3].map((fill) => bytesOf(fill, 70_000 + fill));
    const copies = sources.map(loan.keep);
    sources.forEach((source) => source.fill(0));
    copies.forEach((copy, index) => expect(copy).toEqual(bytesOf(index + 1, 70_001 + index)));
  });

  test('is one block, however large', () => {
    const loan = new Regions({ spareBytes: 200 * MB }).lend();
    for (const length of [0, 1, 20 * MB, 20 * MB, 70 * MB]) expect(loan.take(length).length).toBe(length);
    const [one, other] = [loan.take(10), loan.take(10)];
    one.fill(1);
    other.fill(2);
    expect(one).toEqual(bytesOf(1, 10));
  });

  test('is empty for who looks at it after it was given back, whoever has it then', () => {
    const regions = new Regions({ spareBytes: 100 * MB });
    const loan = regions.lend();
    const kept = loan.keep(bytesOf(1));
    const part = kept.subarray(10, 20);
    loan.giveBack();
    expect([kept.length, part.length]).toEqual([0, 0]);
    const next = regions.lend().keep(bytesOf(2));
    expect([kept.length, part.length]).toEqual([0, 0]);
    expect(next).toEqual(bytesOf(2));
    expect(() => loan.take(1)).toThrow('given back');
  });

  test('given back twice is given back once', () => {
    const regions = new Regions({ spareBytes: 100 * MB });
    const loan = regions.lend();
    loan.keep(bytesOf(1));
    loan.giveBack();
    loan.giveBack();
    const [one, other] = [regions.lend().take(1000), regions.lend().take(1000)];
    one.fill(1);
    other.fill(2);
    expect(one).toEqual(bytesOf(1));
  });
});

describe('memory for one piece of work at a time', () => {
  test('goes from one to the next in the order they come, also past one that fails', async () => {
    const regions = new Regions({ spareBytes: 100 * MB });
    const order: string[] = [];
    const work = (name: string, byteLength: number) =>
      regions.during(async (take) => {
        order.push(`${name} begins`);
        const mine = take(byteLength).fill(name);
        await new Promise(setImmediate);
        if (name === 'b') throw new Error('broken');
        order.push(`${name} ends`);
        return mine.every((byte) => byte === name.charCodeAt(0));
      });
    const results = await Promise.allSettled([work('a', 3 * MB), work('b', MB), work('c', 2 * MB)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[2]).toEqual({ status: 'fulfilled', value: true });
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'c begins', 'c ends']);
    // What the largest of them needed, once.
    expect(regions.spareBytes).toBe(3 * MB);
  });
});

describe('spare memory', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function giveBack(regions: Regions, count: number): void {
    const loans = Array.from({ length: count }, () => regions.lend());
    for (const { keep } of loans) keep(bytesOf(1, MB));
    for (const loan of loans) loan.giveBack();
  }

  test('is never more than the bound, in bytes that were written to', () => {
    const regions = new Regions({ spareBytes: 3.5 * MB });
    giveBack(regions, 5);
    expect(regions.spareBytes).toBe(3 * MB);
  });

  test('is what was given back, and goes to the next', () => {
    const regions = new Regions({ spareBytes: 10 * MB });
    const loan = regions.lend();
    const marked = loan.keep(bytesOf(7));
    expect(marked[0]).toBe(7);
    loan.giveBack();
    expect(regions.lend().take(1000)).toEqual(bytesOf(7));
    expect(regions.spareBytes).toBe(0);
  });

  test('leaves the process when nobody wanted it for a while, and stays as long as it is in use', () => {
    const regions = new Regions({ spareBytes: 100 * MB });
    giveBack(regions, 5);
    for (let second = 0; second < 10; second += 1) {
      giveBack(regions, 2);
      vi.advanceTimersByTime(1000);
    }
    expect(regions.spareBytes).toBe(2 * MB);
    vi.advanceTimersByTime(2000);
    expect(regions.spareBytes).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
