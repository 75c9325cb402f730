import { describe, expect, test } from 'vitest';
import { gemini } from '../../../src/dialects/gemini/dialect.ts';
import { joinPieces, splitWords, thoughtsOf } from '../../../src/dialects/gemini/pieces.ts';
import { splitReply } from '../../../src/simulator/words.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';

const picture = LongString.fromText('/9j/4AAQ'.repeat(1000));
const draft = LongString.fromText('/9j/draft'.repeat(1000));
const signature = LongString.fromText('EtHq'.repeat(2000));

const usage = {
  promptTokenCount: 22,
  candidatesTokenCount: 1216,
  candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1120 }],
  totalTokenCount: 1238,
};
const PARTS = [
  { text: 'I think of a fox. ', thought: true },
  { inlineData: { mimeType: 'image/jpeg', data: draft }, thought: true },
  { text: 'Here it is: a fox in deep snow, as asked.', thoughtSignature: signature },
  { inlineData: { mimeType: 'image/jpeg', data: picture }, thoughtSignature: signature },
];

function words(parts: JsonObject[], more: JsonObject = {}): JsonObject {
  return {
    candidates: [{ content: { parts, role: 'model' }, finishReason: 'STOP', index: 0 }],
    modelVersion: 'gemini-3.1-flash-image',
    responseId: 'r1',
    usageMetadata: usage,
    ...more,
  };
}
const piece = (part: JsonObject, more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts: [part], role: 'model' }, index: 0 }],
  ...more,
});
const last = (more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts: [{ text: '' }], role: 'model' }, finishReason: 'STOP', index: 0 }],
  ...more,
});

describe('a reply in pieces', () => {
  test.each([
    ['with drafts, words and a picture', words(PARTS)],
    ['with a picture alone', words(PARTS.slice(3))],
    ['with a search', words(PARTS.slice(2), { modelStatus: { retires: 'soon' } })],
    ['of a blocked prompt', { promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 3 } }],
    ['without content', { candidates: [{ content: {}, finishReason: 'NO_IMAGE', index: 0 }], usageMetadata: usage }],
  ])('%s is the plain reply, as the vendor splits it and as we do', (_, plain) => {
    expect(joinPieces(splitReply(plain))).toEqual(plain);
    expect(joinPieces(splitWords(plain, false))).toEqual(plain);
    expect(joinPieces([plain])).toEqual(plain);
  });

  test('has all its texts in one, and signatures where they came', () => {
    const joined = joinPieces([
      piece({ text: 'A ' }),
      piece({ text: 'fox' }),
      piece({ text: '', thoughtSignature: 's' }),
      piece({ text: ' in ', thoughtSignature: 't' }),
      piece({ text: 'snow' }),
      piece({ text: 'hm', thought: true }),
      last(),
    ]);
    expect(joined?.candidates).toMatchObject([
      {
        content: {
          parts: [
            { text: 'A fox' },
            { text: '', thoughtSignature: 's' },
            { text: ' in snow', thoughtSignature: 't' },
            { text: 'hm', thought: true },
          ],
        },
      },
    ]);
  });

  test('counts what its end counts, and nothing where its end counts nothing', () => {
    const early = { usageMetadata: { promptTokenCount: 22, totalTokenCount: 22 } };
    const part = { inlineData: { mimeType: 'image/jpeg', data: picture } };
    expect(joinPieces([piece(part, early), last({ usageMetadata: usage })])?.usageMetadata).toEqual(usage);
    expect(joinPieces([piece(part, early), last(), { usageMetadata: usage }])?.usageMetadata).toEqual(usage);
    const uncounted = joinPieces([piece(part, early), last()])!;
    expect(uncounted).not.toHaveProperty('usageMetadata');
    expect(gemini.parseAnswer(uncounted).billed).toBe('unknown');
  });

  test.each<[string, JsonObject[]]>([
    ['nothing', []],
    ['a picture and no end', [piece(PARTS[3]!)]],
    ['an error behind a draft', [piece(PARTS[1]!), { error: { code: 500, status: 'INTERNAL', message: 'x' } }]],
    ['an error behind the end', [piece(PARTS[3]!), last(), { error: { code: 500 } }]],
    ['what is no piece', [{ candidates: 'none' }, { candidates: [null, { content: 'x' }] }]],
  ])('of %s is not whole', (_, pieces) => {
    expect(joinPieces(pieces)).toBeNull();
  });

  test('that begins with an error is that error', () => {
    const error = { error: { code: 503, status: 'UNAVAILABLE', message: 'x' } };
    expect(joinPieces([error])).toEqual(error);
  });

  test('tells its thoughts, each with what stood around it', () => {
    const [words, ...others] = thoughtsOf({
      candidates: [{ content: { parts: PARTS.slice(0, 3), role: 'model' }, index: 0, finishReason: 'STOP' }],
      responseId: 'r1',
    });
    expect(words).toEqual({
      words: { candidates: [{ content: { parts: [PARTS[0]], role: 'model' }, index: 0 }], responseId: 'r1' },
      data: null,
    });
    expect(others).toMatchObject([{ data: draft }]);
    for (const strange of [null, 'x', {}, { candidates: [{}] }, { candidates: [{ content: { parts: 'x' } }] }])
      expect(thoughtsOf(strange)).toEqual([]);
  });
});

describe('a reply that is told in pieces', () => {
  test('is not told its thoughts again', () => {
    const told = splitWords(words(PARTS), true);
    expect(told).toHaveLength(2);
    expect(told.map(({ usageMetadata }) => usageMetadata)).toEqual([undefined, usage]);
    expect(told.at(-1)).toMatchObject({ candidates: [{ content: { parts: [PARTS[3]] }, finishReason: 'STOP' }] });
  });

  test('has an end where thoughts were all there was', () => {
    expect(splitWords(words(PARTS.slice(0, 2)), true)).toEqual([
      { ...words([]), candidates: [{ content: { role: 'model' }, finishReason: 'STOP', index: 0 }] },
    ]);
  });

  test.each([
    { candidates: 'none' },
    { promptFeedback: { blockReason: 'SAFETY' } },
    { candidates: [{ content: {}, finishReason: 'NO_IMAGE' }] },
    { candidates: [{ content: { parts: [] } }, { content: { parts: [] } }] },
  ])('is one piece where it is no ordinary one: %j', (strange) => {
    expect(splitWords(strange, false)).toEqual([strange]);
    expect(splitWords(strange, true)).toEqual([strange]);
  });
});
