import { piecesOf } from '../../image/pieces.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered } from '../dialect.ts';
import { citationsOf } from '../openai-citations.ts';
import type { Citation } from '../openai-citations.ts';
import { describe } from '../openai-pictures.ts';
import { idOf } from '../stamps.ts';

// The output of a response: https://platform.openai.com/docs/api-reference/responses/object#responses-object-output

export type Item =
  | { readonly type: 'reasoning'; readonly id: string; readonly text: string }
  | { readonly type: 'message'; readonly id: string; readonly text: string; readonly citations: readonly Citation[] }
  | { readonly type: 'refusal'; readonly id: string; readonly text: string }
  | { readonly type: 'picture'; readonly id: string; readonly delivered: Delivered }
  | { readonly type: 'failed'; readonly id: string };

/** The one picture of a response. */
export function pictureId(call: Call): string {
  return idOf('ig_', call);
}

/**
 * What an answer says, in the vendor's order. `begun`: whether the picture's place has been told already, which then is the
 * first: nobody knew what would be said before it.
 */
export function itemsOf(
  [delivered]: readonly Delivered[],
  { delivery }: ImageRequest,
  call: Call,
  { begun }: { readonly begun: boolean },
): readonly Item[] {
  const { drawn } = delivered!;
  const { grounding } = drawn.answer;
  const pieces = [...piecesOf(drawn, { thoughts: delivery.thoughts === true })];
  // Sources are shown with a text: an answer that has none gets an empty one.
  if (grounding !== null && !pieces.some(({ kind }) => kind === 'text')) pieces.push({ kind: 'text', text: '' });
  if (begun) pieces.sort((one, other) => Number(other.kind === 'picture') - Number(one.kind === 'picture'));
  const texts = pieces.flatMap((piece) => (piece.kind === 'text' ? [piece.text] : []));
  const citations = [...citationsOf(grounding, texts)];
  return pieces.map((piece, index): Item => {
    if (piece.kind === 'picture') return { type: 'picture', id: pictureId(call), delivered: delivered! };
    if (piece.kind === 'thought') return { type: 'reasoning', id: numbered('rs_', call, index), text: piece.text };
    return { type: 'message', id: numbered('msg_', call, index), text: piece.text, citations: citations.shift() ?? [] };
  });
}

/** What became of a request that was refused. `begun`: as above. */
export function refusedItems(text: string, call: Call, { begun }: { readonly begun: boolean }): readonly Item[] {
  const failed: readonly Item[] = begun ? [{ type: 'failed', id: pictureId(call) }] : [];
  return [...failed, { type: 'refusal', id: numbered('msg_', call, failed.length), text }];
}

function numbered(prefix: string, call: Call, index: number): string {
  return `${idOf(prefix, call)}_${index}`;
}

/** As it stands in a whole response. */
export function renderItem(item: Item): JsonObject {
  if (item.type === 'reasoning')
    return { id: item.id, type: 'reasoning', summary: [renderSummary(item.text)], encrypted_content: null };
  if (item.type === 'failed')
    return { id: item.id, type: 'image_generation_call', status: 'failed', result: null, revised_prompt: null };
  if (item.type === 'picture') return renderPicture(item.id, item.delivered);
  return { ...openMessage(item.id), status: 'completed', content: [renderPart(item)] };
}

export function openMessage(id: string): JsonObject {
  return { id, type: 'message', status: 'in_progress', role: 'assistant', content: [] };
}

export function openPicture(id: string): JsonObject {
  return { id, type: 'image_generation_call', status: 'in_progress', result: null };
}

function renderPicture(id: string, { picture, drawn }: Delivered): JsonObject {
  return {
    id,
    type: 'image_generation_call',
    status: 'completed',
    ...describe(picture.info, drawn.picture.info),
    // The prompt goes up as it came.
    revised_prompt: null,
    result: picture.data,
  };
}

export function renderSummary(text: string): JsonObject {
  return { type: 'summary_text', text };
}

/** The one part of a message. */
export function renderPart(item: Extract<Item, { readonly type: 'message' | 'refusal' }>): JsonObject {
  if (item.type === 'refusal') return { type: 'refusal', refusal: item.text };
  return { type: 'output_text', text: item.text, annotations: item.citations.map(renderCitation), logprobs: [] };
}

export function renderCitation(citation: Citation): JsonObject {
  return { type: 'url_citation', ...citation };
}
