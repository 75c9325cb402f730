import { readInteger, readNativeNumber, readObject, readString } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { gatherLimit, readStops } from '../../image/native/limit.ts';
import { give, take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { isObject } from '../../wire/json.ts';
import type { Json } from '../../wire/json.ts';
import type { OwnName } from './fields.ts';

// Settings of OpenAI's that Gemini has under another name, or has not:
// https://platform.openai.com/docs/api-reference/chat/create

/** Puts what Gemini has where it has it, and warns of what it has not. */
export function gatherSettings(own: Fields, places: Places): void {
  const read = (value: Json, path: string): number => readInteger(value, path, { min: -1, max: 2_147_483_647 });
  const old = take(own, 'max_tokens', read);
  const limit = take(own, 'max_completion_tokens', read) ?? old;
  if (limit !== null) gatherLimit(limit, places);
  const stop = take(own, 'stop', readStops);
  if (stop !== null && stop.value.length > 0)
    give(places.generationConfig, 'stopSequences', { value: [...stop.value], path: stop.path });
  for (const [name, native] of [
    ['presence_penalty', 'presencePenalty'],
    ['frequency_penalty', 'frequencyPenalty'],
  ] as const) {
    const penalty = take(own, name, (value, path) => readNativeNumber(value, path, { min: -2, max: 2 }));
    // Clients send the default, which no model that draws need be asked for.
    if (penalty !== null && penalty.value !== 0) give(places.generationConfig, native, penalty);
  }
  const tier = take(own, 'service_tier', readString);
  if (tier !== null && tier.value !== 'auto' && tier.value !== 'default') give(places.request, 'serviceTier', tier);
  for (const [name, says, sentence] of UNKNOWN_TO_GEMINI) {
    const given = take(own, name, (value) => value);
    if (given !== null && says(given.value)) places.warnings.push(`${given.path} is not honoured: ${sentence}`);
  }
}

const isTrue = (value: Json): boolean => value === true;
const isPositive = (value: Json): boolean => typeof value === 'number' && value > 0;
const isFilled = (value: Json): boolean => !isObject(value) || Object.keys(readObject(value, '')).length > 0;

/** When it asks for something, and why it is not done. */
const UNKNOWN_TO_GEMINI: readonly (readonly [OwnName, (value: Json) => boolean, string])[] = [
  ['store', isTrue, 'no answers are kept to be listed.'],
  ['metadata', isFilled, 'nothing is kept to carry it; say what a request is for in the header x-plantain-tags.'],
  ['logprobs', isTrue, 'pictures have none.'],
  ['top_logprobs', isPositive, 'pictures have none.'],
  ['logit_bias', isFilled, 'pictures are not written in words.'],
];
