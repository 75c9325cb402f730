import { readInteger, readNativeNumber } from '../../image/fields.ts';
import type { Places } from '../../image/native/config.ts';
import { gatherLimit, readStops } from '../../image/native/limit.ts';
import { gatherServiceTier } from '../../image/native/service-tier.ts';
import { give, take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { isFilled, isPositive, isTrue, warnUnhonoured } from '../../image/native/unhonoured.ts';
import type { Unhonoured } from '../../image/native/unhonoured.ts';
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
  gatherServiceTier(own, places, ['auto', 'default']);
  warnUnhonoured(own, places.warnings, UNKNOWN_TO_GEMINI);
}

const UNKNOWN_TO_GEMINI: readonly Unhonoured<OwnName>[] = [
  ['store', isTrue, 'no answers are kept to be listed.'],
  ['metadata', isFilled, 'nothing is kept to carry it; say what a request is for in the header x-plantain-tags.'],
  ['logprobs', isTrue, 'pictures have none.'],
  ['top_logprobs', isPositive, 'pictures have none.'],
  ['logit_bias', isFilled, 'pictures are not written in words.'],
];
