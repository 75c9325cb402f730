import type { Usage } from '../../image/answer.ts';
import { nanosToUsd } from '../../image/price.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered } from '../dialect.ts';

// https://openrouter.ai/docs/api/api-reference/images

/** Members OpenRouter does not have (`text`, `grounding`) are ignored by its SDK. */
export function renderAnswer(
  delivered: readonly Delivered[],
  _request: ImageRequest,
  _call: Call,
  costNanos: number,
): JsonObject {
  return {
    created: Math.floor(Math.max(...delivered.map(({ drawn }) => drawn.drawnAt)) / 1000),
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
  const sum = (count: (usage: Usage) => number): number =>
    delivered.reduce((total, { drawn }) => total + count(drawn.answer.usage), 0);
  const prompt = sum(({ inputText, inputImage }) => inputText + inputImage);
  const completion = sum(({ outputText, outputImage, thinking }) => outputText + outputImage + thinking);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    completion_tokens_details: {
      image_tokens: sum(({ outputImage }) => outputImage),
      reasoning_tokens: sum(({ thinking }) => thinking),
    },
    ...(costNanos !== null && { cost: nanosToUsd(costNanos) }),
  };
}
