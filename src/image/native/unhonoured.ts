import { LongString } from '../../wire/long-string.ts';
import type { Json } from '../../wire/json.ts';
import { take } from './spelling.ts';
import type { Fields } from './spelling.ts';

/** A field, when it asks for something, and why that is not done. */
export type Unhonoured<Name extends string> = readonly [Name, (value: Json) => boolean, string];

/** Takes fields that nobody here can honour, and warns of each that asks for something. */
export function warnUnhonoured<Name extends string>(
  own: Fields,
  warnings: string[],
  fields: readonly Unhonoured<Name>[],
): void {
  for (const [name, asks, sentence] of fields) {
    const given = take(own, name, (value) => value);
    if (given !== null && asks(given.value)) warnings.push(`${given.path} is not honoured: ${sentence}`);
  }
}

export const isTrue = (value: Json): boolean => value === true;
export const isPositive = (value: Json): boolean => typeof value === 'number' && value > 0;

/** Whether it is more than null, an empty list or an object of nothing. */
export function isFilled(value: Json): boolean {
  if (typeof value !== 'object' || value === null || value instanceof LongString) return value !== null;
  return Object.values(value).some((field) => field !== null);
}
