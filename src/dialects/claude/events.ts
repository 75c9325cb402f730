import { isRefusal } from '../../errors.ts';
import type { ImageRequest } from '../../image/request.ts';
import { isObject } from '../../wire/json.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Events, StreamEvent } from '../dialect.ts';
import { namedEvent as event } from '../stamps.ts';
import { blocksOf, emptyMessage, renderBlock, renderMessage, renderNoUsage, stopReason } from './answer.ts';
import type { Block } from './answer.ts';
import { renderEnvelope } from './errors.ts';

// https://docs.claude.com/en/docs/build-with-claude/streaming

/**
 * The message begins when its answer is there: its first event names the model and the tokens read, which clients take
 * from nowhere else. Until then a ping says that somebody is at work.
 */
export function renderEvents(request: ImageRequest, call: Call): Events {
  return {
    begin: () => [event('ping', {})],
    // Nothing here asks for drafts.
    draft: () => [],
    finish: (delivered, costNanos) =>
      tell(renderMessage(delivered, call, costNanos), blocksOf(delivered, request), stopReason(delivered)),
    fail(error) {
      if (!isRefusal(error)) return [event('error', renderEnvelope(error, call))];
      const { message, detail } = error;
      const usage = renderNoUsage(detail.costNanos ?? 0);
      const model = call.model ?? request.model ?? '';
      return tell({ ...emptyMessage(call, model), usage }, [{ type: 'text', text: message }], 'refusal');
    },
  };
}

/** Counts of tokens grow to the end: they are whole in the last event that has them. */
function tell(message: JsonObject, blocks: readonly Block[], reason: string): readonly StreamEvent[] {
  const usage = isObject(message.usage) ? message.usage : {};
  return [
    event('message_start', { message: { ...message, usage: { ...usage, output_tokens: 0 } } }),
    ...blocks.flatMap(tellBlock),
    event('message_delta', {
      delta: { stop_reason: reason, stop_sequence: null, stop_details: null, container: null },
      usage,
    }),
    event('message_stop', {}),
  ];
}

/** A picture comes whole in the event that begins it: no SDK knows of pieces of one. */
function tellBlock(block: Block, index: number): readonly StreamEvent[] {
  const start = (content_block: JsonObject) => event('content_block_start', { index, content_block });
  const delta = (fields: JsonObject) => event('content_block_delta', { index, delta: fields });
  const stop = event('content_block_stop', { index });
  if (block.type === 'image') return [start(renderBlock(block)), stop];
  const empty = start(renderBlock({ ...block, text: '' }));
  if (block.type === 'text') return [empty, delta({ type: 'text_delta', text: block.text }), stop];
  return [
    empty,
    delta({ type: 'thinking_delta', thinking: block.text }),
    delta({ type: 'signature_delta', signature: '' }),
    stop,
  ];
}
