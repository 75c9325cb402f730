import { randomUUID } from 'node:crypto';

import { ByteViews } from './byte-views.ts';
import { JsonError } from './json-error.ts';
import { Grammar } from './json-grammar.ts';
import { Names } from './json-names.ts';
import { Skeleton } from './json-skeleton.ts';
import { StringReader } from './json-string.ts';
import type { Json } from './json-value.ts';
import { LongString } from './long-string.ts';
import { Utf8Reader } from './utf8.ts';

export { JsonError, type JsonFault } from './json-error.ts';
export { isObject, type Json, type JsonObject } from './json-value.ts';

export interface LiftLimits {
  readonly bytes: number;
  /** Bytes apart from long strings: what becomes ordinary JavaScript values. */
  readonly skeletonBytes: number;
  /** Arrays and objects inside one another. */
  readonly depth: number;
  readonly longStrings: number;
  /** Whether a name that stands twice in one object, or is `__proto__`, is a mistake. JSON.parse takes both. */
  readonly strictNames: boolean;
}

export const LIFT_LIMITS: LiftLimits = {
  bytes: 64 * 1024 * 1024,
  skeletonBytes: 1024 * 1024,
  depth: 100,
  longStrings: 1000,
  strictNames: false,
};

/** Bytes between the quotes above which a string is set aside. */
const THRESHOLD = 4096;

/** They cost more than other keys: see Skeleton. */
const MAX_ESCAPED_KEYS = 1000;

/**
 * Reads one JSON document chunk by chunk, as JSON.parse would read the whole, with string values longer than the threshold
 * cut out. Each chunk is checked as it comes, so that no step takes long however long the document is. The chunks are kept,
 * as views: nobody may write to them afterwards.
 */
export class Lifter {
  readonly #limits: LiftLimits;
  readonly #threshold: number;
  readonly #utf8 = new Utf8Reader();
  readonly #grammar: Grammar;
  readonly #strings = new StringReader();
  readonly #names: Names | null;
  /** What was seen so far of a string value, or of a name to be checked, that began in an earlier chunk. */
  readonly #begun = new ByteViews();
  readonly #skeleton = new Skeleton();
  /** Bytes of the document in the skeleton. */
  #skeletonBytes = 0;
  /** Where in the skeleton the key begins that is being read. */
  #keyStart = 0;
  #byteLength = 0;

  constructor(limits: Partial<LiftLimits> = {}, threshold = THRESHOLD) {
    this.#limits = { ...LIFT_LIMITS, ...limits };
    this.#threshold = threshold;
    this.#grammar = new Grammar(this.#limits.depth);
    this.#names = this.#limits.strictNames ? new Names() : null;
  }

  /** Of all that was pushed. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Of that, what was not cut out. */
  get skeletonBytes(): number {
    return this.#skeletonBytes;
  }

  /** Throws JsonError at the first mistake; the lifter is of no use after that. */
  push(chunk: Uint8Array): void {
    const base = this.#byteLength;
    const { bytes: limit } = this.#limits;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, limit - base));
    const illFormed = this.#utf8.read(bytes);
    this.#read(illFormed === null ? bytes : bytes.subarray(0, Math.max(0, illFormed + 1)), base);
    if (illFormed !== null) throw notUtf8(base + illFormed);
    if (bytes.length < chunk.length) throw new JsonError('too_large', limit, `longer than ${limit} bytes`);
    this.#byteLength += chunk.length;
  }

  /** The document is complete. */
  end(): Json {
    if (this.#utf8.openBytes > 0) throw notUtf8(this.#byteLength - this.#utf8.openBytes);
    this.#grammar.end(this.#byteLength);
    return this.#skeleton.parse();
  }

  #read(bytes: Buffer, base: number): void {
    let run = 0; // where the bytes begin that are neither in the skeleton yet nor cut out
    let at = 0;
    while (at < bytes.length) {
      if (this.#grammar.string !== 'value') {
        const end = Math.min(bytes.length, run + this.#limits.skeletonBytes - this.#skeletonBytes);
        if (at >= end) break;
        at = this.#readOrdinary(bytes, at, end, base, this.#skeleton.byteLength - run);
        continue;
      }
      const start = at;
      at = this.#strings.read(bytes, start, bytes.length, base);
      const size = this.#begun.byteLength + at - start;
      const closed = at < bytes.length;
      if (closed && size <= this.#threshold && this.#begun.byteLength === 0) {
        at = this.#closeString(at);
        continue;
      }
      this.#keep(bytes.subarray(run, start), base + run);
      this.#begun.push(bytes.subarray(start, at));
      run = at;
      if (!closed) break;
      const views = this.#begun.take();
      if (size > this.#threshold) this.#cut(views, base + at - size - 1);
      else this.#keep(Buffer.concat(views), base + at - size);
      at = this.#closeString(at);
    }
    this.#keep(bytes.subarray(run), base + run);
  }

  /** Structure, numbers, words and keys. An index plus `shift` is its place in the skeleton. */
  #readOrdinary(bytes: Buffer, at: number, end: number, base: number, shift: number): number {
    if (this.#grammar.string === null) {
      const next = this.#grammar.read(bytes, at, end, base);
      this.#keyStart = next - 1 + shift;
      return next;
    }
    const quote = this.#strings.read(bytes, at, end, base);
    if (quote === end) {
      if (this.#names !== null) this.#begun.push(bytes.subarray(at, quote));
      return end;
    }
    if (this.#names !== null) this.#checkName(this.#names, bytes, at, quote, base);
    if (this.#strings.escaped) {
      if (this.#skeleton.escapedKeys === MAX_ESCAPED_KEYS) {
        throw new JsonError('too_many', base + quote, `more than ${MAX_ESCAPED_KEYS} keys with escapes`);
      }
      this.#skeleton.noteEscapedKey(this.#keyStart, quote + 1 + shift);
    }
    return this.#closeString(quote);
  }

  #checkName(names: Names, bytes: Buffer, at: number, quote: number, base: number): void {
    const { byteLength: begun } = this.#begun;
    const text =
      begun === 0
        ? bytes.toString('utf8', at, quote)
        : Buffer.concat([...this.#begun.take(), bytes.subarray(at, quote)]).toString();
    names.check(text, base + at - begun - 1, this.#grammar.depth, this.#grammar.isFirstKey);
  }

  #closeString(quote: number): number {
    this.#grammar.closeString();
    this.#strings.restart();
    return quote + 1;
  }

  #keep(view: Uint8Array, offset: number): void {
    const { skeletonBytes: limit } = this.#limits;
    const room = limit - this.#skeletonBytes;
    if (view.length > room) {
      const what = `more than ${limit} bytes apart from string values over ${this.#threshold} bytes`;
      throw new JsonError('too_large', offset + room, what);
    }
    this.#skeletonBytes += view.length;
    this.#skeleton.push(view);
  }

  #cut(views: readonly Uint8Array[], quoteOffset: number): void {
    const { longStrings: limit } = this.#limits;
    if (this.#skeleton.longStrings >= limit) {
      const what = `more than ${limit} string values over ${this.#threshold} bytes`;
      throw new JsonError('too_many', quoteOffset, what);
    }
    this.#skeleton.pushLongString(LongString.fromJson(views, this.#strings.escaped));
  }
}

/** `lift` of a document already received: see Lifter. */
export function lift(
  document: Uint8Array | readonly Uint8Array[],
  limits?: Partial<LiftLimits>,
  threshold?: number,
): Json {
  const lifter = new Lifter(limits, threshold);
  for (const chunk of document instanceof Uint8Array ? [document] : document) lifter.push(chunk);
  return lifter.end();
}

export interface Spliced {
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
}

/** Compact JSON, as JSON.stringify writes it, with the bytes of long strings put in untouched. */
export function splice(value: Json): Spliced {
  const mark = randomUUID(); // random, so that no text of the value can contain it
  const longStrings: LongString[] = [];
  const skeleton = JSON.stringify(value, (_key, field: Json) => {
    if (!(field instanceof LongString)) return field;
    longStrings.push(field);
    return mark;
  });
  const chunks = skeleton
    .split(mark)
    .flatMap((piece, index) => [Buffer.from(piece), ...(longStrings[index]?.chunks ?? [])]);
  return { chunks, byteLength: chunks.reduce((sum, chunk) => sum + chunk.length, 0) };
}

function notUtf8(offset: number): JsonError {
  return new JsonError('encoding', offset, 'found bytes that are not UTF-8');
}
