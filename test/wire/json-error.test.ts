import { isUtf8 } from 'node:buffer';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { JsonError, type Json, lift, Lifter, type LiftLimits } from '../../src/wire/json.ts';
import { assertSame, chunked, chunkSizes, examples, jsonText, LONG_TIMEOUT, parse, withTexts } from './documents.ts';

/** What JSON.parse makes of the bytes: a value, or null when it (or a strict UTF-8 decoder) refuses them. */
function reference(bytes: Uint8Array): { readonly value: unknown } | null {
  try {
    return { value: parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) };
  } catch {
    return null;
  }
}

function outcome(
  chunks: readonly Uint8Array[],
  limits: Partial<LiftLimits> = {},
  threshold = 3,
): { readonly value: Json } | JsonError {
  try {
    return { value: lift(chunks, limits, threshold) };
  } catch (error) {
    if (error instanceof JsonError) return error;
    throw error;
  }
}

function refusal(document: string | Uint8Array, limits: Partial<LiftLimits> = {}, threshold?: number): JsonError {
  const result = outcome([Buffer.from(document)], limits, threshold);
  if (!(result instanceof JsonError)) throw new Error(`accepted: ${String(document)}`);
  return result;
}

function assertSameOutcome(bytes: Uint8Array, sizes: readonly number[], limits: Partial<LiftLimits>): void {
  const whole = outcome([bytes], limits);
  const cut = outcome(chunked(bytes, sizes), limits);
  if (whole instanceof JsonError) expect(cut).toMatchObject({ reason: whole.reason, message: whole.message });
  else expect(cut).not.toBeInstanceOf(JsonError);
}

const interesting = fc.constantFrom(
  ...Buffer.from('"\\{}[]:,0-+.eEtu/ \n\t\x00\x1f'),
  0x7f,
  0x80,
  0xbf,
  0xc0,
  0xc3,
  0xe2,
  0xed,
  0xef,
  0xf0,
  0xf4,
  0xff,
);
const mutation = fc.record({
  kind: fc.constantFrom('flip', 'delete', 'insert'),
  place: fc.nat(),
  byte: fc.oneof(interesting, fc.integer({ min: 0, max: 255 })),
});

/** Documents with up to three bytes changed: most are invalid, some are still JSON. */
const mutated = fc.tuple(jsonText, fc.array(mutation, { maxLength: 3 })).map(([text, mutations]) => {
  const bytes = [...Buffer.from(text)];
  for (const { kind, place, byte } of mutations) {
    const at = place % (bytes.length + 1);
    bytes.splice(at, kind === 'insert' ? 0 : 1, ...(kind === 'delete' ? [] : [byte]));
  }
  return Buffer.from(bytes);
});

describe('lift refuses', () => {
  test('what JSON.parse refuses and nothing else', { timeout: LONG_TIMEOUT }, () => {
    const property = fc.property(mutated, chunkSizes, (bytes, sizes) => {
      const expected = reference(bytes);
      const actual = outcome(chunked(bytes, sizes));
      if (actual instanceof JsonError) expect(expected).toBeNull();
      else assertSame(withTexts(actual.value), expected?.value);
    });
    fc.assert(property, examples(5_000, 100_000));
  });

  test('with the same words in every chunking', { timeout: LONG_TIMEOUT }, () => {
    const property = fc.property(mutated, chunkSizes, (bytes, sizes) => assertSameOutcome(bytes, sizes, {}));
    fc.assert(property, examples(5_000, 100_000));
  });

  test('what exceeds a limit with the same words in every chunking', { timeout: LONG_TIMEOUT }, () => {
    const limits = { bytes: 60, skeletonBytes: 25, depth: 3, longStrings: 2 };
    const property = fc.property(mutated.filter(isUtf8), chunkSizes, (bytes, sizes) => {
      assertSameOutcome(bytes, sizes, limits);
    });
    fc.assert(property, examples(5_000, 100_000));
  });

  test(
    'a syntax error at the very byte where the document stops being the beginning of one',
    { timeout: LONG_TIMEOUT },
    () => {
      const property = fc.property(mutated, (bytes) => {
        const error = outcome([bytes]);
        if (!(error instanceof JsonError) || error.reason !== 'syntax') return;
        const lifter = new Lifter({}, 3);
        lifter.push(bytes.subarray(0, error.offset));
        const next = bytes.subarray(error.offset, error.offset + 1);
        if (next.length > 0) expect(() => lifter.push(next)).toThrow(error.message);
        else expect(() => lifter.end()).toThrow(error.message);
      });
      fc.assert(property, examples(3_000, 50_000));
    },
  );

  test.each([
    ['', 0, 'found the end of the document, expected a value'],
    [' \n\t ', 4, 'found the end of the document, expected a value'],
    ['\u{feff}{}', 0, 'found byte 0xEF (a byte order mark?), expected a value'],
    ['{', 1, `found the end of the document, expected '"' (a key) or '}'`],
    ['[', 1, "found the end of the document, expected a value or ']'"],
    ['[1,]', 3, "found ']', expected a value"],
    ['[,1]', 1, "found ',', expected a value or ']'"],
    ['[1 2]', 3, "found '2', expected ',' or ']'"],
    ['[1}', 2, "found '}', expected ',' or ']'"],
    ['{"a":1,}', 7, `found '}', expected '"' (a key)`],
    ['{"a" 1}', 5, "found '1', expected ':'"],
    ['{"a":}', 5, "found '}', expected a value"],
    ['{"a":1]', 6, "found ']', expected ',' or '}'"],
    ['{a:1}', 1, `found 'a', expected '"' (a key) or '}'`],
    ["{'a':1}", 1, `found "'", expected '"' (a key) or '}'`],
    ['{"a":1', 6, "found the end of the document, expected ',' or '}'"],
    ['{"a"', 4, "found the end of the document, expected ':'"],
    ['{"a', 3, `found the end of the document, expected '"' (the end of a string)`],
    ['"a\\', 3, `found the end of the document, expected '"' (the end of a string)`],
    ['{} {}', 3, "found '{', expected the end of the document"],
    ['1 // one', 2, "found '/', expected the end of the document"],
    ['01', 1, "found '1', expected the end of the document"],
    ['-', 1, 'found the end of the document, expected a digit'],
    ['[-a]', 2, "found 'a', expected a digit"],
    ['+1', 0, "found '+', expected a value"],
    ['.5', 0, "found '.', expected a value"],
    ['[1.]', 3, "found ']', expected a digit"],
    ['1.5.5', 3, "found '.', expected the end of the document"],
    ['1e', 2, "found the end of the document, expected a digit, '+' or '-'"],
    ['1e+,', 3, "found ',', expected a digit"],
    ['NaN', 0, "found 'N', expected a value"],
    ['tru', 3, 'found the end of the document, expected true'],
    ['[nul]', 4, "found ']', expected null"],
    ['False', 0, "found 'F', expected a value"],
    ['"a\nb"', 2, 'found byte 0x0A, expected its escape in a string, \\u000a'],
    ['{"\x1f":1}', 2, 'found byte 0x1F, expected its escape in a string, \\u001f'],
    ['"\\x41"', 2, `found 'x', expected one of "\\/bfnrtu behind a backslash`],
    ['"\\u00g0"', 5, "found 'g', expected a hexadecimal digit"],
    ['"\\u00', 5, `found the end of the document, expected '"' (the end of a string)`],
    ['[1,\u00a02]', 3, 'found byte 0xC2, expected a value'],
    ['[1\x00]', 2, "found byte 0x00, expected ',' or ']'"],
  ])('%j at byte %i: %s', (document, offset, what) => {
    expect(reference(Buffer.from(document))).toBeNull();
    expect(refusal(document)).toMatchObject({
      reason: 'syntax',
      offset,
      message: `Invalid JSON at byte ${offset}: ${what}`,
    });
  });

  test.each([
    ['a continuation byte alone', [0x80], 0],
    ['an overlong form', [0x61, 0xc0, 0xaf], 1],
    ['a surrogate', [0x61, 0x62, 0xed, 0xa0, 0x80], 2],
    ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 0],
    ['a sequence the closing quote cuts', [0xf0, 0x9f, 0xa6], 0],
    ['a byte UTF-8 does not have', [0xc3, 0xa9, 0xff], 2],
  ])('text that is not UTF-8, such as %s, short or long, however it is cut', (_name, bytes, offset) => {
    for (const before of ['', 'é', '狐'.repeat(3000), 'x'.repeat(9001)]) {
      const document = Buffer.concat([Buffer.from(`["${before}`), Buffer.from(bytes), Buffer.from('"]')]);
      const expected = { reason: 'encoding', offset: 2 + Buffer.byteLength(before) + offset };
      expect(refusal(document)).toMatchObject(expected);
      for (const size of [1, 2, 3, 1000]) expect(outcome(chunked(document, [size]))).toMatchObject(expected);
    }
  });

  test('a character cut short before anything wrong behind it', () => {
    const document = Buffer.concat([Buffer.from('"'), Buffer.from([0xf0]), Buffer.from('" x')]);
    for (const size of [1, 2, 3, 5]) {
      expect(outcome(chunked(document, [size]))).toMatchObject({ reason: 'encoding', offset: 1 });
    }
  });

  test('a document that ends within a character', () => {
    expect(refusal(Buffer.from([0x22, 0xf0, 0x9f]))).toMatchObject({ reason: 'encoding', offset: 1 });
  });

  test.each(['\n', '\x00', '\\x', '\\u12g4'])('%j deep inside a long string', (mistake) => {
    const document = Buffer.from(`["${'x'.repeat(40_000)}${mistake}${'x'.repeat(9000)}"]`);
    const offset = 40_002 + Math.max(0, mistake.search(/[xg]/));
    for (const size of [9001, document.length]) {
      expect(outcome(chunked(document, [size]))).toMatchObject({ reason: 'syntax', offset });
    }
  });

  test('a control character at every place of a string, wherever that lies in memory', () => {
    const text = `"${'x'.repeat(200)}"`;
    for (let shift = 0; shift < 4; shift += 1) {
      for (let offset = 1; offset <= 200; offset += 1) {
        const document = Buffer.alloc(shift + text.length).subarray(shift);
        document.write(text);
        document[offset] = 0x1f;
        expect(outcome([document])).toMatchObject({ reason: 'syntax', offset });
      }
    }
  });
});

describe('limits', () => {
  test('bytes: as many as allowed pass, one more does not', () => {
    expect(lift(Buffer.from('[1234]'), { bytes: 6 })).toEqual([1234]);
    expect(refusal('[1234] ', { bytes: 6 })).toMatchObject({ reason: 'too_large', offset: 6 });
    expect(refusal('[12345]', { bytes: 6 })).toMatchObject({ reason: 'too_large', offset: 6 });
  });

  test('skeletonBytes: everything counts but the inside of long strings', () => {
    const document = '{"key":"short","data":"a long string"} ';
    const limits = { skeletonBytes: document.length - 'a long string'.length };
    expect(withTexts(lift(Buffer.from(document), limits, 5))).toEqual(JSON.parse(document));
    expect(refusal(`${document} `, limits, 5)).toMatchObject({ reason: 'too_large', offset: document.length });
    expect(refusal('"12345"', { skeletonBytes: 6 }, 5)).toMatchObject({ reason: 'too_large', offset: 6 });
    expect(withTexts(lift(Buffer.from('"123456"'), { skeletonBytes: 6 }, 5))).toBe('123456');
  });

  test('skeletonBytes: keys count however long they are', () => {
    const document = Buffer.from(`{"${'k'.repeat(10_000)}":1}`);
    expect(refusal(document, { skeletonBytes: 9_000 })).toMatchObject({ reason: 'too_large', offset: 9_000 });
    expect(Object.keys(lift(document) as object)).toEqual(['k'.repeat(10_000)]);
  });

  test('depth: as many levels as allowed pass, one more does not', () => {
    const nested = (depth: number) => '[{"a":'.repeat(depth / 2) + '1' + '}]'.repeat(depth / 2);
    expect(withTexts(lift(Buffer.from(nested(100))))).toEqual(JSON.parse(nested(100)));
    expect(refusal(`[${nested(100)}]`)).toMatchObject({ reason: 'too_deep', offset: 1 + 49 * 6 + 1 });
    expect(refusal('['.repeat(1_000_000))).toMatchObject({ reason: 'too_deep', offset: 100 });
    expect(refusal('{}', { depth: 0 })).toMatchObject({ reason: 'too_deep', offset: 0 });
    expect(lift(Buffer.from('1'), { depth: 0 })).toBe(1);
  });

  test('longStrings: as many as allowed pass, the next is named by its quote', () => {
    expect(withTexts(lift(Buffer.from('["1234","5678","x"]'), { longStrings: 2 }, 3))).toEqual(['1234', '5678', 'x']);
    expect(refusal('["1234", "5678", "9abc"]', { longStrings: 2 })).toMatchObject({ reason: 'too_many', offset: 17 });
  });

  test('a thousand keys with escapes pass, one more does not', () => {
    const fields = Array.from({ length: 1000 }, (_, i) => `"\\n${i}":${i}`);
    expect(Object.keys(lift(Buffer.from(`{${fields.join()}}`)) as object)).toHaveLength(1000);
    expect(refusal(`{${fields.join()},"\\n":1}`)).toMatchObject({ reason: 'too_many' });
  });

  test('a message quotes no more than one character of the document', () => {
    const secret = 'sk-secret';
    for (const document of [`{"${secret}"}`, `["${secret}" "x"]`, `{"a": ${secret}}`, `"${secret}\n"`]) {
      expect(refusal(document).message).not.toContain('sk');
    }
  });
});
