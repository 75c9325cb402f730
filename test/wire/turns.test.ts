import { expect, test } from 'vitest';
import { nextTurn } from '../../src/wire/turns.ts';

test('however many take turns, the event loop goes round between any two of them', async () => {
  const order: string[] = [];
  const worker = async (name: string): Promise<void> => {
    for (let turn = 0; turn < 3; turn += 1) {
      await nextTurn();
      order.push(name);
    }
  };
  let round = setImmediate(function others() {
    order.push('others');
    round = setImmediate(others);
  });
  await Promise.all(['a', 'b', 'c'].map(worker));
  clearImmediate(round);
  const turns = order.filter((name) => name !== 'others');
  // First come, first served.
  expect(turns).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c']);
  expect(order.some((name, at) => name !== 'others' && (order[at + 1] ?? 'others') !== 'others')).toBe(false);
});

test('who asks while nobody waits has its turn all the same, each time', async () => {
  for (let turn = 0; turn < 3; turn += 1) await expect(nextTurn()).resolves.toBeUndefined();
});
