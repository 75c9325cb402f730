import { nanosToUsd } from '../../image/price.ts';
import type { ImageRequest } from '../../image/request.ts';
import { totalUsage } from '../../image/usage.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered } from '../dialect.ts';
import { idOf, seconds } from '../stamps.ts';
import { itemsOf, renderItem } from './items.ts';
import type { Item } from './items.ts';

// https://platform.openai.com/docs/api-reference/responses/object

/** Members OpenAI does not have (`grounding`, `usage.cost`) are passed on by its SDKs. */
export function renderAnswer(
  delivered: readonly Delivered[],
  request: ImageRequest,
  call: Call,
  costNanos: number,
): JsonObject {
  return renderWhole(delivered, itemsOf(delivered, request, call, { begun: false }), request, call, costNanos);
}

/** A response that has come to its end. */
export function renderWhole(
  delivered: readonly Delivered[],
  items: readonly Item[],
  { delivery }: ImageRequest,
  call: Call,
  costNanos: number,
): JsonObject {
  const { drawn } = delivered[0]!;
  const { grounding, reason } = drawn.answer;
  // The picture is whole where only the text after it was cut off.
  const isCut = reason === 'MAX_TOKENS';
  return {
    ...renderResponse(call, { ...delivery.echo }, drawn.model, isCut ? 'incomplete' : 'completed'),
    ...(isCut && { incomplete_details: { reason: 'max_output_tokens' } }),
    completed_at: seconds(Math.max(call.receivedAt, drawn.drawnAt)),
    output: items.map(renderItem),
    usage: renderUsage(delivered, costNanos),
    ...(grounding !== null && { grounding }),
  };
}

/** A response that refuses. */
export function renderRefused(
  items: readonly Item[],
  call: Call,
  echo: JsonObject,
  model: string,
  costNanos: number,
): JsonObject {
  return {
    ...renderResponse(call, echo, model, 'completed'),
    completed_at: seconds(call.receivedAt),
    output: items.map(renderItem),
    usage: renderUsage([], costNanos),
  };
}

type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed';

/** All of a response that is known of it apart from what it says. */
export function renderResponse(call: Call, echo: JsonObject, model: string, status: Status): JsonObject {
  return {
    id: idOf('resp_', call),
    object: 'response',
    created_at: seconds(call.receivedAt),
    completed_at: null,
    status,
    error: null,
    incomplete_details: null,
    model,
    output: [],
    usage: null,
    ...echo,
  };
}

/** `cost` is ours: dollars paid for this request. What is blocked is not billed by tokens. */
function renderUsage(delivered: readonly Delivered[], costNanos: number): JsonObject {
  const { inputText, inputImage, outputText, outputImage, thinking } = totalUsage(delivered);
  const input = inputText + inputImage;
  const output = outputText + outputImage + thinking;
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: 0,
      cache_write_tokens: 0,
      text_tokens: inputText,
      image_tokens: inputImage,
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: thinking, text_tokens: outputText, image_tokens: outputImage },
    total_tokens: input + output,
    cost: nanosToUsd(costNanos),
  };
}
