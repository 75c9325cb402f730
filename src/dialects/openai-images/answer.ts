import type { Usage } from '../../image/answer.ts';
import type { PictureInfo } from '../../image/picture.ts';
import { nanosToUsd } from '../../image/price.ts';
import type { ImageRequest } from '../../image/request.ts';
import { ASPECT_RATIOS, DEFAULT_TIER, resolveShape, TIERS } from '../../image/size.ts';
import type { Tier } from '../../image/size.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered } from '../dialect.ts';

// https://platform.openai.com/docs/api-reference/images/object

const QUALITIES = { '512': 'low', '1K': 'medium', '2K': 'high', '4K': 'high' } as const satisfies Record<Tier, string>;

/** Members OpenAI does not have (`model`, `text`, `grounding`, `cost`) are ignored by all its SDKs. */
export function renderAnswer(
  delivered: readonly Delivered[],
  request: ImageRequest,
  _call: Call,
  costNanos: number,
): JsonObject {
  const first = delivered[0]!;
  const { safetyIdentifier } = request.delivery;
  return {
    created: Math.floor(Math.max(...delivered.map(({ drawn }) => drawn.drawnAt)) / 1000),
    data: delivered.map(renderPicture),
    ...describe(first.picture.info, first.drawn.picture.info),
    model: first.drawn.model,
    ...(safetyIdentifier !== null && { safety_identifier: safetyIdentifier }),
    usage: renderUsage(delivered, costNanos),
  };
}

/** Of a picture what was delivered; `quality` is that of the picture as drawn. */
export function describe(info: PictureInfo, drawn: PictureInfo): JsonObject {
  return {
    background: 'opaque',
    output_format: info.type,
    size: `${info.width}x${info.height}`,
    quality: QUALITIES[tierOf(drawn)],
  };
}

export function renderPicture({ drawn: { answer }, picture, url }: Delivered): JsonObject {
  const text = answer.parts.map((part) => (part.kind === 'text' && !part.thought ? part.text : '')).join('');
  return {
    ...(url === undefined ? { b64_json: picture.data } : { url }),
    ...(text !== '' && { text }),
    ...(answer.grounding !== null && { grounding: answer.grounding }),
  };
}

/** Thinking is billed as text, and OpenAI has no other place for it. `cost` is ours: dollars paid for this request; null: it is told elsewhere. */
export function renderUsage(delivered: readonly Delivered[], costNanos: number | null): JsonObject {
  const sum = (count: (usage: Usage) => number): number =>
    delivered.reduce((total, { drawn }) => total + count(drawn.answer.usage), 0);
  const input = { text_tokens: sum(({ inputText }) => inputText), image_tokens: sum(({ inputImage }) => inputImage) };
  const output = {
    text_tokens: sum(({ outputText, thinking }) => outputText + thinking),
    image_tokens: sum(({ outputImage }) => outputImage),
  };
  const inputTokens = input.text_tokens + input.image_tokens;
  const outputTokens = output.text_tokens + output.image_tokens;
  return {
    total_tokens: inputTokens + outputTokens,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    input_tokens_details: input,
    output_tokens_details: output,
    ...(costNanos !== null && { cost: nanosToUsd(costNanos) }),
  };
}

/** Of the picture as drawn: what came, not what was asked for. */
function tierOf(pixels: PictureInfo): Tier {
  const asked = { pixels, ratio: null, tier: null, quality: null, named: { ratio: 'size', tier: 'size' } };
  return resolveShape(asked, { id: '', ratios: ASPECT_RATIOS, tiers: TIERS }).tier ?? DEFAULT_TIER;
}
