import type { GatewayError } from '../../errors.ts';
import type { Picture } from '../../image/answer.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call, Delivered, Events } from '../dialect.ts';
import { describe } from '../openai-pictures.ts';
import { namedEvent as event, seconds } from '../stamps.ts';
import { renderPicture, renderUsage } from './answer.ts';
import { renderError } from './errors.ts';

// https://platform.openai.com/docs/api-reference/images-streaming

/** What begins the names of its events: each path has its own. */
export type EventPrefix = 'image_generation' | 'image_edit';

/** One event for each draft, and one for each picture: what all of them cost is told with the last. */
export function renderEvents(prefix: EventPrefix, request: ImageRequest, call: Call): Events {
  let drafts = 0;
  return {
    begin: () => [],
    draft({ data, info }: Picture) {
      const words = { b64_json: data, partial_image_index: drafts, created_at: seconds(call.receivedAt) };
      drafts += 1;
      return [event(`${prefix}.partial_image`, { ...words, ...describe(info, info) })];
    },
    finish: (delivered, costNanos) =>
      delivered.map((each, index) =>
        event(`${prefix}.completed`, renderCompleted(each, request, index === delivered.length - 1 ? costNanos : null)),
      ),
    fail: (error: GatewayError) => [event('error', renderError(error).body)],
  };
}

function renderCompleted(delivered: Delivered, request: ImageRequest, costNanos: number | null): JsonObject {
  const { picture, drawn } = delivered;
  const { safetyIdentifier } = request.delivery;
  return {
    ...renderPicture(delivered),
    created_at: seconds(drawn.drawnAt),
    ...describe(picture.info, drawn.picture.info),
    model: drawn.model,
    ...(safetyIdentifier !== null && { safety_identifier: safetyIdentifier }),
    usage: renderUsage([delivered], costNanos),
  };
}
