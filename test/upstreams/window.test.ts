import { expect, test } from 'vitest';
import { Window } from '../../src/upstreams/window.ts';

test('a window that is never asked for its sums holds no more than its ten slices', () => {
  const window = new Window(10_000, ['first', 'again']);
  for (let second = 0; second < 1_000; second += 1) window.add('first', second * 1_000);
  expect(window.size).toBe(10);
  expect(window.sums(999_000)).toEqual({ first: 10, again: 0 });
});
