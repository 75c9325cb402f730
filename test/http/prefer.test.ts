import { describe, expect, test } from 'vitest';
import { readPrefer } from '../../src/http/prefer.ts';

describe('Prefer', () => {
  test.each([
    [undefined, false, null],
    ['', false, null],
    ['respond-async', true, null],
    ['Respond-Async', true, null],
    ['respond-async, wait=10', true, 10],
    ['wait="10" , respond-async', true, 10],
    ['respond-async; foo="a, wait=5"', true, null],
    ['foo="respond-async"', false, null],
    ['foo=", respond-async, "', false, null],
    ['foo="\\", respond-async"', false, null],
    ['wait=1, wait=2', false, 1],
    ['wait', false, null],
    ['wait=', false, null],
    ['wait=-1', false, null],
    ['wait=1.5', false, null],
    ['wait=soon, respond-async', true, null],
    ['wait=99999999999999999999', false, null],
    [', ,respond-async,', true, null],
    ['return=minimal; x="unclosed, respond-async', false, null],
    ['no-respond-async', false, null],
  ])('%j: respond-async %s, wait %s', (header, respondAsync, waitSeconds) => {
    expect(readPrefer(header)).toEqual({ respondAsync, waitSeconds });
  });

  test('may stand on several lines', () => {
    expect(readPrefer(['wait=3', 'respond-async'])).toEqual({ respondAsync: true, waitSeconds: 3 });
  });

  test('is read in no time however long it is', () => {
    for (const piece of ['"', '\\', ', ', 'a="', ';', ' ', '"\\'])
      expect(readPrefer(piece.repeat(16_000)).respondAsync).toBe(false);
  });
});
