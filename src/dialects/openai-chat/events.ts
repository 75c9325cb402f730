import { isRefusal } from '../../errors.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';
import type { Call, Delivered, Events, StreamEvent } from '../dialect.ts';
import { seconds } from '../stamps.ts';
import { completionId, finishReason, renderBackground, renderUsage } from './answer.ts';
import { renderError, renderNoUsage } from './errors.ts';
import { markdown, piecesOf, renderImage } from './pieces.ts';

// https://platform.openai.com/docs/api-reference/chat-streaming ; a picture comes whole, in one chunk.

const DONE: StreamEvent = { name: null, data: '[DONE]' };

export function renderEvents({ model, count, delivery }: ImageRequest, call: Call): Events {
  const tellsUsage = delivery.stream?.tellsUsage === true;
  const inText = delivery.inText === true;
  /** The name asked for, until it is known who drew. */
  let name = call.model ?? model ?? '';
  const chunk = (fields: JsonObject): StreamEvent => ({
    name: null,
    data: {
      id: completionId(call),
      object: 'chat.completion.chunk',
      created: seconds(call.receivedAt),
      model: name,
      ...fields,
    },
  });
  const choice = (index: number, delta: JsonObject, reason: string | null = null): StreamEvent =>
    chunk({
      choices: [{ index, delta, logprobs: null, finish_reason: reason }],
      ...(tellsUsage && { usage: null }),
    });
  const open = (index: number): StreamEvent => choice(index, { role: 'assistant', content: '', refusal: null });
  /** The first is open from the beginning; of the others it is not known before whether they come. */
  const openLater = (index: number): readonly StreamEvent[] => (index === 0 ? [] : [open(index)]);
  const end = (usage: Json): readonly StreamEvent[] => [...(tellsUsage ? [chunk({ choices: [], usage })] : []), DONE];

  /** The order within an answer is that of its chunks; what keeps two of them apart is said with the later one. */
  const tell = (delivered: Delivered, index: number): readonly StreamEvent[] => {
    const { reasoning, reasoning_content, ...background } = renderBackground(delivered, inText);
    let gap = '';
    const said = piecesOf(delivered).map((piece) => {
      if (piece.kind === 'picture' && !inText) return choice(index, { images: [renderImage(piece.url, 0)] });
      const words = piece.kind === 'text' ? piece.text : markdown(piece.url);
      const before = gap;
      gap = '\n\n';
      return choice(index, { content: typeof words === 'string' ? before + words : LongString.join([before, words]) });
    });
    return [
      ...openLater(index),
      ...(reasoning === undefined ? [] : [choice(index, { reasoning, reasoning_content: reasoning_content! })]),
      ...said,
      ...(Object.keys(background).length > 0 ? [choice(index, background)] : []),
      choice(index, {}, finishReason(delivered)),
    ];
  };

  return {
    begin: () => [open(0)],
    // Nothing here asks for drafts: clients take every picture for an answer.
    draft: () => [],
    finish(delivered, costNanos) {
      name = delivered[0]!.drawn.model;
      return [...delivered.flatMap(tell), ...end(renderUsage(delivered, costNanos))];
    },
    fail(error) {
      if (!isRefusal(error)) return [{ name: null, data: renderError(error, call).body }, DONE];
      const { message } = error;
      const said = Array.from({ length: count }, (_, index) => [
        ...openLater(index),
        choice(index, { content: message, refusal: message }),
        choice(index, {}, 'content_filter'),
      ]);
      return [...said.flat(), ...end(renderNoUsage(error))];
    },
  };
}
