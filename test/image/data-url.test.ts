import { describe, expect, test } from 'vitest';
import { isDataUrl, readDataUrl } from '../../src/image/data-url.ts';
import type { Json } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { chunked } from '../wire/documents.ts';

const asText = (data: LongString | string): string => (typeof data === 'string' ? data : data.text());
const lifted = (json: string, size: number): LongString =>
  LongString.fromJson(chunked(Buffer.from(json), Array(Math.ceil(json.length / size)).fill(size)), json.includes('\\'));

describe('a data URL', () => {
  test('is a picture of the type it claims, with its base64 as it came', () => {
    expect(readDataUrl('data:image/PNG;charset=x;base64,AA-_', 'image')).toEqual({
      kind: 'picture',
      data: 'AA-_',
      mimeType: 'image/png',
      thought: false,
      signature: null,
      more: {},
    });
  });

  test.each([1, 7, 40, 100_000])('is read as a view where it is long, in pieces of %i bytes', (size) => {
    const base64 = 'iVBORw0KGgo/'.repeat(2_000);
    const plain = readDataUrl(lifted(`data:image/webp;base64,${base64}`, size), 'image');
    expect([plain.mimeType, asText(plain.data)]).toEqual(['image/webp', base64]);
    const escaped = readDataUrl(lifted(`data:image\\/webp;base64,${base64.replaceAll('/', '\\/')}`, size), 'image');
    expect([escaped.mimeType, asText(escaped.data)]).toEqual(['image/webp', base64]);
  });

  test('may claim no type', () =>
    expect(readDataUrl('data:;base64,AA', 'x').mimeType).toBe('application/octet-stream'));

  test.each([
    ['data:;base64,iVBORw0KGgo=', 'image/png'],
    ['data:application/octet-stream;base64,/9j/', 'image/jpeg'],
    ['data:image/jpg;base64,AA', 'image/jpeg'],
    ['data:image/png;base64,/9j/', 'image/png'],
  ])('%s is %s: who knows no type is told by the first bytes', (url, mimeType) => {
    expect(readDataUrl(url, 'x').mimeType).toBe(mimeType);
    const long = LongString.fromJson([Buffer.from(url.replaceAll('/', '\\/'))], true);
    expect(readDataUrl(long, 'x').mimeType).toBe(mimeType);
  });

  test.each<Json>(['https://example.com/a.png', 'data:image/png,raw', 'AAAA', '', 5, null, {}])(
    'is nothing else: %j',
    (value) =>
      expect(() => readDataUrl(value, 'images[0].image_url')).toThrow(/^images\[0\]\.image_url must be a data URL/),
  );

  test('is told from an address', () => {
    expect([isDataUrl('DATA:x'), isDataUrl('https://a/data:'), isDataUrl(5)]).toEqual([true, false, false]);
  });
});
