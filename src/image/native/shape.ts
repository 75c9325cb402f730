import { conflictingFields, invalidValue, readOneOf, readString } from '../fields.ts';
import type { NativeConfig } from './config.ts';
import { take } from './spelling.ts';
import type { Fields } from './spelling.ts';
import type { AskedShape } from '../request.ts';
import { ASPECT_RATIOS, parsePixels, parseRatio, parseTier, resolveShape, TIERS } from '../size.ts';
import type { Pixels, Quality } from '../size.ts';
import type { Json } from '../../wire/json.ts';

const QUALITIES = {
  low: 'low',
  medium: 'medium',
  high: 'high',
  auto: null,
  standard: 'medium',
  hd: 'high',
  xhigh: 'high',
  max: 'high',
} as const satisfies Record<string, Quality | null>;
const QUALITY_WORDS = Object.keys(QUALITIES) as (keyof typeof QUALITIES)[];

const SIZE_FORMS = 'auto, WIDTHxHEIGHT such as 1536x1024, a tier (512, 1K, 2K, 4K) or a ratio such as 16:9';

/** Every ratio and tier, to learn what a size would mean where the model sets no limit. */
const ANY_MODEL = { id: '', ratios: ASPECT_RATIOS, tiers: TIERS };

type Size = Pick<AskedShape, 'ratio' | 'tier' | 'pixels'>;

/** `size` and `quality`, with `aspect_ratio` and `image_size` of the extras, which are plainer words for the same. */
export function readShape(own: Fields, extras: Pick<NativeConfig, 'ratio' | 'tier'>, warnings: string[]): AskedShape {
  const size = take(own, 'size', readSize);
  const quality = take(own, 'quality', (value, path) => QUALITIES[readOneOf(value, path, QUALITY_WORDS)]);
  const { ratio = null, tier = null, pixels = null } = size?.value ?? {};
  for (const [one, other] of [
    [ratio, extras.ratio],
    [tier, extras.tier],
  ] as const) {
    if (size !== null && one !== null && other !== null && one !== other.value)
      throw conflictingFields(size.path, other.path);
  }
  if (pixels !== null) warnOfOverruling(pixels, extras, warnings);
  return {
    ratio: extras.ratio?.value ?? ratio,
    tier: extras.tier?.value ?? tier,
    pixels: extras.ratio !== null && extras.tier !== null ? null : pixels,
    quality: quality?.value ?? null,
    named: {
      ratio: extras.ratio?.path ?? size?.path ?? 'size',
      tier: extras.tier?.path ?? size?.path ?? 'size',
    },
  };
}

function readSize(value: Json, path: string): Size {
  const word = readString(value, path);
  if (word === 'auto') return { ratio: null, tier: null, pixels: null };
  const size = { tier: parseTier(word), ratio: parseRatio(word), pixels: parsePixels(word) };
  if (size.tier === null && size.ratio === null && size.pixels === null) throw invalidValue(path, SIZE_FORMS);
  return size;
}

/** SDKs send a `size` by default; what somebody wrote into an extra is what was meant. */
function warnOfOverruling(
  pixels: Pixels,
  { ratio, tier }: Pick<NativeConfig, 'ratio' | 'tier'>,
  warnings: string[],
): void {
  const named = { ratio: '', tier: '' };
  const meant = resolveShape({ pixels, ratio: null, tier: null, quality: null, named }, ANY_MODEL);
  const names: string[] = [];
  if (ratio !== null && ratio.value !== meant.ratio) names.push(ratio.path);
  if (tier !== null && tier.value !== meant.tier) names.push(tier.path);
  if (names.length > 0) warnings.push(`size gave way to ${names.join(' and ')}.`);
}
