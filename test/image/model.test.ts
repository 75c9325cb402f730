import { describe, expect, it } from 'vitest';
import { BUILT_IN_MODELS, findModel, nearestNames } from '../../src/image/model.ts';
import type { Model } from '../../src/image/model.ts';
import { worstCaseNanos } from '../../src/image/price.ts';

const FLASH = 'gemini-3.1-flash-image';
const PRO = 'gemini-3-pro-image';

function model(id: string, aliases: readonly string[]): Model {
  return { ...BUILT_IN_MODELS[0]!, id, aliases };
}

const NOTHING_BUT_A_PICTURE = {
  promptBytes: 0,
  references: 0,
  openEnded: false,
  maySearch: false,
  thinkingBudget: 0,
};

describe('the built-in models', () => {
  it('are Flash and Pro as their vendor documents them', () => {
    const facts = BUILT_IN_MODELS.map(({ id, ratios, tiers, maxReferences, referenceTokens, imageTokens }) => [
      id,
      ratios.length,
      tiers,
      maxReferences,
      referenceTokens,
      imageTokens,
    ]);
    expect(facts).toEqual([
      [FLASH, 14, ['512', '1K', '2K', '4K'], 14, 1120, { '512': 747, '1K': 1120, '2K': 1680, '4K': 2520 }],
      [PRO, 10, ['1K', '2K', '4K'], 14, 560, { '1K': 1120, '2K': 1120, '4K': 2000 }],
    ]);
  });

  it('have a price for every size they draw, wherever they are offered', () => {
    for (const each of BUILT_IN_MODELS)
      for (const tier of each.tiers)
        for (const { price } of each.targets)
          expect(worstCaseNanos(price, each, { tier, ...NOTHING_BUT_A_PICTURE })).toBeGreaterThan(0);
  });

  it('go by their current name at Google and by the preview name at the reseller, where a price is known', () => {
    const offers = BUILT_IN_MODELS.flatMap(({ targets }) =>
      targets.map((target) => `${target.upstream}/${target.model}`),
    );
    expect(offers).toEqual([`wisdom-gate/${FLASH}-preview`, `google/${FLASH}`, `google/${PRO}`]);
  });
});

describe('finding a model', () => {
  it.each([
    [FLASH, FLASH],
    ['gemini-3.1-flash-image-preview', FLASH],
    ['nano-banana-2', FLASH],
    ['models/gemini-3.1-flash-image', FLASH],
    ['google/gemini-3.1-flash-image-preview', FLASH],
    ['Gemini-3.1-Flash-IMAGE', FLASH],
    ['gpt-image-1', FLASH],
    ['gpt-image-2.6-sunburst-2026-09-08', FLASH],
    ['dall-e-3', FLASH],
    ['chatgpt-image-latest', FLASH],
    [PRO, PRO],
    ['gemini-3-pro-image-preview', PRO],
    ['NANO-BANANA-PRO', PRO],
  ])('%s is %s', (asked, id) => {
    expect(findModel(BUILT_IN_MODELS, asked)?.id).toBe(id);
  });

  it.each([
    '',
    'gpt-image',
    'gpt-image-*',
    'gpt-5',
    'gemini-3.1-flash-image ',
    'models/models/gemini-3.1-flash-image',
    'openai/dall-e-3',
    '../gemini-3.1-flash-image',
    '..%2Fgemini-3.1-flash-image',
    'dall-e-/../../v1/files',
    'dall-e-..%2f..%2fv1%2ffiles',
    'dall-e-3?key=x',
    'dall-e-\u0000',
    'dall-e-3\n',
    `dall-e-${'9'.repeat(64)}`,
    '__proto__',
    'constructor',
  ])('%j is no model', (asked) => {
    expect(findModel(BUILT_IN_MODELS, asked)).toBeNull();
  });

  it('prefers an exact id to an exact alias, both to a pattern, and the longer pattern to the shorter', () => {
    const models = [model('a', ['x-*', 'b']), model('b', ['x-y-*', 'c']), model('d', ['x-y-z'])];
    const found = ['b', 'c', 'x-y-z', 'x-y-w', 'x-w', 'x-'].map((asked) => findModel(models, asked)?.id);
    expect(found).toEqual(['b', 'b', 'd', 'b', 'a', 'a']);
  });
});

describe('the nearest names', () => {
  it.each([
    ['gemini-3.1-flash-imag', FLASH],
    ['models/Nano-Banana-Por', 'nano-banana-pro'],
    ['gemini-3-pro-imgae', PRO],
    ['nano-banana2', 'nano-banana-2'],
  ])('of %s begin with %s', (asked, name) => {
    expect(nearestNames(BUILT_IN_MODELS, asked)[0]).toBe(name);
  });

  it('are at most as many as asked for, and never patterns', () => {
    expect(nearestNames(BUILT_IN_MODELS, 'gpt-imag-1')).toHaveLength(3);
    expect(nearestNames(BUILT_IN_MODELS, 'gpt-imag-1', 1)).toHaveLength(1);
    expect(nearestNames(BUILT_IN_MODELS, 'gpt-image-', 99).filter((name) => name.includes('*'))).toEqual([]);
  });

  it('are found in no time for a name of a megabyte', () => {
    expect(nearestNames(BUILT_IN_MODELS, 'x'.repeat(1_000_000))).toHaveLength(3);
  });
});
