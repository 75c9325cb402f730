import { describe, expect, test } from 'vitest';
import { gemini } from '../../../src/dialects/gemini/dialect.ts';
import type { Json, JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { refusalOf } from '../draws.ts';

const parseAnswer = (words: JsonObject) => gemini.parseAnswer(words);
const bytes = LongString.fromText('/9j/4AAQ'.repeat(1000));
const signature = LongString.fromText('EtHq'.repeat(2000));
const picture = { inlineData: { mimeType: 'image/jpeg', data: bytes }, thoughtSignature: signature };
const answered = (parts: JsonObject[], rest: JsonObject = { finishReason: 'STOP' }): JsonObject => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...rest }],
});

describe('verdicts', () => {
  test.each([
    [{ finishReason: 'STOP' }, 'picture'],
    [{}, 'picture'],
    [{ finishReason: 'FINISH_REASON_UNSPECIFIED' }, 'picture'],
    [{ finishReason: 'MAX_TOKENS' }, 'picture'],
    [{ finishReason: 'IMAGE_SAFETY' }, 'blocked_output'],
    [{ finishReason: 'OTHER' }, 'no_image'],
    [{ finishReason: 'SOMETHING_NEW' }, 'no_image'],
  ])('a picture that ended with %j is %s', (rest, verdict) => {
    expect(parseAnswer(answered([picture], rest)).verdict).toBe(verdict);
  });

  test.each([
    ['STOP', 'no_image'],
    ['MAX_TOKENS', 'no_image'],
    ['NO_IMAGE', 'no_image'],
    ['IMAGE_OTHER', 'no_image'],
    ['MALFORMED_RESPONSE', 'no_image'],
    ['MALFORMED_FUNCTION_CALL', 'no_image'],
    ['LANGUAGE', 'no_image'],
    ['CONTINUATION', 'no_image'],
    ['SAFETY', 'blocked_output'],
    ['RECITATION', 'blocked_output'],
    ['BLOCKLIST', 'blocked_output'],
    ['PROHIBITED_CONTENT', 'blocked_output'],
    ['SPII', 'blocked_output'],
    ['IMAGE_PROHIBITED_CONTENT', 'blocked_output'],
    ['IMAGE_RECITATION', 'blocked_output'],
  ])('no picture and %s is %s', (finishReason, verdict) => {
    expect(parseAnswer({ candidates: [{ content: {}, finishReason }] })).toMatchObject({
      verdict,
      reason: finishReason,
    });
  });

  test.each(['SAFETY', 'OTHER', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'IMAGE_SAFETY', 'JAILBREAK', 'MODEL_ARMOR'])(
    'a prompt blocked for %s',
    (blockReason) => {
      const answer = parseAnswer({
        promptFeedback: { blockReason, blockReasonMessage: 'No.' },
        usageMetadata: { promptTokenCount: 5 },
      });
      expect(answer).toMatchObject({
        verdict: 'blocked_prompt',
        reason: blockReason,
        message: 'No.',
        usage: { inputText: 5 },
      });
    },
  );

  test('prompt feedback without a candidate is a blocked prompt even when it gives no reason', () => {
    expect(parseAnswer({ promptFeedback: {} })).toMatchObject({ verdict: 'blocked_prompt', reason: null });
  });

  test('prompt feedback that blocks nothing does not spoil a picture', () => {
    const words = {
      ...answered([picture]),
      promptFeedback: { blockReason: 'BLOCK_REASON_UNSPECIFIED', safetyRatings: [] },
    };
    expect(parseAnswer(words).verdict).toBe('picture');
  });

  test.each([undefined, {}, { role: 'model' }, { parts: null }, { parts: [] }, null, 'x'])(
    'a candidate whose content is %j has no picture',
    (content) => {
      const candidate = content === undefined ? {} : { content };
      expect(parseAnswer({ candidates: [{ ...candidate, finishReason: 'STOP' }] })).toMatchObject({
        verdict: 'no_image',
        parts: [],
      });
    },
  );

  test('a thought is never the answer', () => {
    const answer = parseAnswer(answered([{ ...picture, thought: true }]));
    expect(answer).toMatchObject({ verdict: 'no_image', parts: [{ kind: 'picture', thought: true }] });
  });

  test('what is labelled as no picture is none, and what is not labelled may be one', () => {
    expect(parseAnswer(answered([{ inlineData: { mimeType: 'text/plain', data: 'AAAA' } }])).verdict).toBe('no_image');
    expect(parseAnswer(answered([{ inlineData: { data: 'AAAA' } }])).verdict).toBe('picture');
    expect(parseAnswer(answered([{ inline_data: { mime_type: 'image/png', data: 'AAAA' } }])).verdict).toBe('picture');
  });

  test('of several candidates those that succeeded count', () => {
    const words = {
      candidates: [
        { content: { parts: [{ text: 'no' }] }, finishReason: 'IMAGE_SAFETY' },
        { content: { parts: [picture] }, finishReason: 'STOP', groundingMetadata: { webSearchQueries: ['x'] } },
      ],
    };
    expect(parseAnswer(words)).toMatchObject({
      verdict: 'picture',
      reason: 'STOP',
      parts: [{ kind: 'picture' }],
      grounding: { webSearchQueries: ['x'] },
    });
  });

  test.each([
    {},
    { candidates: [] },
    { candidates: null },
    { candidates: 'x' },
    { candidates: [null, 3] },
    { choices: [] },
  ])('%j is no answer at all', (words) => {
    expect(refusalOf(() => parseAnswer(words as JsonObject))).toMatchObject({
      failure: 'upstream_failed',
      detail: { retry: false },
    });
  });

  test('an error inside a 200 is that error', () => {
    expect(
      refusalOf(() => parseAnswer({ error: { code: 429, message: 'slow', status: 'RESOURCE_EXHAUSTED' } })).failure,
    ).toBe('upstream_busy');
    expect(refusalOf(() => parseAnswer({ error: { message: 'x', type: 'new_api_error', code: '' } })).failure).toBe(
      'upstream_failed',
    );
  });
});

describe('what an answer holds', () => {
  test('a recorded reply: text, picture, and signatures larger than either', () => {
    const words: JsonObject = {
      ...answered([{ text: 'A little axolotl.\n\n', thoughtSignature: signature }, picture]),
      modelVersion: 'gemini-3-pro-image-preview',
      responseId: 'abc',
    };
    const answer = parseAnswer(words);
    expect(answer).toMatchObject({
      verdict: 'picture',
      message: null,
      modelVersion: 'gemini-3-pro-image-preview',
      grounding: null,
    });
    expect(answer.words).toBe(words);
    expect(answer.parts).toEqual([
      { kind: 'text', text: 'A little axolotl.\n\n', thought: false, signature },
      { kind: 'picture', data: bytes, thought: false, signature },
    ]);
    expect((answer.parts[1] as { data: unknown }).data).toBe(bytes);
  });

  test('the message is the vendor’s sentence, else what the model wrote, without its thoughts', () => {
    const text = [{ text: 'hmm', thought: true }, { text: ' I cannot ' }, { text: 'draw that. ' }];
    expect(parseAnswer(answered(text)).message).toBe('I cannot draw that.');
    expect(parseAnswer(answered(text, { finishMessage: 'Blocked.' })).message).toBe('Blocked.');
    expect(parseAnswer(answered([{ text: LongString.fromText('no '.repeat(3000)) }])).message).toHaveLength(2001);
    expect(parseAnswer(answered([])).message).toBeNull();
  });

  test('a native caller gets the very words back', () => {
    const words = answered([picture]);
    const drawn = { answer: parseAnswer(words) } as never;
    expect(gemini.renderAnswer([{ drawn, picture: {} as never }], {} as never, {} as never, 0)).toBe(words);
  });

  test('a picture labelled wrongly is labelled by its bytes, and nothing else is touched', () => {
    const words = {
      ...answered([{ text: 'x' }, picture, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }]),
      responseId: 'r',
    };
    const relabelled = gemini.relabel(parseAnswer(words), bytes, 'image/png');
    const label = { inlineData: { mimeType: 'image/png', data: bytes }, thoughtSignature: signature };
    expect(relabelled.words).toEqual({
      ...answered([{ text: 'x' }, label, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }]),
      responseId: 'r',
    });
    expect(words).toEqual({
      ...answered([{ text: 'x' }, picture, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }]),
      responseId: 'r',
    });
  });
});

describe('usage', () => {
  const usageOf = (usageMetadata: unknown, parts: JsonObject[] = [picture]) =>
    parseAnswer({ ...answered(parts), usageMetadata } as JsonObject).usage;

  test('what is not listed by modality is text', () => {
    expect(
      usageOf({
        promptTokenCount: 33,
        promptTokensDetails: [{ modality: 'TEXT', tokenCount: 33 }],
        candidatesTokenCount: 1780,
        candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1120 }],
        thoughtsTokenCount: 529,
        totalTokenCount: 2342,
      }),
    ).toEqual({ inputText: 33, inputImage: 0, outputText: 660, outputImage: 1120, thinking: 529, total: 2342 });
  });

  test('reference pictures, text and tools on the way in', () => {
    expect(
      usageOf({
        promptTokenCount: 1130,
        promptTokensDetails: [
          { modality: 'IMAGE', tokenCount: 560 },
          { modality: 'IMAGE', tokenCount: 560 },
        ],
        toolUsePromptTokenCount: 7,
        candidatesTokenCount: 2340,
        candidatesTokensDetails: [
          { modality: 'TEXT', tokenCount: 340 },
          { modality: 'IMAGE', tokenCount: 2000 },
        ],
      }),
    ).toEqual({ inputText: 17, inputImage: 1120, outputText: 340, outputImage: 2000, thinking: 0, total: 3477 });
  });

  test('a picture that is not listed is the rest of the tokens; without a picture the rest is text', () => {
    expect(usageOf({ promptTokenCount: 7, candidatesTokenCount: 1120 })).toMatchObject({
      outputImage: 1120,
      outputText: 0,
      total: 1127,
    });
    expect(usageOf({ promptTokenCount: 7, candidatesTokenCount: 12 }, [{ text: 'no' }])).toMatchObject({
      outputImage: 0,
      outputText: 12,
    });
  });

  test('a detail that exceeds its total is believed', () => {
    expect(
      usageOf({ candidatesTokenCount: 10, candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1120 }] }),
    ).toMatchObject({
      outputImage: 1120,
      outputText: 0,
    });
  });

  test.each([
    undefined,
    null,
    'x',
    [],
    {},
    { promptTokenCount: -5, candidatesTokenCount: 'many', thoughtsTokenCount: 1e300, totalTokenCount: 1.5 },
    { promptTokensDetails: [null, { modality: 'IMAGE' }, { tokenCount: -1 }] },
  ])('absurd counts count for nothing: %j', (usageMetadata) => {
    expect(usageOf(usageMetadata)).toEqual({
      inputText: 0,
      inputImage: 0,
      outputText: 0,
      outputImage: 0,
      thinking: 0,
      total: 0,
    });
  });
});

describe('what is on the bill', () => {
  const counts = { promptTokenCount: 5, candidatesTokenCount: 1120, thoughtsTokenCount: 90 };
  const billedFor = (words: JsonObject, usageMetadata: Json = counts) =>
    parseAnswer({ ...words, usageMetadata }).billed;
  const stopped = (finishReason: string, more: JsonObject = {}): JsonObject => ({
    candidates: [{ content: {}, finishReason, ...more }],
  });

  test('is what the counts say, of a picture and of words instead of one', () => {
    expect(billedFor(answered([picture]))).toBe('usage');
    expect(billedFor(answered([{ text: 'no' }]))).toBe('usage');
    expect(billedFor(stopped('NO_IMAGE'))).toBe('usage');
  });

  test('is nothing for what was blocked, and for what the vendor says is free', () => {
    expect(billedFor({ promptFeedback: { blockReason: 'SAFETY' } })).toBe('nothing');
    expect(billedFor(stopped('IMAGE_SAFETY'))).toBe('nothing');
    const finishMessage = 'Unable to show it. You will not be charged for this request.';
    expect(billedFor(stopped('IMAGE_OTHER', { finishMessage }))).toBe('nothing');
    expect(billedFor(answered([picture], { finishMessage }))).toBe('usage');
  });

  test.each([
    null,
    'x',
    {},
    { ...counts, promptTokenCount: '5' },
    { ...counts, thoughtsTokenCount: -1 },
    { ...counts, candidatesTokenCount: 0.5 },
    { ...counts, candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1e18 }] },
    { ...counts, candidatesTokensDetails: ['IMAGE'] },
    { candidatesTokenCount: 1120 },
    { promptTokenCount: 5 },
  ])('cannot be told for a picture with %j', (usageMetadata) => {
    expect(billedFor(answered([picture]), usageMetadata)).toBe('unknown');
  });

  test('does not depend on the total, which nobody is charged for', () => {
    expect(billedFor(answered([picture]), { ...counts, totalTokenCount: Infinity })).toBe('usage');
  });
});
