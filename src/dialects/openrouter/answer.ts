import { nanosToUsd } from '../../image/price.ts';
import type { ImageRequest } from '../../image/request.ts';
import { totalUsage } from '../../image/usage.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered } from '../dialect.ts';
import { seconds } from '../stamps.ts';

// https://openrouter.ai/docs/api/api-reference/images

/** Members OpenRouter does not have (`text`, `grounding`) are ignored by its SDK. */
export function renderAnswer(
  delivered: readonly Delivered[],
  _request: ImageRequest,
  _call: Call,
  costNanos: number,
): JsonObject {
  return {
    created: seconds(Math.max(...delivered.map(({ drawn }) => drawn.drawnAt))),
    data: delivered.map(renderPicture),
    usage: renderUsage(delivered, costNanos),
  };
}

export function renderPicture({ drawn: { answer }, picture }: Delivered): JsonObject {
  const text = answer.parts.map((part) => (part.kind === 'text' && !part.thought ? part.text : '')).join('');
  return {
    b64_json: picture.data,
    media_type: picture.info.mimeType,
    ...(text !== '' && { text }),
    ...(answer.grounding !== null && { grounding: answer.grounding }),
  };
}

/** `cost`: dollars; null: it is told elsewhere. */
export function renderUsage(delivered: readonly Delivered[], costNanos: number | null): JsonObject {
  const { inputText, inputImage, outputText, outputImage, thinking } = totalUsage(delivered);
  const prompt = inputText + inputImage;
  const completion = outputText + outputImage + thinking;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    completion_tokens_details: {
      image_tokens: outputImage,
      reasoning_tokens: thinking,
    },
    ...(costNanos !== null && { cost: nanosToUsd(costNanos) }),
  };
}
