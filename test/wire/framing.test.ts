import { expect, it } from 'vitest';

import { FRAMINGS } from '../../src/wire/framing.ts';
import type { FramingName } from '../../src/wire/framing.ts';

function written(name: FramingName, data: readonly Record<string, number>[], isSilent = false): string {
  const { opening, closing, silence, write } = FRAMINGS[name];
  const events = data.map((each, index) => {
    const { chunks, byteLength } = write({ name: null, data: each }, index);
    const bytes = Buffer.concat(chunks);
    expect(bytes.length).toBe(byteLength);
    return bytes.toString();
  });
  const before = isSilent ? silence : '';
  return opening + before + events.join(before) + before + closing;
}

it('an array is written piece by piece as Google writes it, and is JSON whatever silence is in it', () => {
  expect(written('array', [{ a: 1 }, { b: 2 }])).toBe('[{"a":1}\n,\r\n{"b":2}\n]');
  expect(written('array', [])).toBe('[]');
  expect(JSON.parse(written('array', [{ a: 1 }, { b: 2 }], true))).toEqual([{ a: 1 }, { b: 2 }]);
});

it('events have no brackets, and silence among them is a comment', () => {
  expect(written('lf', [{ a: 1 }])).toBe('data: {"a":1}\n\n');
  expect(written('crlf', [{ a: 1 }])).toBe('data: {"a":1}\r\n\r\n');
  expect(FRAMINGS.lf.silence).toMatch(/^:[^\r\n]*\n\n$/);
  expect(FRAMINGS.crlf.silence).toMatch(/^:[^\r\n]*\r\n\r\n$/);
});
