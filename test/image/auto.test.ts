import { describe, expect, test } from 'vitest';
import { openaiImages } from '../../src/dialects/openai-images/dialect.ts';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import { GatewayError } from '../../src/errors.ts';
import { autoModel, chooseModel, USUAL_RULES } from '../../src/image/auto.ts';
import type { AutoRule } from '../../src/image/auto.ts';
import { BUILT_IN_MODELS } from '../../src/image/model.ts';
import type { ImageRequest } from '../../src/image/request.ts';
import type { JsonObject } from '../../src/wire/json.ts';

const FLASH = 'gemini-3.1-flash-image';
const PRO = 'gemini-3-pro-image';
const call = { requestId: 'r', pathModel: null, receivedAt: 0 };

const openai = (body: JsonObject): ImageRequest =>
  openaiImages.routes[0]!.parseRequest({ prompt: 'a fox', ...body }, call);
const native = (parts: readonly JsonObject[]): ImageRequest =>
  gemini.routes[0]!.parseRequest({ contents: [{ parts: [...parts] }] }, call);
const reference = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };

function chosen(request: ImageRequest, rules: readonly AutoRule[] = USUAL_RULES, allowed: string[] | null = null) {
  return chooseModel(rules, BUILT_IN_MODELS, request, allowed).id;
}

describe('auto by the usual rules', () => {
  test.each([
    [{}, FLASH],
    [{ quality: 'low' }, FLASH],
    [{ quality: 'standard' }, FLASH],
    [{ size: '3840x2160' }, FLASH],
    [{ quality: 'high' }, PRO],
    [{ quality: 'hd' }, PRO],
    [{ prompt: 'A GROUP PHOTO of the team' }, PRO],
    [{ prompt: 'peoples of the sea' }, FLASH],
    [{ prompt: 'people, at sea' }, PRO],
    // A size that only one of them draws.
    [{ quality: 'high', aspect_ratio: '1:8' }, FLASH],
    [{ quality: 'high', image_size: '512' }, FLASH],
  ] as const)('%j is %s', (body, model) => {
    expect(chosen(openai(body))).toBe(model);
  });

  test('many references are for Pro', () => {
    const text = { text: 'together' };
    expect(chosen(native([text, reference, reference, reference]))).toBe(FLASH);
    expect(chosen(native([text, reference, reference, reference, reference]))).toBe(PRO);
  });
});

describe('the rules of a configuration', () => {
  const both: readonly AutoRule[] = [{ when: { tier: ['4K'], minPromptCharacters: 10 }, model: PRO }, { model: FLASH }];

  test('hold where all that they name is so', () => {
    const long = 'a fox, a hare and a hedgehog';
    expect(chosen(openai({ prompt: long, image_size: '4K' }), both)).toBe(PRO);
    expect(chosen(openai({ prompt: long, size: '4096x4096' }), both)).toBe(PRO);
    expect(chosen(openai({ prompt: long }), both)).toBe(FLASH);
    expect(chosen(openai({ image_size: '4K' }), both)).toBe(FLASH);
  });

  test('a phrase may hold signs that mean something to expressions', () => {
    expect(chosen(openai({ prompt: 'say c++ (twice)' }), [{ when: { mentions: ['c++'] }, model: PRO }, ...both])).toBe(
      PRO,
    );
    expect(chosen(openai({ prompt: 'say ccc' }), [{ when: { mentions: ['c+'] }, model: PRO }, ...both])).toBe(FLASH);
  });

  test('the first one wins', () => {
    const rules = [{ model: FLASH }, { when: { quality: ['high' as const] }, model: PRO }];
    expect(chosen(openai({ quality: 'high' }), rules)).toBe(FLASH);
  });
});

describe('a list of models', () => {
  test('limits the choice, whatever the rules say', () => {
    expect(chosen(openai({ quality: 'high' }), USUAL_RULES, [FLASH])).toBe(FLASH);
    expect(chosen(openai({}), USUAL_RULES, [PRO])).toBe(PRO);
  });

  test('without any of them is a 403 that says which there are', () => {
    const refused = (): string => chosen(openai({}), USUAL_RULES, ['another']);
    expect(refused).toThrow(GatewayError);
    expect(refused).toThrow(
      `auto chooses among ${PRO}, ${FLASH}, and this key may use none of them. It may use: another.`,
    );
  });

  test('of auto has what any of its models can do', () => {
    const auto = autoModel(USUAL_RULES, BUILT_IN_MODELS)!;
    expect(auto).toMatchObject({
      id: 'auto',
      tiers: ['512', '1K', '2K', '4K'],
      maxReferences: 14,
      inputTokenLimit: 65_536,
    });
    expect(auto.ratios).toHaveLength(14);
    expect(
      autoModel(
        USUAL_RULES,
        BUILT_IN_MODELS.filter(({ id }) => id === PRO),
      )!.ratios,
    ).toHaveLength(10);
    expect(autoModel(USUAL_RULES, [])).toBeNull();
    expect(autoModel([], BUILT_IN_MODELS)).toBeNull();
  });
});
