import { isObject } from '../wire/json.ts';
import type { Json } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';
import type { FieldViolation } from './errors.ts';

/**
 * proto3's JSON mapping as the vendor's front end reads it: every name in camelCase or snake_case, enums in any case, null
 * as absent, a lone value where a list is expected, and all violations told at once.
 * https://protobuf.dev/programming-guides/json/
 */
export type Reader<T> = (value: Json, place: Place, violations: FieldViolation[]) => T | undefined;
export type Read<R> = R extends Reader<infer T> ? T : never;

/** Where a value stands: its name, such as `parts[1]`, inside its parent, such as `contents[0]`. */
export interface Place {
  readonly parent: string;
  readonly name: string;
}

const PACKAGE = 'type.googleapis.com/google.ai.generativelanguage.v1beta.';

export const string: Reader<string> = scalar('TYPE_STRING', (value) => {
  if (value instanceof LongString) return value.text();
  return typeof value === 'string' ? value : undefined;
});

/** base64, still encoded: it is decoded when it is needed. */
export const bytes: Reader<string | LongString> = scalar('TYPE_BYTES', (value) =>
  typeof value === 'string' || value instanceof LongString ? value : undefined,
);

export const bool: Reader<boolean> = scalar('TYPE_BOOL', (value) => {
  if (value === 'true' || value === 'false') return value === 'true';
  return typeof value === 'boolean' ? value : undefined;
});

export const float: Reader<number> = scalar('TYPE_FLOAT', readNumber);

export const int32: Reader<number> = scalar('TYPE_INT32', (value) => {
  const number = readNumber(value);
  return number !== undefined && Number.isInteger(number) && number === (number | 0) ? number : undefined;
});

/** A message nobody here looks into. */
export const anything: Reader<Json> = (value) => value;

export function oneOf<const V extends string>(name: string, values: readonly V[]): Reader<V> {
  return scalar(PACKAGE + name, (value) => {
    if (typeof value !== 'string') return undefined;
    const wanted = value.toUpperCase().replaceAll('-', '_');
    return values.find((known) => known === wanted);
  });
}

export function list<T>(of: Reader<T>): Reader<T[]> {
  return (value, place, violations) => {
    const items = Array.isArray(value) ? value : [value];
    return items.flatMap((item, index) => {
      const name = Array.isArray(value) ? `${place.name}[${index}]` : place.name;
      const read = item === null ? undefined : of(item, { parent: place.parent, name }, violations);
      return read === undefined ? [] : [read];
    });
  };
}

export function message<F extends Readonly<Record<string, Reader<unknown>>>>(
  name: string,
  fields: F,
): Reader<{ readonly [K in keyof F]?: Read<F[K]> }> {
  const names = new Map(
    Object.entries(fields).flatMap(([field, reader]) => {
      const known = { field, reader, name: snakeCase(field) };
      return [
        [field, known],
        [known.name, known],
      ];
    }),
  );
  return (value, place, violations) => {
    const path = pathOf(place);
    if (Array.isArray(value))
      return void violations.push(unknownName(place, 'Proto field is not repeating, cannot start list.'));
    if (!isObject(value)) return void violations.push(invalidValue(path, PACKAGE + name, value));
    const read: Record<string, unknown> = {};
    for (const [spelling, item] of Object.entries(value)) {
      const known = names.get(spelling);
      if (!known) violations.push(unknownName({ parent: path, name: spelling }, 'Cannot find field.'));
      else if (item !== null) read[known.field] = known.reader(item, { parent: path, name: known.name }, violations);
    }
    return read as { readonly [K in keyof F]?: Read<F[K]> };
  };
}

export function invalidValue(path: string, type: string, value: Json, because = ''): FieldViolation {
  const shown = value instanceof LongString ? '"…"' : JSON.stringify(value).slice(0, 200);
  return { field: path, description: `Invalid value at '${path}' (${type}), ${because}${shown}` };
}

export function pathOf({ parent, name }: Place): string {
  return parent && name ? `${parent}.${name}` : parent || name;
}

function scalar<T>(type: string, read: (value: Json) => T | undefined): Reader<T> {
  return (value, place, violations) => {
    if (Array.isArray(value))
      return void violations.push(unknownName(place, 'Proto field is not repeating, cannot start list.'));
    if (isObject(value)) return void violations.push(unknownName(place, 'Starting an object on a scalar field.'));
    const result = read(value);
    if (result === undefined) violations.push(invalidValue(pathOf(place), type, value));
    return result;
  };
}

function unknownName({ parent, name }: Place, because: string): FieldViolation {
  const at = parent ? ` at '${parent}'` : '';
  return { field: parent, description: `Invalid JSON payload received. Unknown name "${name}"${at}: ${because}` };
}

function readNumber(value: Json): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
