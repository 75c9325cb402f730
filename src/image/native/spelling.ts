import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';
import { conflictingFields } from '../fields.ts';
import type { Kind, Message } from './names.ts';

// Google's JSON reads every name in camelCase and in snake_case; its SDKs mix both in one body. Here all known names
// become camelCase. Unknown ones are nobody's to rename.

/** One field as it was given. */
export interface Given {
  readonly value: Json;
  /** Where it stood, as the caller spelt it: `generation_config.seed`. */
  readonly path: string;
}

/** Fields by their canonical name, each as often as it was given. */
export type Fields = Map<string, Given[]>;

interface Known {
  readonly name: string;
  readonly kind: Kind;
}

const indexes = new WeakMap<Message, ReadonlyMap<string, Known>>();

/** What a name means in a message, in either spelling; undefined when it has no such name. */
export function known(message: Message, name: string): Known | undefined {
  let index = indexes.get(message);
  if (index === undefined) {
    index = new Map(
      Object.entries(message).flatMap(([name, kind]) => [
        [name, { name, kind }],
        [snakeCase(name), { name, kind }],
      ]),
    );
    indexes.set(message, index);
  }
  return index.get(name);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Adds the fields of an object to those gathered so far. A known field that is null was not given. */
export function gather(fields: Fields, object: JsonObject, message: Message, path: string): void {
  for (const [name, value] of Object.entries(object)) {
    const at = path === '' ? name : `${path}.${name}`;
    const field = known(message, name);
    if (field === undefined) give(fields, name, { value, path: at });
    else if (value !== null) give(fields, field.name, { value: canonical(value, field.kind, at), path: at });
  }
}

export function give(fields: Fields, name: string, given: Given): void {
  const before = fields.get(name);
  if (before === undefined) fields.set(name, [given]);
  else before.push(given);
}

/** Reads a field and takes it out. Given in two places it must mean the same in both. Null when it was not given. */
export function take<T>(
  fields: Fields,
  name: string,
  read: (value: Json, path: string) => T,
): { readonly value: T; readonly path: string } | null {
  const given = fields.get(name);
  if (given === undefined) return null;
  fields.delete(name);
  const [first, ...others] = given.map(({ value, path }) => ({ value: read(value, path), path }));
  for (const other of others) {
    if (first !== undefined && !isSame(first.value, other.value)) throw conflictingFields(first.path, other.path);
  }
  return first ?? null;
}

/** All fields that nobody took, as they came. */
export function takeRest(fields: Fields): JsonObject {
  const names = [...fields.keys()];
  // fromEntries defines properties: a field called `__proto__` stays a field.
  return Object.fromEntries(names.map((name): [string, Json] => [name, take(fields, name, (value) => value)!.value]));
}

/** A value with the known names inside it in camelCase and the known words in upper case. */
export function canonical(value: Json, kind: Kind, path: string): Json {
  if (kind === 'value') return value;
  if (Array.isArray(value)) return value.map((item, index) => canonical(item, kind, `${path}[${index}]`));
  if (kind === 'enum') return typeof value === 'string' ? value.toUpperCase() : value;
  if (!isObject(value)) return value;
  const fields: Fields = new Map();
  gather(fields, value, kind, path);
  return takeRest(fields);
}

/** Equality of JSON, where an object's order means nothing. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (one instanceof LongString && other instanceof LongString && !one.escaped && !other.escaped)
    return one.byteLength === other.byteLength && Buffer.concat(one.chunks).equals(Buffer.concat(other.chunks));
  if (one instanceof LongString || other instanceof LongString) return textOf(one) === textOf(other);
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const entries = Object.entries(one);
  return (
    entries.length === Object.keys(other).length &&
    entries.every(([name, value]) => Object.hasOwn(other, name) && isSame(value, Reflect.get(other, name)))
  );
}

function textOf(value: unknown): unknown {
  return value instanceof LongString ? value.text() : value;
}
