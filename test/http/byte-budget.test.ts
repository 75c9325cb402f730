import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { acquireOrRefuse, createByteBudget } from '../../src/http/byte-budget.ts';
import type { Room } from '../../src/http/byte-budget.ts';

/** Whether a promise is settled once everything that can happen by itself has happened. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('a budget of bytes', () => {
  test('who does not fit waits until there is room, first come first served', async () => {
    const budget = createByteBudget(100);
    const first = budget.take(80)!;
    const big = budget.acquire(60);
    const small = budget.acquire(10);
    expect(await isSettled(small)).toBe(false);
    expect(budget.take(1)).toBeNull();
    first.keep(0);
    expect((await big).bytes).toBe(60);
    expect((await small).bytes).toBe(10);
    expect(budget.held).toBe(70);
  });

  test('more than the whole budget is let through alone, and nobody beside it', async () => {
    const budget = createByteBudget(100);
    const giant = await budget.acquire(500);
    const next = budget.acquire(1);
    expect(await isSettled(next)).toBe(false);
    giant.keep(0);
    expect((await next).bytes).toBe(1);
  });

  test('what is given back early lets others in, and is given back once', async () => {
    const budget = createByteBudget(100);
    const room = await budget.acquire(100);
    const next = budget.acquire(90);
    room.keep(10);
    await next;
    expect(budget.held).toBe(100);
    room.keep(50);
    expect([room.bytes, budget.held]).toEqual([10, 100]);
    room.keep(0);
    room.keep(0);
    expect(budget.held).toBe(90);
  });

  test('who gives up in line makes way for those behind', async () => {
    const budget = createByteBudget(100);
    const held = await budget.acquire(50);
    const tired = new AbortController();
    const big = budget.acquire(80, tired.signal);
    const small = budget.acquire(50);
    tired.abort(new Error('tired'));
    await expect(big).rejects.toThrow('tired');
    await small;
    held.keep(0);
    tired.abort();
    expect(budget.held).toBe(50);
  });

  test('who has given up before is not let in', async () => {
    const budget = createByteBudget(100);
    await expect(budget.acquire(1, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(budget.held).toBe(0);
  });

  test('giving up after having been let in changes nothing', async () => {
    const budget = createByteBudget(100);
    const late = new AbortController();
    const first = await budget.acquire(100);
    const second = budget.acquire(100, late.signal);
    first.keep(0);
    late.abort();
    expect((await second).bytes).toBe(100);
  });

  test('a caller who hangs up in line is not refused but gone', async () => {
    const budget = createByteBudget(10);
    await budget.acquire(10);
    const gone = new AbortController();
    const waiting = acquireOrRefuse(budget, 5, gone.signal);
    gone.abort(new Error('hung up'));
    await expect(waiting).rejects.toThrow('hung up');
    expect(budget.held).toBe(10);
  });

  test('whatever comes and goes, the limit holds, nothing leaks and everybody is served or gone', async () => {
    const visit = fc.record({ bytes: fc.integer({ min: 1, max: 150 }), givesUp: fc.boolean(), keeps: fc.nat(150) });
    await fc.assert(
      fc.asyncProperty(fc.array(visit, { maxLength: 40 }), fc.scheduler(), async (visits, scheduler) => {
        const budget = createByteBudget(100);
        const inside = new Set<Room>();
        const comeAndGo = async ({ bytes, givesUp, keeps }: (typeof visits)[number]): Promise<void> => {
          const patience = new AbortController();
          if (givesUp) void scheduler.schedule(Promise.resolve()).then(() => patience.abort(new Error('tired')));
          const room = await budget.acquire(bytes, patience.signal);
          inside.add(room);
          const together = [...inside].reduce((sum, each) => sum + each.bytes, 0);
          expect(together).toBeLessThanOrEqual(budget.held);
          expect(budget.held <= 100 || budget.held === room.bytes).toBe(true);
          await scheduler.schedule(Promise.resolve());
          room.keep(keeps);
          await scheduler.schedule(Promise.resolve());
          inside.delete(room);
          room.keep(0);
        };
        const gone = visits.map((each) => comeAndGo(each).catch((error: Error) => expect(error.message).toBe('tired')));
        await scheduler.waitFor(Promise.all(gone));
        expect(budget.held).toBe(0);
      }),
      { numRuns: process.env.PLANTAIN_TEST_LONG ? 5000 : 200 },
    );
  });
});
