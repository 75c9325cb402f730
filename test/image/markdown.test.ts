import { describe, expect, test } from 'vitest';
import { readMarkdown } from '../../src/image/markdown.ts';
import { LongString } from '../../src/wire/long-string.ts';

const PICTURE = '![a fox](data:image/png;base64,iVBORw0KGgo=)';

/** As a body comes from the network: in many chunks. */
function inChunks(text: string, bytes: number): LongString {
  const whole = Buffer.from(text);
  const count = Math.ceil(whole.length / bytes);
  const chunks = Array.from({ length: count }, (_, index) => whole.subarray(index * bytes, (index + 1) * bytes));
  return LongString.fromJson(chunks, false);
}

describe('a text with pictures in it', () => {
  test('is read in its order, whatever the chunks it came in', () => {
    for (const bytes of [1, 7, 64]) {
      const found = readMarkdown(inChunks(`before\n\n${PICTURE}\n\nbetween ${PICTURE} after`, bytes), 'it');
      expect(found.map((piece) => (typeof piece === 'string' ? piece : piece.mimeType))).toEqual([
        'before',
        'image/png',
        'between',
        'image/png',
        'after',
      ]);
    }
  });

  test('of millions of addresses is refused before they are read', () => {
    for (const address of ['](data:)', '![](data:image/png;base64,)'])
      expect(() => readMarkdown(inChunks(address.repeat(1_000_000), 1 << 14), 'messages[0].content')).toThrow(
        'messages[0].content must be a text with at most 64 pictures.',
      );
  });

  test('of a million spaces is read in one go', () => {
    const spaces = ' '.repeat(1_000_000);
    expect(readMarkdown(`a${spaces}b${spaces}${PICTURE}`, 'it')[0]).toBe(`a${spaces}b`);
  });
});
