import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ASPECT_RATIOS,
  nominalPixels,
  parsePixels,
  parseRatio,
  parseTier,
  ratioError,
  TIERS,
} from '../../src/image/size.ts';
import type { AspectRatio, Tier } from '../../src/image/size.ts';

describe('parseTier', () => {
  test.each<[Tier, readonly unknown[]]>([
    ['512', ['512', 512, '512px', '512PX', '512p', '0.5K', '0.5k', '.5K', '05.K', 'IMAGE_SIZE_FIVE_TWELVE', ' 512 ']],
    ['1K', ['1K', '1k', 1024, '1024', '1024px', 'IMAGE_SIZE_ONE_K', 'image_size_one_k']],
    ['2K', ['2K', '2k', 2048, '2048', 'IMAGE_SIZE_TWO_K']],
    ['4K', ['4K', '4k', 4096, '4096', 'IMAGE_SIZE_FOUR_K']],
  ])('reads every spelling of %s', (tier, spellings) => {
    for (const spelling of spellings) expect(parseTier(spelling), String(spelling)).toBe(tier);
  });

  test('reads nothing else', () => {
    const others = [
      '',
      '3K',
      '8K',
      'K',
      'banana',
      '1024x1024',
      '16:9',
      'auto',
      'IMAGE_SIZE_UNSPECIFIED',
      0.5,
      1,
      0,
      NaN,
    ];
    for (const other of [...others, null, undefined, true, {}, ['1K'], '__proto__', 'constructor']) {
      expect(parseTier(other)).toBeNull();
    }
  });
});

describe('parseRatio', () => {
  test('reads every ratio as Gemini writes it, with spaces, with a slash, with an x', () => {
    for (const ratio of ASPECT_RATIOS) {
      const [across, down] = ratio.split(':');
      for (const separator of [':', ' : ', '/', 'x', 'X', '×']) {
        expect(parseRatio(` ${across}${separator}${down} `)).toBe(ratio);
      }
    }
  });

  test('reads the names of the enum in the vendor SDK', () => {
    const names = {
      '1:1': 'ONE_BY_ONE',
      '1:4': 'ONE_BY_FOUR',
      '4:1': 'FOUR_BY_ONE',
      '1:8': 'ONE_BY_EIGHT',
      '8:1': 'EIGHT_BY_ONE',
      '2:3': 'TWO_BY_THREE',
      '3:2': 'THREE_BY_TWO',
      '3:4': 'THREE_BY_FOUR',
      '4:3': 'FOUR_BY_THREE',
      '4:5': 'FOUR_BY_FIVE',
      '5:4': 'FIVE_BY_FOUR',
      '9:16': 'NINE_BY_SIXTEEN',
      '16:9': 'SIXTEEN_BY_NINE',
      '21:9': 'TWENTY_ONE_BY_NINE',
    } as const satisfies Record<AspectRatio, string>;
    for (const ratio of ASPECT_RATIOS) expect(parseRatio(`ASPECT_RATIO_${names[ratio]}`)).toBe(ratio);
  });

  test('reads nothing else', () => {
    const others = ['', '9:21', '1:2', '16:9:1', '1.78', '1024x1024', 'ASPECT_RATIO_UNSPECIFIED', 'auto', 'square'];
    for (const other of [...others, 'ASPECT_RATIO_TEN_BY_NINE', 16 / 9, null, undefined, ['16:9']]) {
      expect(parseRatio(other)).toBeNull();
    }
  });
});

describe('parsePixels', () => {
  test('reads width and height', () => {
    for (const text of ['1536x1024', '1536X1024', '1536×1024', '1536*1024', ' 1536 x 1024 ']) {
      expect(parsePixels(text)).toEqual({ width: 1536, height: 1024 });
    }
    expect(parsePixels('16384x1')).toEqual({ width: 16384, height: 1 });
  });

  test('reads nothing that is no picture', () => {
    const others = ['', 'auto', 'banana', '1024', '0x1024', '1024x0', '16385x1', '-1x5', '1e3x1e3', '10.5x10', '1x2x3'];
    for (const other of others) expect(parsePixels(other)).toBeNull();
  });

  test('no text is at the same time two of a tier, a ratio and pixels', () => {
    const number = fc.integer({ min: 0, max: 20_000 }).map(String);
    const text = fc.oneof(
      fc.constantFrom<string>(...TIERS, ...ASPECT_RATIOS, '16x9', '21*9', '0.5k'),
      fc
        .tuple(number, fc.constantFrom('x', ':', '/', '*', ' x ', 'K', 'px', ''), number)
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (value) => {
        const readings = [parseTier(value), parseRatio(value), parsePixels(value)];
        expect(readings.filter((reading) => reading !== null).length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('nominalPixels', () => {
  test('is the table of the vendor', () => {
    expect(nominalPixels('1:1', '512')).toEqual({ width: 512, height: 512 });
    expect(nominalPixels('2:3', '512')).toEqual({ width: 424, height: 632 });
    expect(nominalPixels('9:16', '1K')).toEqual({ width: 768, height: 1376 });
    expect(nominalPixels('3:4', '2K')).toEqual({ width: 1792, height: 2400 });
    expect(nominalPixels('1:8', '4K')).toEqual({ width: 1536, height: 12288 });
    expect(nominalPixels('21:9', '512')).toEqual({ width: 792, height: 336 });
  });

  test('has whole pixels within 2 % of the ratio and 7 % of the side in every cell', () => {
    for (const ratio of ASPECT_RATIOS) {
      for (const [index, tier] of TIERS.entries()) {
        const { width, height } = nominalPixels(ratio, tier);
        expect(Number.isInteger(width) && Number.isInteger(height)).toBe(true);
        expect(ratioError({ width, height }, ratio)).toBeLessThan(0.02);
        expect(Math.abs(Math.sqrt(width * height) / (512 * 2 ** index) - 1)).toBeLessThan(0.07);
      }
    }
  });
});
