import { afterEach, expect, test, vi } from 'vitest';
import { ReplyRoom } from '../../src/draw/reply-room.ts';
import { createByteBudget } from '../../src/http/byte-budget.ts';
import { Regions } from '../../src/wire/regions.ts';

const forever = new AbortController().signal;

afterEach(() => vi.useRealTimers());

function roomIn(budget: ReturnType<typeof createByteBudget>): ReplyRoom {
  const admit = async (bytes: number, signal: AbortSignal) => {
    const room = await budget.acquire(bytes, signal);
    return (kept = 0) => room.keep(kept);
  };
  return new ReplyRoom({ admit, regions: new Regions({ spareBytes: 0 }) });
}

test('a reply counts for what lies in memory until it is delivered', async () => {
  const budget = createByteBudget(100);
  const room = roomIn(budget);
  const received = await room.admit(80, forever);
  room.keep(Buffer.alloc(60));
  expect(budget.held).toBe(80);
  received();
  room.wasRead();
  expect(budget.held).toBe(60);
  room.giveBack();
  expect(budget.held).toBe(0);
});

test('a short reply, of which nothing is kept, counts until it has come', async () => {
  const budget = createByteBudget(100);
  const room = roomIn(budget);
  const received = await room.admit(80, forever);
  received();
  expect(budget.held).toBe(0);
});

test('whoever takes a reply slowly keeps those of others waiting for a second at most', async () => {
  vi.useFakeTimers();
  const budget = createByteBudget(100);
  const slow = roomIn(budget);
  const received = await slow.admit(80, forever);
  slow.keep(Buffer.alloc(80));
  received();
  slow.wasRead();
  const next = roomIn(budget).admit(80, forever);
  await vi.advanceTimersByTimeAsync(999);
  expect(budget.held).toBe(80);
  await vi.advanceTimersByTimeAsync(1);
  const nextReceived = await next;
  expect(budget.held).toBe(80);
  nextReceived();
  expect(budget.held).toBe(0);
  // What is delivered at last gives nothing back twice.
  slow.giveBack();
  expect(budget.held).toBe(0);
});
