import type { AskedShape } from './request.ts';
import { DEFAULT_TIER, isShort, nominalPixels, ratioError, RATIO_TOLERANCE } from './size.ts';
import type { AspectRatio, Pixels, Tier } from './size.ts';

export interface ShapeFacts {
  readonly asked: AskedShape;
  /** What was asked of the model. */
  readonly ratio: AspectRatio | null;
  readonly tier: Tier | null;
  /** What came. */
  readonly pictures: readonly Pixels[];
}

/** One sentence for each way in which the pictures are not what was asked for. */
export function shapeWarnings({ asked, ratio, tier, pictures }: ShapeFacts): string[] {
  const warnings: string[] = [];
  const { pixels, named } = asked;
  if (pixels !== null && asked.ratio === null && ratio !== null && ratioError(pixels, ratio) > RATIO_TOLERANCE)
    warnings.push(`${named.ratio} ${shown(pixels)} was drawn at ${ratio}: the nearest ratio the model has.`);
  // An explicit tier overrules the pixels, and then is what was asked for.
  const wanted =
    (asked.tier === null ? pixels : null) ??
    (tier === null && ratio === null ? null : nominalPixels(ratio ?? '1:1', tier ?? DEFAULT_TIER));
  const short = wanted === null ? undefined : pictures.find((real) => isShort(real, wanted));
  if (wanted !== null && short !== undefined)
    warnings.push(`A picture of ${shown(short)} pixels came where ${shown(wanted)} was asked for.`);
  const skewed = ratio === null ? undefined : pictures.find((real) => ratioError(real, ratio) > RATIO_TOLERANCE);
  if (skewed !== undefined) warnings.push(`A picture of ${shown(skewed)} pixels came where ${ratio} was asked for.`);
  return warnings;
}

function shown({ width, height }: Pixels): string {
  return `${width}x${height}`;
}
