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
    const property = fc.property(mutated.filter(isUtf8), chunkSizes, fc.boolean(), (bytes, sizes, strictNames) => {
      assertSameOutcome(bytes, sizes, { ...limits, strictNames });
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

/** Of valid JSON: whether a name stands twice in one of its objects or is `__proto__`. */
function hasRefusedName(text: string): boolean {
  const tokens = Array.from(text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}:]/g), ([token]) => token);
  const open: Set<string>[] = [];
  return tokens.some((token, index) => {
    if (token === '{' || token === '[') open.push(new Set());
    if (token === '}' || token === ']') open.pop();
    if (tokens[index + 1] !== ':') return false;
    const name = JSON.parse(token) as string;
    const isRefused = name === '__proto__' || open.at(-1)!.has(name);
    open.at(-1)!.add(name);
    return isRefused;
  });
}

describe('with strict names, lift', () => {
  test(
    'reads what JSON.parse reads, but no name twice in one object and no __proto__',
    { timeout: LONG_TIMEOUT },
    () => {
      const seen = { read: 0, refused: 0 };
      const property = fc.property(mutated, chunkSizes, (bytes, sizes) => {
        const expected = reference(bytes);
        const actual = outcome(chunked(bytes, sizes), { strictNames: true });
        if (!(actual instanceof JsonError)) {
          assertSame(withTexts(actual.value), expected?.value);
          expect(hasRefusedName(bytes.toString())).toBe(false);
          seen.read += 1;
        } else if (expected !== null) {
          expect(actual.reason).toBe('name');
          expect(hasRefusedName(bytes.toString())).toBe(true);
          seen.refused += 1;
        }
      });
      fc.assert(property, examples(5_000, 100_000));
      expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(50);
    },
  );

  const twice = (name: string): string => `the name "${name}" stands twice in one object`;
  const proto = 'the name __proto__ is not allowed';
  test.each([
    ['{"prompt":"fox", "prompt":"owl"}', 17, twice('prompt')],
    ['{"a":1,"b":{"a":1,"b":[{"a":1},{"a":1}]},"a":2}', 41, twice('a')],
    ['{"a":{"b":1,"b":2}}', 12, twice('b')],
    ['[{"a":1},[{"a":1,"c":{},"a":1}]]', 24, twice('a')],
    ['{"a":1,"\\u0061":2}', 7, twice('a')],
    ['{"\\u0061":1,"a":2}', 12, twice('a')],
    ['{"\\/":1,"/":2}', 8, twice('/')],
    ['{"":1,"":2}', 6, twice('')],
    ['{"1":1,"1":2}', 7, twice('1')],
    ['{"größe\\n":1,"größe\\n":2}', 15, twice('gr??e?')],
    ['{"\\ud800":1,"\\ud800":2}', 12, twice('?')],
    ['{"a":"a long string","a":1}', 21, twice('a')],
    ['{"__proto__":{}}', 1, proto],
    ['[{"a":[{"b":1,"__proto__":2}]}]', 14, proto],
    ['{"\\u005f_proto\\u005F_":1}', 1, proto],
  ])('refuses %s at byte %i: %s', (document, offset, what) => {
    for (const size of [1, 2, 3, 100])
      expect(outcome(chunked(Buffer.from(document), [size]), { strictNames: true })).toMatchObject({
        reason: 'name',
        offset,
        message: `Invalid JSON at byte ${offset}: ${what}`,
      });
    expect(outcome([Buffer.from(document)])).not.toBeInstanceOf(JsonError);
  });

  test.each([
    '{"a":"a","b":"a","c":["a","a"],"A":1,"a ":1}',
    '[{"a":1},{"a":1},{"a":{"a":{"a":[{"a":1}]}}}]',
    '{"a":[{"b":1},{"b":2}],"b":{"a":1},"c":{}}',
    '{"a":{},"b":1}',
    '{"x":"__proto__","__proto":1,"__proto__ ":1,"constructor":{"prototype":1},"toString":1,"has":1}',
    '{"\\u0000":1,"\\n":2,"\\\\n":3,"é":4,"e\u0301":5}',
  ])('reads %s', (document) => {
    for (const size of [1, 3, 100])
      assertSame(
        withTexts(lift(chunked(Buffer.from(document), [size]), { strictNames: true }, 3)),
        JSON.parse(document),
      );
  });

  test('quotes 64 characters of a name and no more, none of which a terminal obeys', () => {
    const name = '\\u001b]0;🦊\\r\\n'.padEnd(100_000, 'x');
    const { message } = refusal(`{"${name}":1,"${name}":2}`, { strictNames: true });
    expect(message).toBe(
      `Invalid JSON at byte 100008: the name "?]0;????${'x'.repeat(56)}"... stands twice in one object`,
    );
  });

  test('takes a name into account only as far as the skeleton may grow', () => {
    const limits = { strictNames: true, skeletonBytes: 10_000 };
    const many = `{${Array.from({ length: 100_000 }, (_, index) => `"${index}":0`).join()}}`;
    for (const document of [many, `{"${'k'.repeat(100_000)}":1}`, `[${`{"a":0},`.repeat(50_000)}0]`])
      for (const size of [7, 1000, document.length])
        expect(outcome(chunked(Buffer.from(document), [size]), limits)).toMatchObject({
          reason: 'too_large',
          offset: 10_000,
        });
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
