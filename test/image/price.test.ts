import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Usage } from '../../src/image/answer.ts';
import { BUILT_IN_MODELS } from '../../src/image/model.ts';
import type { Model } from '../../src/image/model.ts';
import { costNanos, expectedNanos, formatUsd, usdToNanos, worstCaseNanos } from '../../src/image/price.ts';
import type { Price } from '../../src/image/price.ts';
import { TIERS } from '../../src/image/size.ts';

const [flash, pro] = BUILT_IN_MODELS as readonly [Model, Model];
const ceiling = { thinkingTokens: 4096, textTokens: 2048, pictures: 2, searches: 5 };
const googleFlash: Price = { perMillionTokensUsd: { input: 0.5, text: 3, image: 60 }, ceiling };
const googlePro: Price = { perMillionTokensUsd: { input: 2, text: 12, image: 120 }, ceiling };
const flat: Price = { perImageUsd: 0.058 };
const byTier: Price = { perImageUsd: { '512': 0.045, '1K': 0.067, '2K': 0.101, '4K': 0.151 } };

function usage(tokens: Partial<Usage>): Usage {
  return { inputText: 0, inputImage: 0, outputText: 0, outputImage: 0, thinking: 0, total: 0, ...tokens };
}

const NOTHING = usage({});
/** A request that says all there is. */
const CLOSED = { openEnded: false, maySearch: false, thinkingBudget: 0 } as const;

describe('the true cost', () => {
  it.each([
    [
      'text and thinking at the price of text',
      { inputText: 326, outputText: 340, thinking: 337, outputImage: 2000 },
      248_776_000,
    ],
    ['the same without what went up', { outputText: 340, thinking: 337, outputImage: 2000 }, 248_124_000],
    ['references as input', { inputText: 10, inputImage: 2 * 560, outputImage: 1120 }, 136_660_000],
    ['a refusal: no picture, but words and thinking', { inputText: 50, outputText: 20, thinking: 100 }, 1_540_000],
  ])('counts %s', (_what, tokens, nanos) => {
    const pictures = 'outputImage' in tokens ? 1 : 0;
    expect(costNanos(googlePro, pro, { usage: usage(tokens), tier: '4K', pictures, searches: 0 })).toBe(nanos);
  });

  it.each([
    ['512', 0.04482],
    ['1K', 0.0672],
    ['2K', 0.1008],
    ['4K', 0.1512],
    [null, 0.0672],
  ] as const)('is read from the table of picture tokens when a reply at %s reports no usage', (tier, dollars) => {
    expect(costNanos(googleFlash, flash, { usage: NOTHING, tier, pictures: 1, searches: 0 })).toBe(usdToNanos(dollars));
  });

  it('takes pictures out of an undivided count before it prices the rest as text', () => {
    const facts = { usage: usage({ outputText: 1216, thinking: 179 }), tier: '1K', pictures: 1, searches: 0 } as const;
    expect(costNanos(googlePro, pro, facts)).toBe(1120 * 120_000 + (96 + 179) * 12_000);
  });

  it('adds pictures that no count holds', () => {
    const facts = { usage: usage({ outputText: 30 }), tier: '2K', pictures: 2, searches: 0 } as const;
    expect(costNanos(googleFlash, flash, facts)).toBe(2 * 1680 * 60_000 + 30 * 3000);
  });

  it('is the price of the call where pictures have a price, however many came', () => {
    expect(costNanos(flat, flash, { usage: NOTHING, tier: '4K', pictures: 1, searches: 0 })).toBe(58_000_000);
    expect(costNanos(flat, flash, { usage: NOTHING, tier: '4K', pictures: 3, searches: 0 })).toBe(58_000_000);
    expect(costNanos(byTier, flash, { usage: NOTHING, tier: '2K', pictures: 1, searches: 0 })).toBe(101_000_000);
    expect(costNanos(byTier, flash, { usage: NOTHING, tier: null, pictures: 1, searches: 0 })).toBe(67_000_000);
  });

  it('is nothing for a call without a picture where pictures have a price', () => {
    const facts = { usage: usage({ inputText: 900, thinking: 4000 }), tier: '1K', pictures: 0, searches: 0 } as const;
    expect(costNanos(flat, flash, facts)).toBe(0);
    expect(costNanos(byTier, flash, facts)).toBe(0);
  });

  it('keeps prices finer than a nano-dollar a token, rounding the sum up', () => {
    const price: Price = { perMillionTokensUsd: { input: 0.0375, text: 0.3, image: 30 }, ceiling };
    const cost = (inputText: number) =>
      costNanos(price, flash, { usage: usage({ inputText }), tier: '1K', pictures: 0, searches: 0 });
    expect([cost(1), cost(2), cost(1000)]).toEqual([38, 75, 37_500]);
  });
});

describe('the worst case', () => {
  it('is the price of the call where pictures have a price', () => {
    const facts = { tier: '4K', promptBytes: 32_000, references: 14, ...CLOSED } as const;
    expect(worstCaseNanos(flat, flash, facts)).toBe(58_000_000);
    expect(worstCaseNanos(byTier, flash, facts)).toBe(151_000_000);
  });

  it('takes the dearest entry of a table that leaves the tier out', () => {
    const gap: Price = { perImageUsd: { '1K': 0.1, '2K': 0.2 } };
    expect(worstCaseNanos(gap, flash, { tier: '4K', promptBytes: 1, references: 0, ...CLOSED })).toBe(200_000_000);
  });

  it('holds the whole ceiling, every byte of the prompt and every reference', () => {
    const facts = { tier: '1K', promptBytes: 100, references: 3, ...CLOSED } as const;
    const input = 100 + 256 + 3 * 560;
    expect(worstCaseNanos(googlePro, pro, facts)).toBe(input * 2000 + (4096 + 2048) * 12_000 + 2 * 1120 * 120_000);
  });

  it('is never less than the cost of a reply within the ceiling', () => {
    const anyPrice = fc.oneof(
      fc.constantFrom(flat, byTier, googleFlash, googlePro),
      fc.record({
        perMillionTokensUsd: fc.record({
          input: fc.double({ min: 0, max: 100, noNaN: true }),
          text: fc.double({ min: 0, max: 100, noNaN: true }),
          image: fc.double({ min: 1e-6, max: 1000, noNaN: true }),
        }),
        ceiling: fc.constant(ceiling),
      }),
    );
    const anyCase = fc.record({
      price: anyPrice,
      tier: fc.constantFrom(null, ...TIERS),
      promptBytes: fc.nat(100_000),
      references: fc.nat(14),
      pictures: fc.nat(2),
      openEnded: fc.boolean(),
      maySearch: fc.boolean(),
      thinkingBudget: fc.nat(flash.outputTokenLimit),
      queries: fc.nat(ceiling.searches),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      reported: fc.boolean(),
    });
    fc.assert(
      fc.property(anyCase, ({ price, tier, promptBytes, references, pictures, share, reported, ...asked }) => {
        const { openEnded, maySearch, thinkingBudget } = asked;
        const searches = maySearch ? asked.queries : 0;
        const read = openEnded ? flash.inputTokenLimit : 0;
        const image = pictures * flash.imageTokens[tier ?? '1K']!;
        const usageOf = usage({
          inputText: Math.floor((promptBytes + read) * share),
          inputImage: references * flash.referenceTokens,
          outputText: Math.floor(ceiling.textTokens * share) + (reported ? 0 : image),
          outputImage: reported ? image : 0,
          thinking: Math.floor(Math.max(ceiling.thinkingTokens, thinkingBudget) * share),
        });
        const facts = { tier, promptBytes, references, openEnded, maySearch, thinkingBudget };
        const worst = worstCaseNanos(price, flash, facts);
        const cost = costNanos(price, flash, { usage: usageOf, tier, pictures, searches });
        expect(Number.isSafeInteger(worst) && Number.isSafeInteger(cost)).toBe(true);
        expect(cost).toBeLessThanOrEqual(worst);
        expect(cost).toBeGreaterThanOrEqual(0);
        const expected = expectedNanos(price, flash, facts);
        expect(expected).toBeLessThanOrEqual(worst);
      }),
    );
  });
});

/** What recorded replies counted. */
const RECORDED = [
  { inputText: 33, outputText: 660, thinking: 529 },
  { inputText: 22, outputText: 96, thinking: 179 },
  { inputText: 14, outputText: 163, thinking: 174 },
];
const OFFERS = [flash, pro].flatMap((model) =>
  (['1K', '2K', '4K'] as const).map((tier) => [model.id, tier, model] as const),
);

describe('what a budget sets aside for usual replies, at the prices and ceilings that are built in', () => {
  const priceOf = (model: Model): Price => model.targets.find(({ upstream }) => upstream === 'google')!.price;
  const costOf = (model: Model, tier: (typeof OFFERS)[number][1], words: Partial<Usage>): number =>
    costNanos(priceOf(model), model, {
      usage: usage({ ...words, outputImage: model.imageTokens[tier]! }),
      tier,
      pictures: 1,
      searches: 0,
    });
  const asked = { promptBytes: 120, references: 0, ...CLOSED };

  it.each(OFFERS)('on %s at %s is at most a quarter more than they cost, in the median', (_id, tier, model) => {
    const worst = worstCaseNanos(priceOf(model), model, { tier, ...asked });
    const ratios = RECORDED.map((words) => worst / costOf(model, tier, words)).sort((a, b) => a - b);
    expect(ratios[0]).toBeGreaterThan(1);
    expect(ratios[1]).toBeLessThanOrEqual(1.25);
  });

  it.each(OFFERS)('on %s at %s lets twenty in a row spend 95 parts in 100 of what fits', (_id, tier, model) => {
    const worst = worstCaseNanos(priceOf(model), model, { tier, ...asked });
    const costs = Array.from({ length: 20 }, (_, index) => costOf(model, tier, RECORDED[index % RECORDED.length]!));
    const fits = costs.reduce((sum, cost) => sum + cost, 0);
    let spent = 0;
    for (const cost of costs) if (spent + worst <= fits) spent += cost;
    expect(spent / fits).toBeGreaterThanOrEqual(0.95);
  });

  it.each(OFFERS)('on %s at %s is expected to be what they cost, within a fifteenth', (_id, tier, model) => {
    const expected = expectedNanos(priceOf(model), model, { tier, ...asked });
    for (const words of RECORDED) expect(Math.abs(expected / costOf(model, tier, words) - 1)).toBeLessThan(1 / 15);
  });
});

describe('search fees', () => {
  it('are a price for each query beside the tokens, and the vendor’s own where none is told', () => {
    const facts = { usage: usage({ outputImage: 1120 }), tier: '1K', pictures: 1 } as const;
    const fee = (price: Price) =>
      costNanos(price, flash, { ...facts, searches: 3 }) - costNanos(price, flash, { ...facts, searches: 0 });
    expect(fee(googleFlash)).toBe(3 * 14_000_000);
    expect(fee({ ...googleFlash, perSearchUsd: 0.035 })).toBe(3 * 35_000_000);
    expect(fee(flat)).toBe(0);
  });

  it('are set aside for as many queries as the ceiling has, where a tool may search', () => {
    const facts = { tier: '1K', promptBytes: 10, references: 0, ...CLOSED, openEnded: true } as const;
    const worst = (maySearch: boolean) => worstCaseNanos(googleFlash, flash, { ...facts, maySearch });
    expect(worst(true) - worst(false)).toBe(5 * 14_000_000);
  });
});

describe('dollars and nano-dollars', () => {
  it.each([
    [0, '0'],
    [1, '0.000000001'],
    [67_200_000, '0.0672'],
    [58_000_000, '0.058'],
    [248_776_000, '0.248776'],
    [1_000_000_000, '1'],
    [12_500_000_000, '12.5'],
    [-3_000_000, '-0.003'],
    [Number.MAX_SAFE_INTEGER, '9007199.254740991'],
  ])('%d nano-dollars are written %s', (nanos, text) => {
    expect(formatUsd(nanos)).toBe(text);
  });

  it('turns every written amount back into itself', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_000_000 * 1e9 }),
        (nanos) => usdToNanos(Number(formatUsd(nanos))) === nanos,
      ),
    );
  });

  it('has no noise of binary fractions', () => {
    expect([0.058, 0.1 + 0.2, 0.000000001, 1.005].map(usdToNanos)).toEqual([58_000_000, 300_000_000, 1, 1_005_000_000]);
  });
});
