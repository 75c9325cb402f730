import type { GatewayError } from '../../errors.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { Call, Delivered, Events, StreamEvent } from '../dialect.ts';
import { namedEvent as event, seconds } from '../stamps.ts';
import { renderPicture, renderUsage } from './answer.ts';

/** The names are OpenAI's; the end is told by a word of its own. What all pictures cost stands in the last. */
export function renderEvents(_request: ImageRequest, _call: Call): Events {
  let drafts = 0;
  return {
    begin: () => [],
    draft({ data }) {
      drafts += 1;
      return [event('image_generation.partial_image', { b64_json: data, partial_image_index: drafts - 1 })];
    },
    finish: (delivered, costNanos) => [
      ...delivered.map((each, index) => completed(each, index === delivered.length - 1 ? costNanos : null)),
      DONE,
    ],
    fail(error: GatewayError) {
      const { code = null, param = null } = error.detail;
      const said = { code: code ?? error.failure, message: error.message, param, type: error.failure };
      return [event('error', { error: said }), DONE];
    },
  };
}

const DONE: StreamEvent = { name: null, data: '[DONE]' };

function completed(delivered: Delivered, costNanos: number | null): StreamEvent {
  return event('image_generation.completed', {
    ...renderPicture(delivered),
    created: seconds(delivered.drawn.drawnAt),
    usage: renderUsage([delivered], costNanos),
  });
}
