import { randomUUID } from 'node:crypto';

import { ByteViews } from './byte-views.ts';
import { isObject, type Json } from './json-value.ts';
import type { LongString } from './long-string.ts';

/** A JSON document without its long strings: a few KB for JSON.parse. */
export class Skeleton {
  readonly #views = new ByteViews();
  /** Begins every placeholder. Random, so that no document can contain one. */
  readonly #mark = randomUUID();
  readonly #longStrings: LongString[] = [];
  readonly #escapedKeys: { readonly start: number; readonly end: number }[] = [];
  readonly #maskedKeys: string[] = [];

  /** Of the document so far, placeholders included. */
  get byteLength(): number {
    return this.#views.byteLength;
  }

  get longStrings(): number {
    return this.#longStrings.length;
  }

  get escapedKeys(): number {
    return this.#escapedKeys.length;
  }

  push(view: Uint8Array): void {
    this.#views.push(view);
  }

  /** Stands for what is between the quotes. */
  pushLongString(string: LongString): void {
    this.#views.push(Buffer.from(`${this.#mark}${this.#longStrings.length}`));
    this.#longStrings.push(string);
  }

  /**
   * There is a key with an escape from byte `start` to byte `end` of the skeleton. V8 may misread those, `"\n"` as `"\\"`,
   * where any earlier document of the same shape had a backslash in that place, so JSON.parse does not get to see them:
   * https://github.com/nodejs/node/issues/63785
   */
  noteEscapedKey(start: number, end: number): void {
    this.#escapedKeys.push({ start, end });
  }

  parse(): Json {
    const bytes = Buffer.concat(this.#views.take());
    const value = JSON.parse(this.#withoutEscapedKeys(bytes)) as Json;
    return this.#longStrings.length + this.#maskedKeys.length === 0 ? value : this.#restore(value);
  }

  #withoutEscapedKeys(bytes: Buffer): string {
    let json = '';
    let from = 0;
    for (const { start, end } of this.#escapedKeys) {
      json += bytes.toString('utf8', from, start) + this.#respell(bytes.toString('utf8', start, end));
      from = end;
    }
    return json + bytes.toString('utf8', from);
  }

  /** Without the escapes, or as a placeholder where it cannot be written without. */
  #respell(json: string): string {
    const key = JSON.parse(json) as string;
    const plain = JSON.stringify(key);
    if (!plain.includes('\\')) return plain;
    this.#maskedKeys.push(key);
    return `"${this.#mark}${this.#maskedKeys.length - 1}"`;
  }

  /** Puts back what placeholders stand for. */
  #restore(value: Json): Json {
    if (typeof value === 'string') return this.#original(this.#longStrings, value);
    if (Array.isArray(value)) for (let i = 0; i < value.length; i += 1) value[i] = this.#restore(value[i]!);
    if (!isObject(value)) return value;
    const keys = Object.keys(value);
    // A `__proto__` here is an own property, as JSON.parse makes it: assigning to it leaves the prototype alone.
    for (const key of keys) value[key] = this.#restore(value[key]!);
    if (this.#maskedKeys.length === 0 || !keys.some((key) => key.startsWith(this.#mark))) return value;
    return Object.fromEntries(keys.map((key) => [this.#original(this.#maskedKeys, key), value[key]!]));
  }

  #original<T>(originals: readonly T[], text: string): T | string {
    return text.startsWith(this.#mark) ? originals[Number(text.slice(this.#mark.length))]! : text;
  }
}
