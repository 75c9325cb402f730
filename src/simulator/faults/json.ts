import { isObject } from '../../wire/json.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { FaultSpec } from './fault.ts';

const DEEP = 100_000;

/** Changes the end of a JSON text, behind its last long string, where the usage and the closing braces are; byte by byte. */
function tail(description: string, change: (text: string) => string): FaultSpec {
  return {
    description,
    text: (json) => {
      const end = Buffer.from(json.at(-1) ?? []).toString('latin1');
      return [...json.slice(0, -1), Buffer.from(change(end), 'latin1')];
    },
  };
}

function usage(description: string, change: (counts: JsonObject) => JsonObject): FaultSpec {
  return {
    description,
    words: (words) => {
      const counts = words['usageMetadata'];
      return { ...words, usageMetadata: change(isObject(counts) ? counts : {}) };
    },
  };
}

function content(description: string, value: JsonObject): FaultSpec {
  return {
    description,
    words: (words) => ({ ...words, candidates: [{ content: value, finishReason: 'STOP', index: 0 }] }),
  };
}

function without(words: JsonObject, field: string): JsonObject {
  return Object.fromEntries(Object.entries(words).filter(([name]) => name !== field));
}

/** Replies that are no JSON, or JSON of another shape. The picture was drawn, and is billed. */
export const JSON_FAULTS = {
  'bad-json': tail('a whole HTTP answer whose JSON lacks its end', (text) => text.replace(/\}\s*$/, '')),
  'trailing-garbage': tail('JSON with more behind its end', (text) => `${text.trimEnd()}, "and": "more"}`),
  nan: tail('NaN where a number should be', (text) => text.replace(/("totalTokenCount":\s*)\d+/, '$1NaN')),
  'huge-number': tail('1e999 where a number should be', (text) =>
    text.replace(/("totalTokenCount":\s*)\d+/, '$11e999'),
  ),
  'duplicate-keys': tail('two `candidates`, the last one empty', (text) => text.replace(/\}\s*$/, ',"candidates":[]}')),
  deep: tail('100,000 arrays in one another', (text) =>
    text.replace(/\}\s*$/, `,"deep":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`),
  ),
  'lone-surrogate': {
    description: 'a text with half a surrogate pair before the picture',
    reply: (reply) => ({
      ...reply,
      parts: [{ kind: 'text', text: 'half a pair: \ud83d', thought: true, signature: null }, ...reply.parts],
    }),
  },
  'invalid-utf8': tail('a byte that is no UTF-8 in a string', (text) => text.replace(/("responseId":\s*")/, '$1\xff')),
  'wrong-shape': {
    description: 'JSON in which nothing has the type it should have',
    words: () => ({ candidates: 'none', modelVersion: 3, usageMetadata: [] }),
  },
  'no-candidates': {
    description: 'neither candidates nor a blockReason',
    words: (words) => without(words, 'candidates'),
  },
  'empty-object': { description: '{}', words: () => ({}) },
  'missing-content': {
    description: 'a candidate without content, finishReason STOP',
    words: (words) => ({ ...words, candidates: [{ finishReason: 'STOP', index: 0 }] }),
  },
  'null-parts': content('a candidate whose parts are null, finishReason STOP', { parts: null, role: 'model' }),
  'empty-parts': content('a candidate whose parts are empty, finishReason STOP', { parts: [], role: 'model' }),
  'missing-usage': {
    description: 'a picture without usageMetadata; it is billed all the same',
    words: (words) => without(words, 'usageMetadata'),
  },
  'absurd-usage': usage('a picture with impossible counts; the true ones are billed', (counts) => ({
    ...counts,
    candidatesTokenCount: -5,
    candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1e18 }],
    promptTokenCount: '12',
    totalTokenCount: 0.5,
  })),
} as const satisfies Record<string, FaultSpec>;
