import type { JsonObject } from '../wire/json.ts';
import type { Call, StreamEvent } from './dialect.ts';

// What replies of several dialects are marked with.

/** An id of the reply, made of that of its request and what its vendor begins such ids with: `msg_`. */
export function idOf(prefix: string, { requestId }: Call): string {
  return `${prefix}${requestId.replace(/^req_/, '')}`;
}

/** As dialects count them: Unix seconds, whole. */
export function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** An event whose name stands in its data too. */
export function namedEvent(name: string, data: JsonObject): StreamEvent {
  return { name, data: { type: name, ...data } };
}
