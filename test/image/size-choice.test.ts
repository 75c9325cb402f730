import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import type { AskedShape } from '../../src/image/request.ts';
import {
  ASPECT_RATIOS,
  bestFit,
  isShort,
  nominalPixels,
  parsePixels,
  RATIO_TOLERANCE,
  ratioError,
  resolveShape,
  TIERS,
} from '../../src/image/size.ts';
import type { AspectRatio, Quality, Tier } from '../../src/image/size.ts';

const PRO_RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9'] as const;
const flash = { id: 'flash', ratios: ASPECT_RATIOS, tiers: TIERS };
const pro = { id: 'pro', ratios: PRO_RATIOS, tiers: ['1K', '2K', '4K'] as const };
const lite = { id: 'lite', ratios: PRO_RATIOS, tiers: ['1K'] as const };
const oneSize = { id: 'one-size', ratios: PRO_RATIOS, tiers: [] };

const named = { ratio: 'aspect_ratio', tier: 'image_size' };
const ask = (asked: Partial<AskedShape>): AskedShape => ({
  ratio: null,
  tier: null,
  pixels: null,
  quality: null,
  named,
  ...asked,
});
const pixels = (text: string) => parsePixels(text)!;

describe('resolveShape', () => {
  test('the nominal pixels of every ratio and tier lead back to them', () => {
    for (const ratio of ASPECT_RATIOS) {
      for (const tier of TIERS) {
        expect(resolveShape(ask({ pixels: nominalPixels(ratio, tier) }), flash)).toEqual({ ratio, tier });
      }
    }
  });

  test.each<[string, AspectRatio, Tier, Tier]>([
    ['256x256', '1:1', '512', '1K'],
    ['512x512', '1:1', '512', '1K'],
    ['1024x1024', '1:1', '1K', '1K'],
    ['1536x1024', '3:2', '1K', '1K'],
    ['1024x1536', '2:3', '1K', '1K'],
    ['1792x1024', '16:9', '1K', '1K'],
    ['1024x1792', '9:16', '1K', '1K'],
    ['1280x720', '16:9', '1K', '1K'],
    ['1024x768', '4:3', '1K', '1K'],
    ['1920x1080', '16:9', '2K', '2K'],
    ['2048x2048', '1:1', '2K', '2K'],
    ['2560x1440', '16:9', '2K', '2K'],
    ['3840x2160', '16:9', '4K', '4K'],
    ['2160x3840', '9:16', '4K', '4K'],
    ['4096x4096', '1:1', '4K', '4K'],
    ['16384x16384', '1:1', '4K', '4K'],
    ['3072x1024', '21:9', '2K', '2K'],
  ])('%s is %s at %s on Flash and %s on Pro', (size, ratio, onFlash, onPro) => {
    expect(resolveShape(ask({ pixels: pixels(size) }), flash)).toEqual({ ratio, tier: onFlash });
    expect(resolveShape(ask({ pixels: pixels(size) }), pro)).toEqual({ ratio, tier: onPro });
  });

  test('takes the nearest ratio of the model that is asked, not of all', () => {
    expect(resolveShape(ask({ pixels: pixels('1024x3072') }), flash).ratio).toBe('1:4');
    expect(resolveShape(ask({ pixels: pixels('1024x3072') }), pro).ratio).toBe('9:16');
  });

  test('leaves out what was not asked', () => {
    expect(resolveShape(ask({}), flash)).toEqual({ ratio: null, tier: null });
    expect(resolveShape(ask({ ratio: '16:9' }), flash)).toEqual({ ratio: '16:9', tier: null });
    expect(resolveShape(ask({ tier: '2K' }), flash)).toEqual({ ratio: null, tier: '2K' });
    expect(resolveShape(ask({ quality: 'high' }), flash)).toEqual({ ratio: null, tier: '2K' });
  });

  test('an explicit tier beats pixels, pixels beat quality, an explicit ratio beats that of the pixels', () => {
    const all = ask({ ratio: '21:9', tier: '4K', pixels: pixels('512x512'), quality: 'high' });
    expect(resolveShape(all, flash)).toEqual({ ratio: '21:9', tier: '4K' });
    expect(resolveShape({ ...all, tier: null }, flash)).toEqual({ ratio: '21:9', tier: '512' });
    expect(resolveShape({ ...all, tier: null, pixels: null }, flash)).toEqual({ ratio: '21:9', tier: '2K' });
    expect(resolveShape({ ...all, ratio: null }, flash)).toEqual({ ratio: '1:1', tier: '4K' });
  });

  test.each<[Quality, Tier, Tier]>([
    ['low', '512', '1K'],
    ['medium', '1K', '1K'],
    ['high', '2K', '2K'],
  ])('quality %s is %s on Flash, %s on Pro, and 1K on a model with nothing else', (quality, onFlash, onPro) => {
    expect(resolveShape(ask({ quality }), flash).tier).toBe(onFlash);
    expect(resolveShape(ask({ quality }), pro).tier).toBe(onPro);
    expect(resolveShape(ask({ quality }), lite).tier).toBe('1K');
  });

  test('wishes of size are left out for a model without tiers', () => {
    expect(resolveShape(ask({ pixels: pixels('4096x4096'), quality: 'high' }), oneSize)).toEqual({
      ratio: '1:1',
      tier: null,
    });
  });

  test('an explicit tier or ratio the model cannot draw is refused with the field, the value and what is allowed', () => {
    const refusal = (asked: Partial<AskedShape>, model: Parameters<typeof resolveShape>[1]) => {
      try {
        return resolveShape(ask(asked), model);
      } catch (error) {
        return error;
      }
    };
    const tier = refusal({ tier: '512' }, pro);
    expect(tier).toBeInstanceOf(GatewayError);
    expect(tier).toMatchObject({
      failure: 'unsupported',
      status: 400,
      message: "image_size: pro cannot draw '512'. Allowed values: 1K, 2K, 4K.",
      detail: { param: 'image_size', code: 'unsupported_value' },
    });
    expect(refusal({ ratio: '1:8' }, pro)).toMatchObject({
      message: `aspect_ratio: pro cannot draw '1:8'. Allowed values: ${PRO_RATIOS.join(', ')}.`,
      detail: { param: 'aspect_ratio', code: 'unsupported_value' },
    });
    expect(refusal({ tier: '1K' }, oneSize)).toMatchObject({
      message: "image_size: one-size cannot draw '1K'. Leave the field out.",
    });
  });
});

describe('ratioError', () => {
  test('tells pixels near a ratio from another shape', () => {
    expect(ratioError(pixels('1792x1024'), '16:9')).toBeCloseTo(0.0157, 3);
    expect(ratioError(pixels('1792x1024'), '16:9')).toBeLessThan(RATIO_TOLERANCE);
    expect(ratioError(pixels('3072x1024'), '21:9')).toBeGreaterThan(RATIO_TOLERANCE);
    expect(ratioError(pixels('1000x3000'), '1:1')).toBeCloseTo(ratioError(pixels('3000x1000'), '1:1'));
  });
});

describe('bestFit', () => {
  const oneK = pixels('1376x768');
  const twoK = pixels('2752x1536');

  test('takes the picture of the tier asked for, wherever it stands', () => {
    const pictures = [oneK, twoK, pixels('688x384')];
    expect(bestFit(pictures, { ratio: '16:9', tier: '1K' })).toBe(0);
    expect(bestFit(pictures, { ratio: '16:9', tier: '2K' })).toBe(1);
    expect(bestFit(pictures, { ratio: '16:9', tier: '512' })).toBe(2);
    expect(bestFit(pictures, { ratio: null, tier: '2K' })).toBe(1);
  });

  test('takes the ratio asked for among pictures of one tier', () => {
    expect(bestFit([pixels('1024x1024'), oneK, pixels('768x1376')], { ratio: '16:9', tier: '1K' })).toBe(1);
    expect(bestFit([pixels('1024x1024'), oneK, pixels('768x1376')], { ratio: '9:16', tier: null })).toBe(2);
  });

  test('takes the 1K where no tier was asked for, as where 1K was: both have one place in the cache', () => {
    expect(bestFit([oneK, twoK], { ratio: null, tier: null })).toBe(0);
    expect(bestFit([twoK, oneK], { ratio: '16:9', tier: null })).toBe(1);
  });

  test('takes the later of two with equal pixels, the only one of one, and none of none', () => {
    expect(bestFit([oneK, oneK], { ratio: '16:9', tier: '1K' })).toBe(1);
    expect(bestFit([pixels('32x32')], { ratio: '16:9', tier: '4K' })).toBe(0);
    expect(bestFit([], { ratio: '16:9', tier: '4K' })).toBe(-1);
  });
});

describe('isShort', () => {
  test('is true under 90 % of the pixels asked for, whatever their shape', () => {
    expect(isShort(pixels('1264x848'), pixels('1536x1024'))).toBe(true);
    expect(isShort(pixels('1376x768'), pixels('1280x720'))).toBe(false);
    expect(isShort(pixels('900x1000'), pixels('1000x1000'))).toBe(false);
    expect(isShort(pixels('899x1000'), pixels('1000x1000'))).toBe(true);
  });
});
