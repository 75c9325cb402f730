import type { GatewayError } from '../../errors.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered, Events, StreamEvent } from '../dialect.ts';
import { renderAnswer } from './answer.ts';
import { renderError } from './errors.ts';
import { splitWords } from './pieces.ts';

/** The vendor's own words in pieces, as events without a name or, without `alt=sse`, as the elements of one array. */
export function renderEvents(_request: ImageRequest, call: Call): Events {
  let hasThought = false;
  return {
    framing: call.alt === 'sse' ? 'crlf' : 'array',
    begin: () => [],
    draft: () => [],
    thought(words) {
      hasThought = true;
      return [event(words)];
    },
    finish: (delivered: readonly Delivered[]) => splitWords(renderAnswer(delivered), hasThought).map(event),
    fail(error: GatewayError) {
      const { status, body } = renderError(error, call);
      // What the vendor answered without a picture is an answer, in pieces like any other.
      return (status === 200 ? splitWords(body, hasThought) : [body]).map(event);
    },
  };
}

function event(data: JsonObject): StreamEvent {
  return { name: null, data };
}
