import { describe, expect, test } from 'vitest';
import { parseRequest } from '../../src/dialects/gemini/request.ts';
import { weigh } from '../../src/draw/weigh.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { drawOf, geminiCall, textTurn } from '../dialects/draws.ts';

const picture = (more: JsonObject = {}): JsonObject => ({
  contents: [{ role: 'user', parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA' }, ...more }] }],
});

function isOpenEnded(body: JsonObject): boolean {
  return weigh(drawOf(parseRequest(body, geminiCall))).openEnded;
}

describe('pictures that go up', () => {
  test.each<[string, JsonObject]>([
    ['for all of them', { ...picture(), generationConfig: { mediaResolution: 'MEDIA_RESOLUTION_HIGH' } }],
    ['in the other spelling', { ...picture(), generation_config: { media_resolution: 'MEDIA_RESOLUTION_MEDIUM' } }],
    ['for one of them', picture({ mediaResolution: { level: 'MEDIA_RESOLUTION_ULTRA_HIGH' } })],
    ['by a number of tokens', picture({ mediaResolution: { numTokens: 5000 } })],
  ])('are no usual number of tokens when a resolution is set %s', (_how, body) => {
    expect(isOpenEnded(body)).toBe(true);
  });

  test.each<[string, JsonObject]>([
    ['none is named', picture()],
    ['it is the lowest', picture({ mediaResolution: { level: 'MEDIA_RESOLUTION_LOW' } })],
    ['there are none', { contents: [textTurn('x')], generationConfig: { mediaResolution: 'MEDIA_RESOLUTION_HIGH' } }],
  ])('are the usual number of tokens when %s', (_why, body) => {
    expect(isOpenEnded(body)).toBe(false);
  });
});

test.each<[JsonObject[string], number]>([
  [32_768, 32_768],
  ['24576', 24_576],
  [-1, 0],
  [null, 0],
  ['many', 0],
])('a thinking budget of %j is %i tokens', (thinkingBudget, tokens) => {
  const body = { contents: [textTurn('x')], generationConfig: { thinkingConfig: { thinkingBudget } } };
  expect(weigh(drawOf(parseRequest(body, geminiCall))).thinkingBudget).toBe(tokens);
});
