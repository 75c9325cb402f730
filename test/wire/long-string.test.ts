import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { LongString } from '../../src/wire/long-string.ts';
import { chunked, chunkSizes, examples } from './documents.ts';

function jsonOf(string: LongString): string {
  return Buffer.concat(string.chunks).toString();
}

describe('a LongString', () => {
  test('made of a text is what JSON.stringify writes between the quotes, and reads as that text', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)), // lone surrogates too
    );
    const property = fc.property(anyText, (text) => {
      const string = LongString.fromText(text);
      const json = JSON.stringify(text).slice(1, -1);
      expect(jsonOf(string)).toBe(json);
      expect(string.byteLength).toBe(Buffer.byteLength(json));
      expect(string.escaped).toBe(json.includes('\\'));
      expect(string.text()).toBe(text);
    });
    fc.assert(property, examples(2_000, 50_000));
  });

  test('cut anywhere, within characters and escapes too, reads as the whole', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), chunkSizes, (text, sizes) => {
      const json = JSON.stringify(text).slice(1, -1);
      const string = LongString.fromJson(chunked(Buffer.from(json), sizes), json.includes('\\'));
      expect(string.text()).toBe(text);
    });
    fc.assert(property, examples(2_000, 50_000));
  });

  test.each([
    ['\\ud800', '\ud800'],
    ['\\uDC00\\ud83d', '\udc00\ud83d'],
    ['\\ud83e\\udd8a', '🦊'],
    ['a\\/b\\u002fc', 'a/b/c'],
    ['\u{feff}begins with a mark', '\u{feff}begins with a mark'],
    ['', ''],
  ])('written %j reads as JSON.parse reads it', (json, text) => {
    expect(LongString.fromJson([Buffer.from(json)], json.includes('\\')).text()).toBe(text);
  });

  test('of base64 keeps the chunks it is given', () => {
    const chunks = [Buffer.from('QUJD'), Buffer.from('RA==')];
    const string = LongString.fromBase64(chunks);
    expect(string.chunks).toBe(chunks);
    expect(string).toMatchObject({ byteLength: 8, escaped: false });
    expect(string.text()).toBe('QUJDRA==');
  });
});
