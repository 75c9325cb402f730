import { nominalPixels, parseRatio, parseTier, ratioError } from '../image/size.ts';
import type { AspectRatio, Pixels, Tier } from '../image/size.ts';
import { invalidArgument } from './errors.ts';
import type { ServedModel } from './models.ts';
import type { GenerationConfig } from './schema.ts';

/** What will be drawn: the vendor's defaults filled in. */
export interface Shape {
  readonly ratio: AspectRatio;
  readonly tier: Tier;
  readonly pixels: Pixels;
}

/** Without a ratio, that of the first picture sent along, else 1:1; without a tier, 1K. Spelling counts: `1k` is refused. */
export function readShape(config: GenerationConfig, model: ServedModel, firstPicture: Pixels | null): Shape {
  const image = config.imageConfig;
  const newer = config.responseFormat?.find((format) => format.image)?.image;
  const newerRatio = newer?.aspectRatio?.startsWith('ASPECT_RATIO_')
    ? (parseRatio(newer.aspectRatio) ?? newer.aspectRatio)
    : newer?.aspectRatio;
  const newerTier = newer?.imageSize?.startsWith('IMAGE_SIZE_')
    ? (parseTier(newer.imageSize) ?? newer.imageSize)
    : newer?.imageSize;
  const askedRatio = image?.aspectRatio || newerRatio || '';
  const askedTier = image?.imageSize || newerTier || '1K';
  const ratio = askedRatio === '' ? nearest(firstPicture, model) : model.ratios.find((known) => known === askedRatio);
  const tier = model.tiers.find((known) => known === askedTier);
  if (!ratio || !tier) throw invalidArgument();
  return { ratio, tier, pixels: nominalPixels(ratio, tier) };
}

/** `responseFormat.image.mimeType`: the one way to choose the type of the picture. */
export function readFormat(config: GenerationConfig): 'png' | 'jpeg' | null {
  const mimeType = config.responseFormat?.find((format) => format.image)?.image?.mimeType?.toLowerCase();
  if (!mimeType) return null;
  if (mimeType === 'image/png') return 'png';
  if (mimeType === 'image/jpeg') return 'jpeg';
  throw invalidArgument();
}

function nearest(picture: Pixels | null, model: ServedModel): AspectRatio {
  if (!picture) return '1:1';
  const off = (ratio: AspectRatio): number => ratioError(picture, ratio);
  return model.ratios.reduce<AspectRatio>((best, ratio) => (off(ratio) < off(best) ? ratio : best), '1:1');
}
