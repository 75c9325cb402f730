import { invalidValue, readBoolean, readObject, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import { readFormat } from '../../image/native/format.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import type { Delivery } from '../../image/request.ts';
import { isObject } from '../../wire/json.ts';
import type { Json } from '../../wire/json.ts';
import { readSafetyIdentifier } from '../openai-caller.ts';

/** How the answer is to be handed over, and what of it cannot be. */
export function readDelivery(own: Fields, warnings: readonly string[]): Delivery {
  const form = take(own, 'response_format', readForm);
  const place = take(own, 'images_in', (value, path) => readOneOf(value, path, ['images', 'content']));
  return {
    ...readFormat(own),
    exact: null,
    masked: null,
    link: form?.value === 'url' ? 'asked' : 'no',
    inText: place?.value === 'content',
    stream: readStream(own),
    safetyIdentifier: readSafetyIdentifier(own),
    warnings,
  };
}

/** `url` is that of the Images API, as a word or as OpenAI writes formats here: a link instead of megabytes. */
function readForm(value: Json, path: string): 'inline' | 'url' {
  const at = isObject(value) ? `${path}.type` : path;
  const word = readString(isObject(value) ? (value.type ?? null) : value, at);
  if (word === 'url') return 'url';
  if (word === 'b64_json' || word === 'text') return 'inline';
  if (word.startsWith('json'))
    throw unsupportedField(at, 'no model that draws writes JSON; send text, or url for a link.', 'unsupported_value');
  throw invalidValue(at, 'text, b64_json or url');
}

/** OpenAI tells what was used in a stream only to who asks; OpenRouter has another word for that. */
function readStream(own: Fields): Delivery['stream'] {
  const stream = take(own, 'stream', readBoolean);
  const options = take(own, 'stream_options', (value, path) => {
    const { include_usage: usage = null } = readObject(value, path);
    return usage !== null && readBoolean(usage, `${path}.include_usage`);
  });
  const usage = take(own, 'usage', (value, path) => {
    const { include = null } = readObject(value, path);
    return include !== null && readBoolean(include, `${path}.include`);
  });
  return stream?.value === true ? { drafts: 0, tellsUsage: options?.value === true || usage?.value === true } : null;
}
