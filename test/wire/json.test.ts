import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isObject, type Json, lift, Lifter, splice, type Spliced } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';
import {
  assertSame,
  chunked,
  chunkSizes,
  examples,
  jsonText,
  LONG_TIMEOUT,
  parse,
  vendorReply,
  withTexts,
} from './documents.ts';

function textOf(spliced: Spliced): string {
  const bytes = Buffer.concat(spliced.chunks);
  expect(bytes.length).toBe(spliced.byteLength);
  return bytes.toString();
}

function longStringsOf(value: Json): LongString[] {
  if (value instanceof LongString) return [value];
  if (Array.isArray(value)) return value.flatMap(longStringsOf);
  return isObject(value) ? Object.values(value).flatMap(longStringsOf) : [];
}

describe('lift', () => {
  test('reads every document in every chunking as JSON.parse reads the whole', { timeout: LONG_TIMEOUT }, () => {
    const property = fc.property(jsonText, chunkSizes, fc.constantFrom(0, 1, 3, 8, 4096), (text, sizes, threshold) => {
      const value = lift(chunked(Buffer.from(text), sizes), {}, threshold);
      assertSame(withTexts(value), parse(text));
    });
    fc.assert(property, examples(5_000, 100_000));
  });

  test('reads a vendor reply alike however it is cut in two', () => {
    const text = vendorReply(300);
    const bytes = Buffer.from(text);
    const expected: unknown = JSON.parse(text);
    for (let at = 0; at <= bytes.length; at += 1) {
      const value = lift([bytes.subarray(0, at), bytes.subarray(at)], {}, 60);
      assert.deepStrictEqual(withTexts(value), expected);
      expect(longStringsOf(value)).toHaveLength(4);
    }
  });

  test.each([1, 2, 3, 5, 64, 1000])('reads a vendor reply in chunks of %i bytes', (size) => {
    const text = vendorReply(300);
    assertSame(withTexts(lift(chunked(Buffer.from(text), [size]), {}, 60)), JSON.parse(text));
  });

  test.each([1, 3, 7, 1000])('sets aside string values longer than the threshold, in chunks of %i bytes', (size) => {
    const document = { escaped: '\n\n\n', four: 'xxxx', five: 'xxxxx', 'long key': ['é5é', 'ééé'] };
    const value = lift(chunked(Buffer.from(JSON.stringify(document)), [size]), {}, 5);
    const longString = expect.any(LongString) as unknown;
    expect(value).toEqual({ escaped: longString, four: 'xxxx', five: 'xxxxx', 'long key': ['é5é', longString] });
    expect(longStringsOf(value).map(({ byteLength, escaped }) => [byteLength, escaped])).toEqual([
      [6, true],
      [6, false],
    ]);
  });

  test('sets aside a string that is the whole document', () => {
    const value = lift(chunked(Buffer.from(` "${'x'.repeat(5000)}" `), [7]));
    expect(value).toBeInstanceOf(LongString);
    expect(withTexts(value)).toBe('x'.repeat(5000));
  });

  test('keeps the last of two fields of one name', () => {
    const long = 'y'.repeat(20);
    expect(withTexts(lift(Buffer.from(`{"a":"${long}","a":"z","b":1,"b":"${long}"}`), {}, 10))).toEqual({
      a: 'z',
      b: long,
    });
  });

  test('makes __proto__ a field and leaves the prototype alone', () => {
    const value = lift(
      Buffer.from(`{"__proto__":{"polluted":true},"inner":{"__proto__":"${'p'.repeat(20)}"}}`),
      {},
      10,
    );
    assert(isObject(value) && isObject(value['inner']));
    expect(Object.keys(value)).toEqual(['__proto__', 'inner']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.getPrototypeOf(value['inner'])).toBe(Object.prototype);
    expect(Object.entries(value['inner'])).toEqual([['__proto__', expect.any(LongString)]]);
    expect(value).not.toHaveProperty('polluted');
  });

  test('reads keys with escapes right where V8 does not', () => {
    JSON.parse('{"h":[],"\\\\":0}'); // from now on V8 may read the second key of such an object as a backslash
    for (const key of ['\n', '"', '\ud800', '\\', 'A']) {
      const written = key === 'A' ? '"\\u0041"' : JSON.stringify(key);
      const value = lift(Buffer.from(`[{"h":1,${written}:"${'x'.repeat(20)}"}]`), {}, 10);
      assertSame(withTexts(value), [
        Object.fromEntries([
          ['h', 1],
          [key, 'x'.repeat(20)],
        ]),
      ]);
    }
  });

  test('keeps the last of two fields of one name, however it is written', () => {
    for (const text of [
      '{"a":1,"\\u0061":2}',
      '{"\\u0061":1,"b":2,"a":3}',
      '{"x":0,"\\u0031":1,"1":2,"\\u0030":3}',
      '{"1":1,"\\u0031":2}',
      '{"a":1,"\\u0061":2,"a":3}',
      '{"\\u005f_proto__":{"a":1},"__proto__":{"b":2}}',
    ]) {
      assertSame(lift(Buffer.from(text)), JSON.parse(text));
      assertSame(parse(text), JSON.parse(text));
    }
  });

  test('mistakes no text of the document for a placeholder', () => {
    const uuidWithNumber = fc.tuple(fc.uuid(), fc.nat(3)).map(([uuid, index]) => `${uuid}${index}`);
    const property = fc.property(fc.array(uuidWithNumber, { maxLength: 20 }), (texts) => {
      const document = [...texts, 'a long string '.repeat(10), { [texts[0] ?? '']: texts }];
      expect(withTexts(lift(Buffer.from(JSON.stringify(document)), {}, 60))).toEqual(document);
      expect(textOf(splice([...texts, LongString.fromText('long')]))).toBe(JSON.stringify([...texts, 'long']));
    });
    fc.assert(property, examples(300, 5_000));
  });

  test('counts the bytes pushed', () => {
    const lifter = new Lifter();
    lifter.push(Buffer.from('[1,'));
    lifter.push(Buffer.alloc(0));
    lifter.push(new Uint8Array([0x32, 0x5d]));
    expect(lifter.byteLength).toBe(5);
    expect(lifter.end()).toEqual([1, 2]);
  });

  test('makes no JavaScript string of a picture and shares memory with what was pushed', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const document = Buffer.from(`{"data":"${'QUJD'.repeat(7_000_000)}","n":1}`);
    const chunks = chunked(document, [65_536]);
    collectGarbage();
    const before = process.memoryUsage();
    const value = lift(chunks);
    const after = process.memoryUsage();
    expect(after.heapUsed - before.heapUsed).toBeLessThan(2_000_000);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(2_000_000);

    const [data] = longStringsOf(value);
    expect(data?.byteLength).toBe(28_000_000);
    expect(data?.chunks).toHaveLength(chunks.length);
    for (const [index, view] of data!.chunks.entries()) expect(view.buffer).toBe(chunks[index]!.buffer);
    document[9] = 0x21;
    expect(data!.chunks[0]![0]).toBe(0x21);
  });

  test('joins chunks of a few bytes into larger ones', () => {
    const value = lift(chunked(Buffer.from(`"${'x'.repeat(100_000)}"`), [1]));
    assert(value instanceof LongString);
    expect(value.chunks.length).toBeLessThan(2_000);
    expect(value.text()).toBe('x'.repeat(100_000));
  });
});

describe('splice', () => {
  test('writes what JSON.stringify writes', { timeout: LONG_TIMEOUT }, () => {
    const property = fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      expect(textOf(splice(value as Json))).toBe(JSON.stringify(value));
    });
    fc.assert(property, examples(5_000, 100_000));
  });

  test('writes back every lifted document as JSON.stringify writes the parsed one', { timeout: LONG_TIMEOUT }, () => {
    const property = fc.property(jsonText, chunkSizes, fc.constantFrom(0, 3, 8), (text, sizes, threshold) => {
      const spliced = splice(lift(chunked(Buffer.from(text), sizes), {}, threshold));
      assertSame(parse(textOf(spliced)), parse(JSON.stringify(parse(text))));
      expect(textOf(splice(lift(spliced.chunks, {}, threshold)))).toBe(textOf(spliced));
    });
    fc.assert(property, examples(5_000, 100_000));
  });

  test('puts the bytes of long strings in untouched', () => {
    const data = LongString.fromJson([Buffer.from('a\\u00'), Buffer.from('e9\\/b')], true);
    const { chunks } = splice({ first: data, again: [data] });
    expect(chunks.filter((chunk) => data.chunks.includes(chunk))).toHaveLength(4);
    expect(Buffer.concat(chunks).toString()).toBe('{"first":"a\\u00e9\\/b","again":["a\\u00e9\\/b"]}');
  });

  test('writes a long string that is the whole value, and one of very many chunks', () => {
    expect(textOf(splice(LongString.fromText('a "quoted" text')))).toBe('"a \\"quoted\\" text"');
    const chunks = Array.from({ length: 300_000 }, () => Buffer.from('QUJD'));
    expect(splice([LongString.fromBase64(chunks)]).byteLength).toBe(1_200_004);
  });
});

test('isObject is true of JSON objects alone', () => {
  expect(isObject({})).toBe(true);
  for (const value of [undefined, null, [], 'text', 1, true, LongString.fromText('text')])
    expect(isObject(value)).toBe(false);
});
