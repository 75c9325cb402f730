import type { PictureInfo } from '../image/picture.ts';
import { ASPECT_RATIOS, DEFAULT_TIER, resolveShape, TIERS } from '../image/size.ts';
import type { Tier } from '../image/size.ts';
import type { JsonObject } from '../wire/json.ts';

// How OpenAI says what a picture is, wherever it sends one: https://platform.openai.com/docs/api-reference/images/object

const QUALITIES = { '512': 'low', '1K': 'medium', '2K': 'high', '4K': 'high' } as const satisfies Record<Tier, string>;

/** Of a picture what was delivered; `quality` is that of the picture as drawn. */
export function describe(info: PictureInfo, drawn: PictureInfo): JsonObject {
  return {
    background: 'opaque',
    output_format: info.type,
    size: `${info.width}x${info.height}`,
    quality: QUALITIES[tierOf(drawn)],
  };
}

/** Of the picture as drawn: what came, not what was asked for. */
function tierOf(pixels: PictureInfo): Tier {
  const asked = { pixels, ratio: null, tier: null, quality: null, named: { ratio: 'size', tier: 'size' } };
  return resolveShape(asked, { id: '', ratios: ASPECT_RATIOS, tiers: TIERS }).tier ?? DEFAULT_TIER;
}

/** Settings of OpenAI's pictures that no model here has, and that change too much to be left out. */
export const NOT_DRAWN: readonly (readonly [string, string])[] = [
  ['complexity', 'no Gemini model knows it; use quality or thinking_config.'],
  ['frame_count', 'only still pictures are drawn.'],
  ['frame_duration_ms', 'only still pictures are drawn.'],
  ['svg', 'only png, jpeg and webp are drawn.'],
];
