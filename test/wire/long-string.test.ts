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

  test('is searched and cut across its chunks as its bytes would be in one', () => {
    const word = fc.constantFrom('a', ')', '](', 'ab', 'aab', 'abab', '![a](');
    const anyText = fc.array(word, { maxLength: 30 }).map((words) => words.join(''));
    const property = fc.property(anyText, chunkSizes, word, fc.nat(80), fc.nat(80), (text, sizes, sought, from, to) => {
      const string = LongString.fromJson(chunked(Buffer.from(text), sizes), false);
      expect(string.indexOf(sought, from)).toBe(Buffer.from(text).indexOf(sought, Math.min(from, text.length)));
      expect(string.slice(from, Math.max(from, to)).text()).toBe(text.slice(from, Math.max(from, to)));
      expect(string.after(from).text()).toBe(text.slice(from));
    });
    fc.assert(property, examples(5_000, 200_000));
  });

  test('cut where no escape is left knows that it has none', () => {
    const string = LongString.fromJson([Buffer.from('\\nAAAA'), Buffer.from('BB\\n')], true);
    expect(string.slice(2, 8)).toMatchObject({ escaped: false, byteLength: 6 });
    expect(string.slice(2, 10)).toMatchObject({ escaped: true, byteLength: 8 });
    expect(string.slice(2, 8).text()).toBe('AAAABB');
  });

  test('joined of texts and long strings reads as all of them, and keeps their bytes where they lie', () => {
    const picture = LongString.fromBase64([Buffer.from('QUJD'), Buffer.from('RA==')]);
    const joined = LongString.join(['say "', picture, '"\n', LongString.fromText('🦊')]);
    expect(joined.text()).toBe('say "QUJDRA=="\n🦊');
    expect(joined.escaped).toBe(true);
    expect(joined.chunks.slice(1, 3)).toEqual(picture.chunks);
    expect(joined.chunks[1]).toBe(picture.chunks[0]);
    expect(LongString.join([]).text()).toBe('');
  });
});
