import { GatewayError } from '../errors.ts';
import { isObject } from '../wire/json.ts';
import type { Json, JsonObject } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';

// Reading one field of a request: the value in its type, or an error that names the field as the caller spelt it.

/** A 400 for a value that is none of those allowed: `seed must be an integer from 0 to 9.` */
export function invalidValue(path: string, expected: string): GatewayError {
  return new GatewayError('invalid_request', `${path} must be ${expected}.`, { param: path, code: 'invalid_value' });
}

export function missingField(path: string, expected: string): GatewayError {
  return new GatewayError('invalid_request', `${path} is missing: it must be ${expected}.`, {
    param: path,
    code: 'missing_required_parameter',
  });
}

/** A 400 for two places that say different things about one. */
export function conflictingFields(first: string, second: string): GatewayError {
  return new GatewayError('invalid_request', `${first} and ${second} say different things. Send only one of them.`, {
    param: second,
    code: 'conflicting_parameters',
  });
}

/** A 400 for something this version, or no Gemini model, can do. The sentence says what to do instead. */
export function unsupportedField(path: string, sentence: string, code = 'unsupported_parameter'): GatewayError {
  return new GatewayError('unsupported', `${path}: ${sentence}`, { param: path, code });
}

/** More than any vendor has names for: sorting out what nobody knows takes time. */
const MOST_FIELDS = 256;

/** An object of named fields; `path` is empty for the request itself. */
export function readObject(value: Json, path: string): JsonObject {
  if (!isObject(value)) throw invalidValue(path, 'an object');
  if (Object.keys(value).length <= MOST_FIELDS) return value;
  throw new GatewayError(
    'invalid_request',
    `${path || 'The body'} must be an object of at most ${MOST_FIELDS} fields.`,
    {
      ...(path !== '' && { param: path }),
      code: 'too_many_fields',
    },
  );
}

/** Google's JSON takes a lone value for a list of one: https://protobuf.dev/programming-guides/json */
export function readList(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : [value];
}

/** More than any model reads. What is longer stays as bytes. */
const LONGEST_TEXT_BYTES = 2 << 20;

export function readString(value: Json, path: string): string {
  if (value instanceof LongString) {
    if (value.byteLength > LONGEST_TEXT_BYTES)
      throw invalidValue(path, `a string of at most ${LONGEST_TEXT_BYTES} bytes`);
    return wellFormed(value.text(), path);
  }
  if (typeof value !== 'string') throw invalidValue(path, 'a string');
  return wellFormed(value, path);
}

/** JSON's escapes can spell what is no text, and what each vendor and SDK makes something else of. */
function wellFormed(text: string, path: string): string {
  if (text.isWellFormed()) return text;
  throw invalidValue(path, 'text of whole characters; it holds half of a surrogate pair, \\ud800 to \\udfff, alone');
}

export function readBoolean(value: Json, path: string): boolean {
  if (typeof value !== 'boolean') throw invalidValue(path, 'true or false');
  return value;
}

/** A word of a closed list. */
export function readOneOf<T extends string>(value: Json, path: string, words: readonly T[]): T {
  const word = words.find((word) => word === value);
  if (word === undefined) throw invalidValue(path, `one of ${words.join(', ')}`);
  return word;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** A JSON number without a fraction: strings, floats and booleans are refused. */
export function readInteger(value: Json, path: string, { min, max }: Range): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return unsigned(value);
  throw invalidValue(path, `an integer from ${min} to ${max}`);
}

/** As `readInteger`, and a number written as a string, which proto3 JSON allows. */
export function readNativeInteger(value: Json, path: string, range: Range): number {
  const isNumeric = typeof value === 'string' && /^-?\d{1,15}$/.test(value);
  return readInteger(isNumeric ? Number(value) : value, path, range);
}

/** A number of proto3 JSON, with or without quotes. */
export function readNativeNumber(value: Json, path: string, { min, max }: Range): number {
  const isNumeric = typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value);
  const number = isNumeric ? Number(value) : value;
  if (typeof number === 'number' && number >= min && number <= max) return unsigned(number);
  throw invalidValue(path, `a number from ${min} to ${max}`);
}

/** JSON can say -0; nobody means it. */
function unsigned(value: number): number {
  return value === 0 ? 0 : value;
}

/** `model`: which names there are is the router's business. */
export function readModelName(value: Json, path: string): string {
  const name = readString(value, path);
  if (name === '') throw invalidValue(path, 'the name of a model, or absent for the default one');
  return name;
}
