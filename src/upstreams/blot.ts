import { isObject } from '../wire/json.ts';
import type { Json } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';

/** What is shorter is no key of a vendor's, and may be a word. */
const LEAST_KEY_LENGTH = 16;
const BLOT = '(hidden)';

/** A refusal without the keys it was answered to: some vendors say them back, and callers hear a vendor's words. */
export function blotted(words: Json, keys: readonly string[]): Json {
  const secrets = keys.filter((key) => key.length >= LEAST_KEY_LENGTH);
  const blot = (text: string): string => secrets.reduce((rest, key) => rest.replaceAll(key, BLOT), text);
  const visit = (value: Json): Json => {
    if (typeof value === 'string') return blot(value);
    if (value instanceof LongString) return blot(value.text());
    if (Array.isArray(value)) return value.map(visit);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [blot(name), visit(member)]));
  };
  return secrets.length === 0 ? words : visit(words);
}
