import { expect, test } from 'vitest';
import { inDirectory } from './in-directory.ts';

const { load, mistakes } = inDirectory();
const KEY = { GEMINI_API_KEY: 'g' };
const entry = (fallback: string): string => `models: [{ id: gemini-3-pro-image, fallback: ${fallback} }]`;
const fallbackOf = (yaml: string, environment: Record<string, string>) =>
  load(yaml, environment).models.find(({ id }) => id === 'gemini-3-pro-image')?.fallback;

test('a model falls over to another by any of its names, and unless told to nobody', () => {
  const flash = { model: 'gemini-3.1-flash-image', maxPriceUsd: 0.1 };
  expect(fallbackOf(entry('{ model: nano-banana-2, maxPriceUsd: 0.1 }'), KEY)).toEqual(flash);
  expect(fallbackOf('cache: {}', KEY)).toBeUndefined();
});

test('one that nobody draws is warned of', () => {
  const own = '{ id: own, ratios: ["1:1"], tiers: [1K], maxReferences: 1, inputTokenLimit: 9, outputTokenLimit: 9';
  const targets = 'targets: [{ upstream: wisdom-gate, model: own, price: { perImageUsd: 0.01 } }]';
  const yaml = `models:\n  - ${own}, released: 2026-01-01, ${targets} }\n  - { id: gemini-3-pro-image, fallback: { model: own, maxPriceUsd: 1 } }`;
  expect(load(yaml, KEY).warnings.join()).toContain(
    'The model gemini-3-pro-image falls over to nobody: own has no target',
  );
});

test.each([
  ['{ model: nano-banana-9, maxPriceUsd: 0.1 }', 'models[0].fallback.model: no model is called "nano-banana-9"'],
  ['{ model: nano-banana-pro, maxPriceUsd: 0.1 }', 'models[0].fallback.model: is gemini-3-pro-image itself'],
  ['{ model: nano-banana-2 }', 'models[0].fallback.maxPriceUsd: is missing'],
  ['{ model: nano-banana-2, maxPriceUsd: 0 }', 'models[0].fallback.maxPriceUsd: must be 0.000001 to 10000, is 0'],
  ['nano-banana-2', 'models[0].fallback: must be a map of settings'],
])('in "fallback: %s" it is said what is wrong: %s', (fallback, message) => {
  expect(mistakes(entry(fallback), KEY).join('\n')).toContain(message);
});
