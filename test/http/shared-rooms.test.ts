import { expect, test } from 'vitest';
import { createByteBudget } from '../../src/http/byte-budget.ts';
import { sharedRooms } from '../../src/http/shared-rooms.ts';
import { LongString } from '../../src/wire/long-string.ts';

test('what several read at once is counted once, until the last of them has it', async () => {
  const budget = createByteBudget(1_000);
  const share = sharedRooms();
  const [one, other] = [100, 50].map((length) => LongString.fromBase64([Buffer.alloc(length)])) as [
    LongString,
    LongString,
  ];
  const first = share(one, await budget.acquire(400));
  const second = share(one, await budget.acquire(400));
  const third = share(other, await budget.acquire(400));
  expect(budget.held).toBe(150);
  first();
  expect(budget.held).toBe(150);
  second();
  expect(budget.held).toBe(50);
  const again = share(one, await budget.acquire(400));
  expect(budget.held).toBe(150);
  again();
  third();
  expect(budget.held).toBe(0);
});
