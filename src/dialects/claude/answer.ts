import { piecesOf } from '../../image/pieces.ts';
import { nanosToUsd } from '../../image/price.ts';
import type { ImageRequest } from '../../image/request.ts';
import { totalUsage } from '../../image/usage.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { LongString } from '../../wire/long-string.ts';
import type { Call, Delivered } from '../dialect.ts';
import { idOf } from '../stamps.ts';

// https://docs.claude.com/en/api/messages#response ; Claude itself sends no pictures: the block of one has the shape in
// which it takes them, which all its SDKs hand over as it came.

export type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly text: string }
  | { readonly type: 'image'; readonly mediaType: string; readonly data: LongString };

/** One message with one picture. Members Claude does not have (`grounding`, `usage.cost`) are passed on by its SDKs. */
export function renderAnswer(
  delivered: readonly Delivered[],
  request: ImageRequest,
  call: Call,
  costNanos: number,
): JsonObject {
  return {
    ...renderMessage(delivered, call, costNanos),
    content: blocksOf(delivered, request).map(renderBlock),
    stop_reason: stopReason(delivered),
  };
}

/** All of a message that is known of it apart from what it says. */
export function renderMessage(delivered: readonly Delivered[], call: Call, costNanos: number): JsonObject {
  const { drawn } = delivered[0]!;
  const { grounding } = drawn.answer;
  return {
    ...emptyMessage(call, drawn.model),
    usage: renderUsage(delivered, costNanos),
    ...(grounding !== null && { grounding }),
  };
}

export function emptyMessage(call: Call, model: string): JsonObject {
  return {
    id: idOf('msg_', call),
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
  };
}

/** The picture is whole where only the text after it was cut off. */
export function stopReason(delivered: readonly Delivered[]): 'end_turn' | 'max_tokens' {
  return delivered.some(({ drawn }) => drawn.answer.reason === 'MAX_TOKENS') ? 'max_tokens' : 'end_turn';
}

/** Drafts are no answer. */
export function blocksOf(delivered: readonly Delivered[], { thinking }: ImageRequest): readonly Block[] {
  const thoughts = thinking?.includeThoughts === true;
  return delivered.flatMap(({ drawn, picture }) =>
    piecesOf(drawn, { thoughts }).map((piece): Block => {
      if (piece.kind === 'picture') return { type: 'image', mediaType: picture.info.mimeType, data: picture.data };
      return { type: piece.kind === 'thought' ? 'thinking' : 'text', text: piece.text };
    }),
  );
}

/** Signatures of thoughts are megabytes, and stay here. */
export function renderBlock(block: Block): JsonObject {
  if (block.type === 'text') return { type: 'text', text: block.text, citations: null };
  if (block.type === 'thinking') return { type: 'thinking', thinking: block.text, signature: '' };
  return { type: 'image', source: { type: 'base64', media_type: block.mediaType, data: block.data } };
}

/** `cost` is ours: dollars paid for this request. */
export function renderUsage(delivered: readonly Delivered[], costNanos: number): JsonObject {
  const { inputText, inputImage, outputText, outputImage, thinking } = totalUsage(delivered);
  return {
    input_tokens: inputText + inputImage,
    output_tokens: outputText + outputImage + thinking,
    output_tokens_details: { thinking_tokens: thinking },
    ...NOT_OURS,
    cost: nanosToUsd(costNanos),
  };
}

/** What is blocked is not billed by tokens. */
export function renderNoUsage(costNanos: number): JsonObject {
  return { input_tokens: 0, output_tokens: 0, output_tokens_details: null, ...NOT_OURS, cost: nanosToUsd(costNanos) };
}

const NOT_OURS = {
  cache_creation: null,
  cache_creation_input_tokens: null,
  cache_read_input_tokens: null,
  server_tool_use: null,
  service_tier: 'standard',
  inference_geo: null,
  speed: null,
} as const;
