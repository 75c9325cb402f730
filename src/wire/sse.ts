import { JsonError, Lifter, LIFT_LIMITS, splice } from './json.ts';
import type { Json, JsonObject, Spliced } from './json.ts';

// Server-sent events, both ways: https://html.spec.whatwg.org/multipage/server-sent-events.html

export interface EventLimits {
  /** Of the whole stream. */
  readonly bytes: number;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const BYTE_ORDER_MARK = '\xef\xbb\xbf';
/** Longer than any name of a field there is, with a byte order mark before it. */
const LONGEST_NAME = 16;
/** What an event weighs beside its data: without it, empty ones would weigh nothing. */
const EVENT_BYTES = 64;
/** How OpenAI ends a stream, and with it many a reseller. */
const DONE = '[DONE]';

/**
 * Reads events whose data is JSON, in whatever chunks they come. A line may be as long as the whole stream: it is read as
 * it comes, and its long strings are cut out as `lift` does. Chunks are kept, as views: nobody may write to them afterwards.
 */
export class EventReader {
  readonly #limits: EventLimits;
  readonly #onEvent: (data: Json) => void;
  /** The name of the line's field, as far as it came; a colon ends it. */
  #name = '';
  #inName = true;
  #isFirstLine = true;
  #afterColon = false;
  #afterCr = false;
  #hasData = false;
  /** The beginning of the data, while it may still be `[DONE]`. */
  #head = '';
  #lifter: Lifter | null = null;
  #byteLength = 0;
  #skeletonBytes = 0;

  /** `onEvent` is called for each event that has data, when its last byte has come. */
  constructor(limits: EventLimits, onEvent: (data: Json) => void) {
    this.#limits = limits;
    this.#onEvent = onEvent;
  }

  /** Throws JsonError at the first mistake; the reader is of no use after that. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#byteLength += bytes.length;
    if (this.#byteLength > this.#limits.bytes)
      throw new JsonError('too_large', this.#limits.bytes, `longer than ${this.#limits.bytes} bytes`);
    const ends = new LineEnds(bytes);
    for (let at = 0; at < bytes.length;) at = this.#read(bytes, at, ends);
  }

  /** No more will come. An event that lacks its blank line is read all the same, if its data is whole. */
  end(): void {
    if (!this.#inName || this.#name !== '') this.#endLine();
    this.#dispatch();
  }

  #read(bytes: Buffer, at: number, ends: LineEnds): number {
    const byte = bytes[at]!;
    const follows = this.#afterCr && byte === LF;
    this.#afterCr = false;
    if (follows) return at + 1;
    if (this.#inName) {
      if (byte === CR || byte === LF) this.#endLine(byte);
      else if (byte === COLON) this.#endName();
      else if (this.#name.length < LONGEST_NAME) this.#name += String.fromCharCode(byte);
      return at + 1;
    }
    const follow = this.#afterColon && byte === SPACE;
    this.#afterColon = false;
    if (follow) return at + 1;
    const end = ends.after(at);
    if (this.#name === 'data') this.#feed(bytes.subarray(at, end));
    if (end === bytes.length) return end;
    this.#endLine(bytes[end]);
    return end + 1;
  }

  #endName(): void {
    this.#inName = false;
    this.#afterColon = true;
    if (this.#isFirstLine && this.#name.startsWith(BYTE_ORDER_MARK)) this.#name = this.#name.slice(3);
    if (this.#name !== 'data') return;
    // Lines of data are one text, with a line feed between them.
    if (this.#hasData) this.#feed(Buffer.from('\n'));
    this.#hasData = true;
  }

  #endLine(byte: number | undefined = LF): void {
    const isBlank = this.#inName && this.#name === '';
    // A name alone is a field without a value.
    if (this.#inName && !isBlank) this.#endName();
    this.#afterCr = byte === CR;
    this.#isFirstLine = false;
    this.#inName = true;
    this.#afterColon = false;
    this.#name = '';
    if (isBlank) this.#dispatch();
  }

  #feed(view: Buffer): void {
    let at = 0;
    while (this.#lifter === null && at < view.length) {
      const head = this.#head + String.fromCharCode(view[at]!);
      if (DONE.startsWith(head)) {
        this.#head = head;
        at += 1;
      } else this.#lift();
    }
    if (at < view.length) this.#lifter!.push(view.subarray(at));
  }

  #lift(): Lifter {
    const skeletonBytes = Math.max(0, LIFT_LIMITS.skeletonBytes - this.#skeletonBytes);
    const lifter = new Lifter({ bytes: this.#limits.bytes, skeletonBytes });
    if (this.#head !== '') lifter.push(Buffer.from(this.#head));
    this.#lifter = lifter;
    return lifter;
  }

  #dispatch(): void {
    const lifter = this.#lifter ?? (this.#head === '' || this.#head === DONE ? null : this.#lift());
    this.#lifter = null;
    this.#head = '';
    this.#hasData = false;
    if (lifter === null) return;
    this.#skeletonBytes += lifter.skeletonBytes + EVENT_BYTES;
    this.#onEvent(lifter.end());
  }
}

/** Where lines end in a chunk: each of its bytes is looked at once, however many lines there are. */
class LineEnds {
  readonly #bytes: Buffer;
  #lf = -1;
  #cr = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The index of the first CR or LF from there on, or the length. */
  after(at: number): number {
    if (this.#lf < at) this.#lf = this.#find(LF, at);
    if (this.#cr < at) this.#cr = this.#find(CR, at);
    return Math.min(this.#lf, this.#cr);
  }

  #find(byte: number, at: number): number {
    const index = this.#bytes.indexOf(byte, at);
    return index < 0 ? this.#bytes.length : index;
  }
}

export type Newline = '\n' | '\r\n';

/** `name`: its `event:` line; null: it has none. A string is sent as it is. */
export interface WrittenEvent {
  readonly name: string | null;
  readonly data: JsonObject | string;
}

/** The bytes of one event. Long strings go out as they are: JSON has no line end inside of strings. */
export function writeEvent({ name, data }: WrittenEvent, newline: Newline): Spliced {
  const lines = typeof data === 'string' ? data.split(/\r\n|\r|\n/) : null;
  const json = lines === null ? splice(data) : null;
  const head = name === null ? '' : `event: ${name}${newline}`;
  const chunks =
    json === null
      ? [Buffer.from(`${head}${lines!.map((line) => `data: ${line}${newline}`).join('')}${newline}`)]
      : [Buffer.from(`${head}data: `), ...json.chunks, Buffer.from(newline + newline)];
  return { chunks, byteLength: chunks.reduce((sum, { length }) => sum + length, 0) };
}
