import type { Usage } from '../../image/answer.ts';
import { nanosToUsd } from '../../image/price.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered } from '../dialect.ts';
import { renderCitations } from './citations.ts';
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

export function completionId({ requestId }: Call): string {
  return `chatcmpl-${requestId.replace(/^req_/, '')}`;
}

export function seconds(ms: number): number {
  return Math.floor(ms / 1000);
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
  const citations = renderCitations(grounding, textOf(contentOf(before, false)));
  return {
    ...(citations.length > 0 && { annotations: [...citations] }),
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
  const sum = (count: (usage: Usage) => number): number =>
    delivered.reduce((total, { drawn }) => total + count(drawn.answer.usage), 0);
  const input = { text_tokens: sum(({ inputText }) => inputText), image_tokens: sum(({ inputImage }) => inputImage) };
  const output = {
    reasoning_tokens: sum(({ thinking }) => thinking),
    image_tokens: sum(({ outputImage }) => outputImage),
    text_tokens: sum(({ outputText }) => outputText),
  };
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
