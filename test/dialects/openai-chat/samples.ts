import { parseRequest } from '../../../src/dialects/openai-chat/request.ts';
import type { ImageRequest } from '../../../src/image/request.ts';
import type { JsonObject } from '../../../src/wire/json.ts';

/** A conversation of one message, with whatever else is asked. */
export function ask(fields: JsonObject = {}): ImageRequest {
  return parseRequest({ messages: [{ role: 'user', content: 'x' }], ...fields });
}
