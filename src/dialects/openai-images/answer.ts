import { nanosToUsd } from '../../image/price.ts';
import type { ImageRequest } from '../../image/request.ts';
import { totalUsage } from '../../image/usage.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered } from '../dialect.ts';
import { describe } from '../openai-pictures.ts';
import { seconds } from '../stamps.ts';

// https://platform.openai.com/docs/api-reference/images/object

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
    created: seconds(Math.max(...delivered.map(({ drawn }) => drawn.drawnAt))),
    data: delivered.map(renderPicture),
    ...describe(first.picture.info, first.drawn.picture.info),
    model: first.drawn.model,
    ...(safetyIdentifier !== null && { safety_identifier: safetyIdentifier }),
    usage: renderUsage(delivered, costNanos),
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
  const { inputText, inputImage, outputText, outputImage, thinking } = totalUsage(delivered);
  const input = { text_tokens: inputText, image_tokens: inputImage };
  const output = { text_tokens: outputText + thinking, image_tokens: outputImage };
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
