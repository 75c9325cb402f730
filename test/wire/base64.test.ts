import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { Base64Error, decodeBase64, encodeBase64, readBase64 } from '../../src/wire/base64.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { chunked, chunkSizes, examples, LONG_TIMEOUT } from './documents.ts';

const canonicalBase64 = async (data: LongString | string): Promise<LongString> => (await readBase64(data)).canonical;

const GRAMMAR = /^([\w+/-]{4})*([\w+/-]{2}(==)?|[\w+/-]{3}=?)?$/;

/** Bytes that differ from their neighbours, so that a slice out of place shows. */
function sampleBytes(length: number): Buffer {
  return Buffer.from(
    Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => Math.imul(i, 2_654_435_761)).buffer,
    0,
    length,
  );
}

/** The text as bytes of JSON in chunks of odd sizes, some characters written as escapes. */
function received(
  text: string,
  sizes: readonly number[],
  escape: (character: string) => string = (c) => c,
): LongString {
  const json = text.replaceAll(/[A+/=]/g, escape);
  return LongString.fromJson(chunked(Buffer.from(json), sizes), json.includes('\\'));
}

const ESCAPES: Record<string, string> = { '/': '\\/', '+': '\\u002B', '=': '\\u003d' };
const spellings: readonly [string, (character: string) => string][] = [
  ['plain', (c) => c],
  ['with the escapes of PHP and C#', (c) => ESCAPES[c] ?? c],
  ['with needless escapes', (c) => `\\u00${c.charCodeAt(0).toString(16)}`],
];

describe('decodeBase64', () => {
  test.each(spellings)(
    'reads both alphabets, padded or not, in any chunking, %s',
    { timeout: LONG_TIMEOUT },
    async (_name, escape) => {
      const property = fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), chunkSizes, async (bytes, sizes) => {
        const padded = Buffer.from(bytes).toString('base64');
        const url = Buffer.from(bytes).toString('base64url');
        const paddedUrl = url + padded.slice(url.length);
        for (const text of [padded, padded.replaceAll('=', ''), url, paddedUrl]) {
          expect(await decodeBase64(received(text, sizes, escape))).toEqual(Buffer.from(bytes));
          expect(await decodeBase64(text)).toEqual(Buffer.from(bytes));
        }
      });
      await fc.assert(property, examples(500, 20_000));
    },
  );

  test.each(spellings)('reads megabytes in chunks of odd sizes, %s', async (_name, escape) => {
    for (const length of [3_000_000, 3_000_001, 3_000_002]) {
      const bytes = sampleBytes(length);
      const sizes = [65_537, 1, 32_768, 3, 40_001];
      expect((await decodeBase64(received(bytes.toString('base64'), sizes, escape))).equals(bytes)).toBe(true);
      expect((await decodeBase64(received(bytes.toString('base64url'), sizes, escape))).equals(bytes)).toBe(true);
    }
  });

  test(
    'accepts what the grammar of base64 has, in any chunking, and nothing else',
    { timeout: LONG_TIMEOUT },
    async () => {
      const character = fc.constantFrom(
        ...Array.from('AQgw09+/-_==='),
        ' ',
        '\n',
        '"',
        '\\',
        '.',
        'é',
        'Ł',
        '\u0141',
        '\0',
      );
      const anyText = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(''));
      const grammatical = fc.stringMatching(GRAMMAR, { maxLength: 12 });
      const property = fc.asyncProperty(fc.oneof(anyText, grammatical), chunkSizes, async (text, sizes) => {
        const json = JSON.stringify(text).slice(1, -1);
        const data = LongString.fromJson(chunked(Buffer.from(json), sizes), json.includes('\\'));
        if (GRAMMAR.test(text)) {
          expect(await decodeBase64(data)).toEqual(Buffer.from(text, 'base64'));
        } else {
          await expect(decodeBase64(data)).rejects.toBeInstanceOf(Base64Error);
          await expect(canonicalBase64(data)).rejects.toBeInstanceOf(Base64Error);
        }
      });
      await fc.assert(property, examples(3_000, 100_000));
    },
  );

  test.each([
    ['QUJDR', 'cut off'],
    ['Q', 'cut off'],
    ['QQ=', 'white space or another character'],
    ['QQ===', 'padding before its end'],
    ['====', 'white space or another character'],
    ['QUJD\nREVG', 'white space or another character'],
    ['data:image/png;base64,QUJD', 'white space or another character'],
  ])('refuses %j', async (text, words) => {
    await expect(decodeBase64(text)).rejects.toThrow(words);
    await expect(decodeBase64(received(text.replaceAll('\n', '\\n'), [1]))).rejects.toThrow(Base64Error);
  });

  test.each(['QUJ\\u0141', 'QUJ\\u00e9', 'QUJD\\n', 'QUJD\\u00', 'QUJD\\'])('refuses the JSON %s', async (json) => {
    for (let size = 1; size <= json.length; size += 1) {
      const data = LongString.fromJson(chunked(Buffer.from(json), [size]), true);
      await expect(decodeBase64(data)).rejects.toBeInstanceOf(Base64Error);
    }
  });

  test('refuses padding before the end wherever the chunks are cut', async () => {
    for (const text of ['QUI=QUJD', 'QQ==QUJD', 'QUJDQQ==QUJD', 'QUI=QQ==']) {
      for (let size = 1; size <= text.length; size += 1) {
        await expect(decodeBase64(received(text, [size]))).rejects.toBeInstanceOf(Base64Error);
        await expect(canonicalBase64(received(text, [size]))).rejects.toBeInstanceOf(Base64Error);
      }
    }
  });

  test('finds one foreign character in megabytes', async () => {
    const text = sampleBytes(1_500_000).toString('base64');
    for (const at of [0, 32_767, 32_768, 1_000_003, text.length - 1]) {
      const spoilt = `${text.slice(0, at)}.${text.slice(at + 1)}`;
      await expect(decodeBase64(received(spoilt, [65_537]))).rejects.toBeInstanceOf(Base64Error);
      await expect(canonicalBase64(received(spoilt, [65_537]))).rejects.toBeInstanceOf(Base64Error);
    }
  });

  test('reads an empty string as no bytes', async () => {
    expect(await decodeBase64('')).toEqual(Buffer.alloc(0));
    expect(await decodeBase64(LongString.fromText(''))).toEqual(Buffer.alloc(0));
  });
});

describe('encodeBase64', () => {
  test('writes what Buffer writes, for every length and for views', async () => {
    const bytes = sampleBytes(100_000);
    for (const length of [0, 1, 2, 3, 24_575, 24_576, 24_577, 100_000]) {
      const view = bytes.subarray(bytes.length - length);
      const encoded = await encodeBase64(new Uint8Array(view.buffer, view.byteOffset, view.length));
      expect(encoded.text()).toBe(view.toString('base64'));
      expect(encoded.byteLength).toBe(encoded.text().length);
    }
  });
});

describe('canonicalBase64', () => {
  test('gives back the same string when it is canonical already', async () => {
    for (const length of [0, 1, 2, 3, 100_000, 1_000_001]) {
      const data = received(sampleBytes(length).toString('base64'), [40_001, 1, 2]);
      expect(await canonicalBase64(data)).toBe(data);
    }
  });

  test('makes every spelling of the same bytes one', { timeout: LONG_TIMEOUT }, async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), chunkSizes, async (bytes, sizes) => {
      const canonical = Buffer.from(bytes).toString('base64');
      for (const text of [canonical, canonical.replaceAll('=', ''), Buffer.from(bytes).toString('base64url')]) {
        expect((await canonicalBase64(text)).text()).toBe(canonical);
        for (const [, escape] of spellings) {
          const { chunks } = await canonicalBase64(received(text, sizes, escape));
          expect(Buffer.concat(chunks).toString()).toBe(canonical);
        }
      }
    });
    await fc.assert(property, examples(500, 20_000));
  });

  test('clears the bits behind the last byte', async () => {
    expect((await canonicalBase64('QR==')).text()).toBe('QQ==');
    expect((await canonicalBase64('QUJ')).text()).toBe('QUI=');
  });
});

test.each([
  ['decodeBase64', async (data: LongString) => decodeBase64(data)],
  ['canonicalBase64', async (data: LongString) => canonicalBase64(data)],
  ['encodeBase64', async (_data: LongString, bytes: Buffer) => encodeBase64(bytes)],
])('%s lets others have a turn while it works on megabytes', async (_name, work) => {
  const bytes = sampleBytes(9_000_000);
  const data = received(bytes.toString('base64'), [65_536]);
  let turns = 0;
  let other = setImmediate(function turn() {
    turns += 1;
    other = setImmediate(turn);
  });
  await work(data, bytes);
  clearImmediate(other);
  expect(turns).toBeGreaterThan(3);
});
