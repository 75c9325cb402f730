import { nanosToUsd } from '../../image/price.ts';
import type { ImageRequest } from '../../image/request.ts';
import { totalUsage } from '../../image/usage.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered } from '../dialect.ts';
import { citationsOf } from '../openai-citations.ts';
import { idOf, seconds } from '../stamps.ts';
import { contentOf, piecesOf, renderImage, thoughtsOf } from './pieces.ts';

// https://platform.openai.com/docs/api-reference/chat/object , with pictures as OpenRouter, LiteLLM and others have them:
// https://openrouter.ai/docs/features/multimodal/image-generation

/** One choice for each picture. Members OpenAI does not have (`images`, `reasoning`, `grounding`, `cost`) are passed on by its SDKs. */
export function renderAnswer(
  delivered: readonly Delivered[],
  request: ImageRequest,
  call: Call,
  costNanos: number,
): JsonObject {
  return {
    id: completionId(call),
    object: 'chat.completion',
    created: seconds(Math.max(...delivered.map(({ drawn }) => drawn.drawnAt))),
    model: delivered[0]!.drawn.model,
    choices: delivered.map((each, index) => ({
      index,
      message: renderMessage(each, request),
      logprobs: null,
      finish_reason: finishReason(each),
    })),
    usage: renderUsage(delivered, costNanos),
  };
}

export function completionId(call: Call): string {
  return idOf('chatcmpl-', call);
}

/** The picture is whole where only the text after it was cut off. */
export function finishReason({ drawn }: Delivered): 'stop' | 'length' {
  return drawn.answer.reason === 'MAX_TOKENS' ? 'length' : 'stop';
}

function renderMessage(delivered: Delivered, { delivery }: ImageRequest): JsonObject {
  const inText = delivery.inText === true;
  const pieces = piecesOf(delivered);
  const images = inText ? [] : pieces.flatMap((piece) => (piece.kind === 'picture' ? [piece.url] : []));
  return {
    role: 'assistant',
    content: contentOf(pieces, inText),
    refusal: null,
    ...(images.length > 0 && { images: images.map(renderImage) }),
    ...renderBackground(delivered, inText),
  };
}

/** What stands behind an answer: sources, which the vendor's terms have shown, and thoughts, for who asked for them. */
export function renderBackground(delivered: Delivered, inText: boolean): JsonObject {
  const { grounding } = delivered.drawn.answer;
  const thoughts = thoughtsOf(delivered);
  const pieces = piecesOf(delivered);
  // In a text with a picture in it, places are counted up to the picture: what comes after it is some megabytes away.
  const before = inText
    ? pieces.slice(
        0,
        pieces.findIndex(({ kind }) => kind === 'picture'),
      )
    : pieces;
  const [citations = []] = citationsOf(grounding, [textOf(contentOf(before, false))]);
  return {
    ...(citations.length > 0 && {
      annotations: citations.map((each) => ({ type: 'url_citation', url_citation: { ...each } })),
    }),
    ...(grounding !== null && { grounding }),
    // Some clients read the one, some the other.
    ...(thoughts !== '' && { reasoning: thoughts, reasoning_content: thoughts }),
  };
}

function textOf(content: ReturnType<typeof contentOf>): string {
  return typeof content === 'string' ? content : content.text();
}

/** `cost` is ours: dollars paid for this request. */
export function renderUsage(delivered: readonly Delivered[], costNanos: number): JsonObject {
  const { inputText, inputImage, outputText, outputImage, thinking } = totalUsage(delivered);
  const input = { text_tokens: inputText, image_tokens: inputImage };
  const output = { reasoning_tokens: thinking, image_tokens: outputImage, text_tokens: outputText };
  const promptTokens = input.text_tokens + input.image_tokens;
  const completionTokens = output.reasoning_tokens + output.image_tokens + output.text_tokens;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, ...input },
    completion_tokens_details: output,
    cost: nanosToUsd(costNanos),
  };
}
