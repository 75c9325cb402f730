import assert from 'node:assert/strict';

import * as fc from 'fast-check';

import type { Json } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';

const LONG = process.env['PLANTAIN_TEST_LONG'] !== undefined;

/** How many examples a property gets: `usual`, or `full` with PLANTAIN_TEST_LONG. */
export function examples(usual: number, full: number): fc.Parameters<unknown> {
  return { numRuns: LONG ? full : usual };
}

export const LONG_TIMEOUT = LONG ? 1_800_000 : 30_000;

/** Cuts bytes into chunks of the given sizes, over and over. */
export function chunked(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = sizes[chunks.length % sizes.length]!;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

export const chunkSizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

/** The value JSON.parse would have given: every LongString read. */
export function withTexts(value: Json): unknown {
  if (value instanceof LongString) return value.text();
  if (Array.isArray(value)) return value.map(withTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, withTexts(field)]));
}

/** Equal in values, signs of zero, prototypes, own `__proto__` keys and the order of keys. */
export function assertSame(actual: unknown, expected: unknown): void {
  assert.deepStrictEqual(actual, expected);
  assert.equal(JSON.stringify(actual), JSON.stringify(expected));
}

/**
 * JSON.parse, but right about keys with escapes too, which V8 misreads after documents with a backslash in a key of the
 * same place: https://github.com/nodejs/node/issues/63785
 */
export function parse(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!text.includes('\\')) return value;
  const tokens = Array.from(text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g), ([token]) => token);
  const read = (): unknown => {
    const token = tokens.shift()!;
    if (token === '[') return until(']', read);
    if (token !== '{') return JSON.parse(token);
    const field = () => [JSON.parse(tokens.shift()!) as string, (tokens.shift(), read())] as const;
    return Object.fromEntries(until('}', field));
  };
  const until = <T>(close: string, item: () => T): T[] => {
    const items: T[] = [];
    while (tokens[0] !== close) {
      if (tokens[0] === ',') tokens.shift();
      items.push(item());
    }
    tokens.shift();
    return items;
  };
  return read();
}

const space = fc.constantFrom('', '', '', ' ', '\n', '\t', '\r\n  ');
const character = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...Array.from('abc/+=09{}[]:, \u007f')) },
  {
    weight: 3,
    arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((c) => !/[\x00-\x1f"\\]/.test(c)),
  },
  { weight: 2, arbitrary: fc.constantFrom('\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t') },
  { weight: 1, arbitrary: fc.stringMatching(/^\\u[0-9a-fA-F]{4}$/) },
  { weight: 1, arbitrary: fc.constantFrom('\\ud83d\\ude00', '\\uD800', '\\udfff', '\\u0000', '\\u005f') },
);
const stringText = fc.array(character, { maxLength: 12 }).map((characters) => `"${characters.join('')}"`);
const keyText = fc.oneof(
  stringText,
  fc.constantFrom('"a"', '"b"', '"__proto__"', '"\\u005f_proto__"', '"7"', '"toJSON"'),
);
const scalarText = fc.oneof(
  stringText,
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?$/),
  fc.constantFrom('true', 'false', 'null', '-0', '1e999', '-1E+400', '5e-324', '9007199254740993'),
);

function between(open: string, close: string, items: readonly string[], gap: string): string {
  return `${open}${gap}${items.join(`${gap},${gap}`)}${gap}${close}`;
}

/** The text of a JSON document, in every spelling the grammar has. */
export const jsonText: fc.Arbitrary<string> = fc
  .letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      scalarText,
      fc.tuple(fc.array(tie('value'), { maxLength: 5 }), space).map(([items, gap]) => between('[', ']', items, gap)),
      fc.tuple(fc.array(fc.tuple(keyText, tie('value')), { maxLength: 5 }), space).map(([fields, gap]) =>
        between(
          '{',
          '}',
          fields.map(([key, value]) => `${key}${gap}:${gap}${value}`),
          gap,
        ),
      ),
    ),
  }))
  .value.chain((value) => fc.tuple(space, space).map(([before, after]) => `${before}${value}${after}`));

/** Pretty-printed as the vendor prints its replies, with a picture, a draft, signatures, text and sources; lengths reduced. */
export function vendorReply(base64Length: number): string {
  const picture = Buffer.alloc(base64Length, 'iVBORw0KGgoAAAANSUhEUg+/').toString('latin1');
  const signature = Buffer.alloc(Math.ceil(base64Length * 1.3), 'EqwDCqkDAXLI2nz/k9+').toString('latin1');
  return `{
  "candidates": [
    {
      "content": {
        "parts": [
          {
            "text": "**Gro\\u00dfer Fuchs** \\"im Schnee\\"\\n\\n\\u003cb\\u003e\\ud83e\\udd8a 🦊 ist fertig\\/da\\u003c/b\\u003e ünd schön: 狐",
            "thought": true
          },
          {
            "inlineData": {
              "mimeType": "image/png",
              "data": "${picture}"
            },
            "thoughtSignature": "${signature}"
          }
        ],
        "role": "model"
      },
      "finishReason": "STOP",
      "index": 0,
      "groundingMetadata": {
        "webSearchQueries": [],
        "searchEntryPoint": {
          "renderedContent": "\\u003cstyle\\u003e\\n.container {\\n  align-items: center;\\n}\\u003c/style\\u003e"
        },
        "groundingSupports": [
          { "segment": { "startIndex": 0, "endIndex": 42 }, "confidenceScores": [0.25, 1.0e-3, -0] }
        ]
      }
    }
  ],
  "usageMetadata": {
    "promptTokenCount": 22,
    "totalTokenCount": 1417,
    "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 22 }]
  },
  "modelVersion": "gemini-3-pro-image",
  "responseId": "xR4tZq0nJ-aBcDeFgHiJkLm"
}
`;
}
