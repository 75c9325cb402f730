import type { Json } from '../../wire/json.ts';
import { invalidValue, readList, readString } from '../fields.ts';
import type { Places } from './config.ts';
import { give } from './spelling.ts';

/**
 * A 4K picture is 2,520 tokens, and a model thinks for up to some thousand before it: a limit below this cuts off the
 * picture, which is paid for all the same.
 */
const LEAST_TOKENS = 8192;
/** What every model here writes at most anyway. */
const MOST_TOKENS = 32_768;

/** Another vendor's limit of tokens, where Gemini has its own: one that leaves room for a picture goes up, another is told of. */
export function gatherLimit(limit: { readonly value: number; readonly path: string }, places: Places): void {
  // Some clients say so that there is none.
  if (limit.value <= 0 || limit.value >= MOST_TOKENS) return;
  if (limit.value >= LEAST_TOKENS) give(places.generationConfig, 'maxOutputTokens', limit);
  else places.warnings.push(`${limit.path} is not honoured below ${LEAST_TOKENS}: it would cut off the picture.`);
}

/** Gemini's most. */
const MOST_STOPS = 5;

/** Another vendor's stop sequences; empty ones stop nothing. */
export function readStops(value: Json, path: string): readonly string[] {
  const stops = readList(value).map((item) => readString(item, path));
  if (stops.length > MOST_STOPS) throw invalidValue(path, `a string or a list of at most ${MOST_STOPS}`);
  return stops.filter((stop) => stop !== '');
}
