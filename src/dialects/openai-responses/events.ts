import { isRefusal } from '../../errors.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Events, StreamEvent } from '../dialect.ts';
import { describe } from '../openai-pictures.ts';
import { namedEvent } from '../stamps.ts';
import { renderRefused, renderResponse, renderWhole } from './answer.ts';
import { renderResponseError, renderStreamed } from './errors.ts';
import {
  itemsOf,
  openMessage,
  openPicture,
  pictureId,
  refusedItems,
  renderCitation,
  renderItem,
  renderPart,
  renderSummary,
} from './items.ts';
import type { Item } from './items.ts';

// https://platform.openai.com/docs/api-reference/responses-streaming ; there is no [DONE].

export function renderEvents(request: ImageRequest, call: Call): Events {
  const echo = { ...request.delivery.echo };
  /** The name asked for, where nobody has been routed to. */
  const model = call.model ?? request.model ?? '';
  let sequence = 0;
  let drafts = 0;
  const event: Tell = (type, fields) => {
    const told = namedEvent(`response.${type}`, { sequence_number: sequence, ...fields });
    sequence += 1;
    return told;
  };
  const tellAll = (items: readonly Item[]): readonly StreamEvent[] =>
    items.flatMap((item, index) => tellItem(item, index, drafts > 0, event));

  return {
    begin() {
      const response = renderResponse(call, echo, model, 'in_progress');
      return [event('created', { response }), event('in_progress', { response })];
    },
    draft({ data, info }) {
      const item_id = pictureId(call);
      const opened = drafts === 0 ? openedPicture(item_id, 0, event) : [];
      const fields = { item_id, output_index: 0, partial_image_index: drafts, partial_image_b64: data };
      drafts += 1;
      return [...opened, event('image_generation_call.partial_image', { ...fields, ...describe(info, info) })];
    },
    finish(delivered, costNanos) {
      const items = itemsOf(delivered, request, call, { begun: drafts > 0 });
      const response = renderWhole(delivered, items, request, call, costNanos);
      return [...tellAll(items), event(response.status === 'incomplete' ? 'incomplete' : 'completed', { response })];
    },
    fail(error) {
      if (isRefusal(error)) {
        const items = refusedItems(error.message, call, { begun: drafts > 0 });
        const response = renderRefused(items, call, echo, model, error.detail.costNanos ?? 0);
        return [...tellAll(items), event('completed', { response })];
      }
      // SDKs raise the first; who reads on learns what became of the response.
      const raised = namedEvent('error', { sequence_number: sequence, ...renderStreamed(error) });
      sequence += 1;
      const failed = renderResponse(call, echo, model, 'failed');
      const output: readonly Item[] = drafts > 0 ? [{ type: 'failed', id: pictureId(call) }] : [];
      const response = { ...failed, error: renderResponseError(error), output: output.map(renderItem) };
      return [raised, ...tellAll(output), event('failed', { response })];
    },
  };
}

/** Makes the next event; `type` without what all begin with. */
type Tell = (type: string, fields: JsonObject) => StreamEvent;

/** All that is told of one item. `begun`: its picture was opened with the first draft. */
function tellItem(item: Item, output_index: number, begun: boolean, event: Tell): readonly StreamEvent[] {
  const at = { item_id: item.id, output_index };
  const added = (opened: JsonObject) => event('output_item.added', { output_index, item: opened });
  const done = () => event('output_item.done', { output_index, item: renderItem(item) });
  if (item.type === 'failed') return [done()];
  if (item.type === 'picture')
    return [
      ...(begun ? [] : openedPicture(item.id, output_index, event)),
      event('image_generation_call.completed', at),
      done(),
    ];
  if (item.type === 'reasoning') {
    const { text } = item;
    const summary = { ...at, summary_index: 0 };
    return [
      added({ ...renderItem(item), summary: [] }),
      event('reasoning_summary_part.added', { ...summary, part: renderSummary('') }),
      event('reasoning_summary_text.delta', { ...summary, delta: text }),
      event('reasoning_summary_text.done', { ...summary, text }),
      event('reasoning_summary_part.done', { ...summary, part: renderSummary(text) }),
      done(),
    ];
  }
  const part = { ...at, content_index: 0 };
  return [
    added(openMessage(item.id)),
    event('content_part.added', { ...part, part: renderPart(emptied(item)) }),
    ...(item.type === 'refusal' ? tellRefusal(item.text, part, event) : tellText(item, part, event)),
    event('content_part.done', { ...part, part: renderPart(item) }),
    done(),
  ];
}

type Message = Extract<Item, { readonly type: 'message' | 'refusal' }>;

function emptied(item: Message): Message {
  return item.type === 'refusal' ? { ...item, text: '' } : { ...item, text: '', citations: [] };
}

function tellRefusal(refusal: string, part: JsonObject, event: Tell): readonly StreamEvent[] {
  return [event('refusal.delta', { ...part, delta: refusal }), event('refusal.done', { ...part, refusal })];
}

function tellText(
  { text, citations }: Extract<Item, { readonly type: 'message' }>,
  part: JsonObject,
  event: Tell,
): readonly StreamEvent[] {
  return [
    event('output_text.delta', { ...part, delta: text, logprobs: [] }),
    ...citations.map((each, annotation_index) =>
      event('output_text.annotation.added', { ...part, annotation_index, annotation: renderCitation(each) }),
    ),
    event('output_text.done', { ...part, text, logprobs: [] }),
  ];
}

function openedPicture(item_id: string, output_index: number, event: Tell): readonly StreamEvent[] {
  const at = { item_id, output_index };
  return [
    event('output_item.added', { output_index, item: openPicture(item_id) }),
    event('image_generation_call.in_progress', at),
    event('image_generation_call.generating', at),
  ];
}
