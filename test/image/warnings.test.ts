import { describe, expect, test } from 'vitest';
import { ASPECT_RATIOS, nominalPixels, TIERS } from '../../src/image/size.ts';
import type { AspectRatio, Pixels, Tier } from '../../src/image/size.ts';
import { shapeWarnings } from '../../src/image/warnings.ts';

const NOTHING_ASKED = {
  ratio: null,
  tier: null,
  pixels: null,
  quality: null,
  named: { ratio: 'aspect_ratio', tier: 'image_size' },
};
const warningsFor = (ratio: AspectRatio | null, tier: Tier | null, ...pictures: Pixels[]): string[] =>
  shapeWarnings({ asked: { ...NOTHING_ASKED, ratio, tier }, ratio, tier, pictures });

describe('warnings of the shape', () => {
  test('the pixels a model draws for any ratio and tier are no reason for one', () => {
    for (const ratio of ASPECT_RATIOS)
      for (const tier of TIERS) expect(warningsFor(ratio, tier, nominalPixels(ratio, tier))).toEqual([]);
  });

  test('a picture of another ratio is never silent, whatever its pixels', () => {
    expect(warningsFor('16:9', '2K', { width: 2048, height: 2048 })).toEqual([
      'A picture of 2048x2048 pixels came where 16:9 was asked for.',
    ]);
    expect(warningsFor(null, '2K', { width: 2752, height: 1536 })).toEqual([]);
  });

  test('of several pictures one is enough', () => {
    const small = { width: 512, height: 512 };
    expect(warningsFor('1:1', '1K', nominalPixels('1:1', '1K'), small)).toEqual([
      'A picture of 512x512 pixels came where 1024x1024 was asked for.',
    ]);
  });
});
