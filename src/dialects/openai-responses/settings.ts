import { invalidValue, readInteger, readObject, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { gatherLimit } from '../../image/native/limit.ts';
import { gatherServiceTier } from '../../image/native/service-tier.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { isFilled, isPositive, isTrue, warnUnhonoured } from '../../image/native/unhonoured.ts';
import type { Unhonoured } from '../../image/native/unhonoured.ts';
import type { Json } from '../../wire/json.ts';
import type { OwnName } from './fields.ts';

// Settings of OpenAI's that Gemini has under another name, or has not:
// https://platform.openai.com/docs/api-reference/responses/create

const INT32_MAX = 2_147_483_647;

/** Puts what Gemini has where it has it, and warns of what it has not. */
export function gatherSettings(own: Fields, places: Places): void {
  const { warnings } = places;
  const limit = take(own, 'max_output_tokens', (value, path) => readInteger(value, path, { min: -1, max: INT32_MAX }));
  if (limit !== null) gatherLimit(limit, places);
  gatherServiceTier(own, places, ['auto', 'default']);
  take(own, 'text', (value, path) => checkText(value, path, warnings));
  // Said again in the answer, and nothing more is asked of it.
  take(own, 'metadata', checkMetadata);
  // It allows to leave out what is too long, and nothing is.
  take(own, 'truncation', (value, path) => readOneOf(value, path, ['auto', 'disabled']));
  take(own, 'parallel_tool_calls', (value) => value);
  const form = take(own, 'response_format', (value) => value);
  if (form !== null)
    throw unsupportedField(form.path, 'this path answers with the picture itself; leave it out.', 'unsupported_value');
  warnUnhonoured(own, warnings, UNKNOWN_TO_GEMINI);
}

const OF_PRICES = 'it is about the price of input at OpenAI, and there is none of it here.';

const UNKNOWN_TO_GEMINI: readonly Unhonoured<OwnName>[] = [
  ['store', isTrue, 'no responses are kept to be fetched; send the conversation again.'],
  ['include', isFilled, 'there is nothing of the kind to include.'],
  ['max_tool_calls', isFilled, 'the model draws one picture, and searches as often as it likes.'],
  ['top_logprobs', isPositive, 'pictures have none.'],
  ['moderation', isFilled, 'OpenAI moderates nothing here; send safety_settings.'],
  ['context_management', isFilled, 'no conversation is shortened here.'],
  ['access_programs', isFilled, 'it is for OpenAI alone.'],
  ['prompt_cache_key', isFilled, OF_PRICES],
  ['prompt_cache_retention', isFilled, OF_PRICES],
  ['prompt_cache_options', isFilled, OF_PRICES],
  ['stream_options', isPadding, 'events are not padded.'],
  ['image', isFilled, 'pictures go up as they came.'],
];

function isPadding(value: Json): boolean {
  return readObject(value, 'stream_options').include_obfuscation === true;
}

/** OpenAI's bounds: an answer must not be larger by whatever somebody likes to hear again. */
function checkMetadata(value: Json, path: string): null {
  const metadata = readObject(value, path);
  const names = Object.keys(metadata);
  if (names.length > 16 || names.some((name) => name.length > 64))
    throw invalidValue(path, 'an object of at most 16 names of at most 64 characters');
  for (const name of names)
    if (readString(metadata[name]!, `${path}.${name}`).length > 512)
      throw invalidValue(`${path}.${name}`, 'a string of at most 512 characters');
  return null;
}

function checkText(value: Json, path: string, warnings: string[]): null {
  const { format = null, verbosity = null, ...others } = readObject(value, path);
  const type = format === null ? 'text' : (readObject(format, `${path}.format`).type ?? null);
  if (type !== 'text')
    throw unsupportedField(`${path}.format`, 'no model that draws writes JSON; send text.', 'unsupported_value');
  if (verbosity !== null && verbosity !== 'medium')
    warnings.push(`${path}.verbosity is not honoured: say in the input how much to write.`);
  if (isFilled(others)) warnings.push(`Of ${path} only format and verbosity are read.`);
  return null;
}
