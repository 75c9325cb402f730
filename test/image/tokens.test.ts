import { describe, expect, it } from 'vitest';
import { parseRequest } from '../../src/dialects/gemini/request.ts';
import { estimateTokens } from '../../src/image/tokens.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { flash, geminiCall, pro, textTurn } from '../dialects/draws.ts';

const estimated = (body: JsonObject, model = flash) => estimateTokens(parseRequest(body, geminiCall), model);

describe('an estimate of tokens', () => {
  // Prompts whose replies were recorded, and what the vendor counted.
  it.each([
    ['A cute baby sea otter', 'Generate an image based on the user prompt. Do not ask clarifying questions.', 22],
    ['Generate an illustrated two-sentence story about an axolotl.', null, 14],
  ])('is within one token of the vendor for a recorded prompt', (prompt, system, counted) => {
    const body: JsonObject = {
      contents: [textTurn(prompt)],
      ...(system !== null && { systemInstruction: textTurn(system) }),
    };
    expect(Math.abs(estimated(body, pro).total - counted)).toBeLessThanOrEqual(1);
  });

  it('counts a picture as the table of its model says', () => {
    const body: JsonObject = { contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA' } }] }] };
    expect(estimated(body)).toEqual({ text: 0, image: 1120, total: 1120 });
    expect(estimated(body, pro)).toEqual({ text: 0, image: 560, total: 560 });
  });

  it('counts what is said in tools and in parts that are neither text nor pictures', () => {
    const bare = estimated({ contents: [textTurn('a fox')] });
    const tool = { functionDeclarations: [{ name: 'draw', description: 'draws what it is told to draw' }] };
    expect(estimated({ contents: [textTurn('a fox')], tools: [tool] }).text).toBeGreaterThan(bare.text + 10);
    const call = { parts: [{ functionCall: { name: 'draw', args: { what: 'a fox in the snow' } } }] };
    expect(estimated({ contents: [textTurn('a fox'), call] }).text).toBeGreaterThan(bare.text + 10);
  });
});
