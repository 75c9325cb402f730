import { GatewayError } from '../errors.ts';
import type { AskedShape } from './request.ts';

/** What Gemini calls `imageSize`, canonical spelling, smallest first. https://ai.google.dev/gemini-api/docs/image-generation */
export const TIERS = ['512', '1K', '2K', '4K'] as const;
export type Tier = (typeof TIERS)[number];

/** What every model draws when no size is asked for: asking for it by name is asking for the same picture. */
export const DEFAULT_TIER = '1K' satisfies Tier;

/** What Gemini calls `aspectRatio`: all that any of its image models draws, width first. */
export const ASPECT_RATIOS = [
  '1:1',
  '1:4',
  '4:1',
  '1:8',
  '8:1',
  '2:3',
  '3:2',
  '3:4',
  '4:3',
  '4:5',
  '5:4',
  '9:16',
  '16:9',
  '21:9',
] as const;
export type AspectRatio = (typeof ASPECT_RATIOS)[number];

/** OpenAI's `quality`, reduced to what a Gemini model can tell apart. */
export const QUALITIES = ['low', 'medium', 'high'] as const;
export type Quality = (typeof QUALITIES)[number];

export interface Pixels {
  readonly width: number;
  readonly height: number;
}

/** Off by more than this in log space (about 3 %), a picture has visibly another shape than the one asked for. */
export const RATIO_TOLERANCE = 0.03;

const MAX_SIDE = 16_384;
const SHORT_BELOW = 0.9;

/** A tier draws sizes up to this much longer than its nominal side: so 1536x1024 and 1792x1024 are 1K, 1920x1080 is 2K. */
const TIER_REACH = 1.35;

const TIER_SIDE = { '512': 512, '1K': 1024, '2K': 2048, '4K': 4096 } as const satisfies Record<Tier, number>;

const QUALITY_TIER = { low: '512', medium: '1K', high: '2K' } as const satisfies Record<Quality, Tier>;

/** Lower case. `512px`, `0.5K` and `05.K` come from early versions of Google's own guide. */
const TIER_ALIASES = {
  '512': ['512', '512px', '512p', '0.5k', '.5k', '05.k', 'image_size_five_twelve'],
  '1K': ['1k', '1024', '1024px', '1024p', 'image_size_one_k'],
  '2K': ['2k', '2048', '2048px', '2048p', 'image_size_two_k'],
  '4K': ['4k', '4096', '4096px', '4096p', 'image_size_four_k'],
} as const satisfies Record<Tier, readonly string[]>;

const TIER_OF_ALIAS = new Map(TIERS.flatMap((tier) => TIER_ALIASES[tier].map((alias) => [alias as string, tier])));

const NUMBER_WORDS = new Map([
  ['one', '1'],
  ['two', '2'],
  ['three', '3'],
  ['four', '4'],
  ['five', '5'],
  ['eight', '8'],
  ['nine', '9'],
  ['sixteen', '16'],
  ['twenty_one', '21'],
]);

const RATIO_OF_NAME = new Map<string, AspectRatio>(ASPECT_RATIOS.map((ratio) => [ratio, ratio]));

/**
 * Width and height at 1K. The other tiers are exact multiples, but for one cell: the vendor's table has 792x168 for 21:9
 * at 512, which is 4.71:1 and half of nothing. We take it for a slip of the pen and halve 1584x672 like all the rest.
 */
const NOMINAL_1K = {
  '1:1': [1024, 1024],
  '1:4': [512, 2048],
  '4:1': [2048, 512],
  '1:8': [384, 3072],
  '8:1': [3072, 384],
  '2:3': [848, 1264],
  '3:2': [1264, 848],
  '3:4': [896, 1200],
  '4:3': [1200, 896],
  '4:5': [928, 1152],
  '5:4': [1152, 928],
  '9:16': [768, 1376],
  '16:9': [1376, 768],
  '21:9': [1584, 672],
} as const satisfies Record<AspectRatio, readonly [number, number]>;

/** A tier in any spelling seen in the wild, 512 and 1024 as numbers too; null when it is none. */
export function parseTier(value: unknown): Tier | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  return TIER_OF_ALIAS.get(String(value).trim().toLowerCase()) ?? null;
}

/** `16:9`, `16 / 9`, `16x9` or `ASPECT_RATIO_SIXTEEN_BY_NINE`; null when it is none of the fourteen. */
export function parseRatio(value: unknown): AspectRatio | null {
  if (typeof value !== 'string') return null;
  const text = value.trim().toLowerCase();
  const digits = /^(\d{1,2})\s*[:/x×*]\s*(\d{1,2})$/.exec(text);
  if (digits) return RATIO_OF_NAME.get(`${digits[1]}:${digits[2]}`) ?? null;
  const words = /^aspect_ratio_([a-z_]{3,10})_by_([a-z_]{3,10})$/.exec(text);
  if (!words) return null;
  return RATIO_OF_NAME.get(`${NUMBER_WORDS.get(words[1]!)}:${NUMBER_WORDS.get(words[2]!)}`) ?? null;
}

/**
 * `1536x1024` as pixels, each side 1 to 16384; null when it is none. What `parseRatio` reads is never read here: nobody
 * means sixteen by nine pixels.
 */
export function parsePixels(value: string): Pixels | null {
  const sides = /^(\d{1,5})\s*[x×*]\s*(\d{1,5})$/i.exec(value.trim());
  if (!sides || parseRatio(value) !== null) return null;
  const pixels = { width: Number(sides[1]), height: Number(sides[2]) };
  const sane = [pixels.width, pixels.height].every((side) => side >= 1 && side <= MAX_SIDE);
  return sane ? pixels : null;
}

/** What the vendor's table promises; real pictures differ by up to 3 %, so nothing may be refused by it. */
export function nominalPixels(ratio: AspectRatio, tier: Tier): Pixels {
  const [width, height] = NOMINAL_1K[ratio];
  const scale = TIER_SIDE[tier] / TIER_SIDE['1K'];
  return { width: width * scale, height: height * scale };
}

/** How far the shape of these pixels is from a ratio: the distance of their logarithms, so 0.03 is about 3 %. */
export function ratioError(pixels: Pixels, ratio: AspectRatio): number {
  const [across, down] = ratio.split(':');
  return Math.abs(Math.log(pixels.width / pixels.height) - Math.log(Number(across) / Number(down)));
}

/**
 * The ratio and tier to ask a model for; null means: leave the field out. An explicit tier beats pixels, pixels beat
 * quality, an explicit ratio beats that of the pixels. Pixels and quality are wishes and go to the nearest the model
 * can do; an explicit ratio or tier it cannot do is refused.
 */
export function resolveShape(
  asked: AskedShape,
  model: { readonly id: string; readonly ratios: readonly AspectRatio[]; readonly tiers: readonly Tier[] },
): { ratio: AspectRatio | null; tier: Tier | null } {
  if (asked.ratio !== null && !model.ratios.includes(asked.ratio)) {
    throw unsupported(asked.named.ratio, asked.ratio, model.id, model.ratios);
  }
  if (asked.tier !== null && !model.tiers.includes(asked.tier)) {
    throw unsupported(asked.named.tier, asked.tier, model.id, model.tiers);
  }
  const { pixels, quality } = asked;
  return {
    ratio: asked.ratio ?? (asked.keepsInput === true ? null : pixels && nearestRatio(pixels, model.ratios)),
    tier: asked.tier ?? (pixels ? coveringTier(pixels, model.tiers) : quality && nearestTier(quality, model.tiers)),
  };
}

/**
 * The index of the picture that fits what was asked; -1 of none. It is neither the first nor the last by rule: asked for
 * 2K, the model is known to send a 1K before it. Equal pixels say nothing; then the later one, which the model drew
 * knowing the earlier.
 */
export function bestFit(
  pictures: readonly Pixels[],
  want: { readonly ratio: AspectRatio | null; readonly tier: Tier | null },
): number {
  const target = area(nominalPixels(want.ratio ?? '1:1', want.tier ?? DEFAULT_TIER));
  let best = -1;
  let bestOff = Infinity;
  for (const [index, pixels] of pictures.entries()) {
    const offShape = want.ratio ? ratioError(pixels, want.ratio) : 0;
    const offSize = Math.abs(Math.log(area(pixels) / target)) / 2;
    if (offShape + offSize <= bestOff) {
      bestOff = offShape + offSize;
      best = index;
    }
  }
  return best;
}

/** Whether a picture has less than 90 % of the pixels asked for. */
export function isShort(real: Pixels, want: Pixels): boolean {
  return area(real) < SHORT_BELOW * area(want);
}

function area({ width, height }: Pixels): number {
  return width * height;
}

function nearestRatio(pixels: Pixels, ratios: readonly AspectRatio[]): AspectRatio | null {
  return least(ratios, (ratio) => ratioError(pixels, ratio));
}

function coveringTier(pixels: Pixels, tiers: readonly Tier[]): Tier | null {
  const allowed = TIERS.filter((tier) => tiers.includes(tier));
  const side = Math.sqrt(area(pixels));
  return allowed.find((tier) => side <= TIER_REACH * TIER_SIDE[tier]) ?? allowed.at(-1) ?? null;
}

function nearestTier(quality: Quality, tiers: readonly Tier[]): Tier | null {
  const wished = Math.log(TIER_SIDE[QUALITY_TIER[quality]]);
  const allowed = TIERS.filter((tier) => tiers.includes(tier));
  return least(allowed, (tier) => Math.abs(Math.log(TIER_SIDE[tier]) - wished));
}

/** The first of those with the least cost. */
function least<T>(candidates: readonly T[], cost: (candidate: T) => number): T | null {
  return candidates.reduce<T | null>(
    (best, candidate) => (best === null || cost(candidate) < cost(best) ? candidate : best),
    null,
  );
}

function unsupported(param: string, value: string, model: string, allowed: readonly string[]): GatewayError {
  const advice = allowed.length > 0 ? `Allowed values: ${allowed.join(', ')}.` : 'Leave the field out.';
  return new GatewayError('unsupported', `${param}: ${model} cannot draw '${value}'. ${advice}`, {
    param,
    code: 'unsupported_value',
  });
}
