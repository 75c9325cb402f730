import { parseRequest } from '../../../src/dialects/openai-responses/request.ts';
import type { ImageRequest } from '../../../src/image/request.ts';
import type { JsonObject } from '../../../src/wire/json.ts';

/** A prompt alone, with whatever else is asked. */
export function ask(fields: JsonObject = {}): ImageRequest {
  return parseRequest({ input: 'x', ...fields });
}
