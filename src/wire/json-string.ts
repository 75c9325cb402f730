import { type JsonError, unexpected } from './json-error.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));

/** So many bytes are looked at one by one, then native code looks through a window at a time for the next special one. */
const NEAR = 64;
const WINDOW = 16_384;

/** Bytes of an escape still to come: first the one behind the backslash, then up to four hexadecimal digits. */
const AFTER_BACKSLASH = 5;

/** Checks the inside of JSON strings, in whatever chunks it comes: https://www.rfc-editor.org/rfc/rfc8259#section-7 */
export class StringReader {
  /** Whether the string read now, or last, contains a backslash. */
  escaped = false;
  #due = 0;

  /** The index of the closing quote, or `end`. `base` is the offset of `bytes` in the document. */
  read(bytes: Buffer, at: number, end: number, base: number): number {
    while (at < end) {
      if (this.#due > 0) {
        this.#escape(bytes[at]!, base + at);
      } else {
        at = skipPlain(bytes, at, end);
        if (at === end || bytes[at] === QUOTE) break;
        if (bytes[at] !== BACKSLASH) throw controlByte(bytes[at]!, base + at);
        this.escaped = true;
        this.#due = AFTER_BACKSLASH;
      }
      at += 1;
    }
    return at;
  }

  /** The next string begins. */
  restart(): void {
    this.escaped = false;
  }

  #escape(byte: number, offset: number): void {
    if (this.#due < AFTER_BACKSLASH) {
      if (!isHex(byte)) throw unexpected(byte, offset, 'a hexadecimal digit');
      this.#due -= 1;
    } else if (byte === LETTER_U) {
      this.#due = 4;
    } else {
      if (!ESCAPES.has(byte)) throw unexpected(byte, offset, `one of "\\/bfnrtu behind a backslash`);
      this.#due = 0;
    }
  }
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

function controlByte(byte: number, offset: number): JsonError {
  return unexpected(byte, offset, `its escape in a string, \\u${byte.toString(16).padStart(4, '0')}`);
}

/** The index of the first quote, backslash or control byte, or `end`. */
function skipPlain(bytes: Buffer, at: number, end: number): number {
  const near = Math.min(at + NEAR, end);
  for (; at < near; at += 1) {
    const byte = bytes[at]!;
    if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) return at;
  }
  while (at < end) {
    const window = bytes.subarray(at, Math.min(at + WINDOW, end));
    const plain = firstControl(window, Math.min(indexOrEnd(window, QUOTE), indexOrEnd(window, BACKSLASH)));
    at += plain;
    if (plain < window.length) break;
  }
  return at;
}

function indexOrEnd(bytes: Buffer, byte: number): number {
  const index = bytes.indexOf(byte);
  return index < 0 ? bytes.length : index;
}

/**
 * The index of the first byte under 0x20, or `end`. Four bytes at a time: subtracting 0x20 from each byte of a word sets
 * the highest bit of those that were smaller; `& ~word` leaves out bytes whose highest bit was set already.
 */
function firstControl(bytes: Buffer, end: number): number {
  const start = -bytes.byteOffset & 3; // words begin at multiples of four
  if (end - start < 4) return firstControlBetween(bytes, 0, end);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + start, (end - start) >> 2);
  let seen = 0;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i]!;
    seen |= (word - 0x20202020) & ~word;
  }
  if ((seen & 0x80808080) !== 0) return firstControlBetween(bytes, 0, end);
  const head = firstControlBetween(bytes, 0, start);
  return head < start ? head : firstControlBetween(bytes, start + words.length * 4, end);
}

function firstControlBetween(bytes: Buffer, at: number, end: number): number {
  while (at < end && bytes[at]! >= 0x20) at += 1;
  return at;
}
