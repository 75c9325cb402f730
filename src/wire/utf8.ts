import { isUtf8 } from 'node:buffer';

/** Checks UTF-8 that comes in chunks, which may cut a sequence: https://www.rfc-editor.org/rfc/rfc3629 */
export class Utf8Reader {
  /** The bytes of a sequence the last chunk cut. */
  #open: Uint8Array = new Uint8Array();

  /** How many bytes of a sequence were read whose rest has not come. */
  get openBytes(): number {
    return this.#open.length;
  }

  /** The index of the first ill-formed sequence, or null. It is negative where that began in an earlier chunk. */
  read(chunk: Uint8Array): number | null {
    const opened = this.#open.length;
    if (opened === 0 && isUtf8(chunk)) return null;

    const missing = opened === 0 ? 0 : sequenceLength(this.#open[0]!) - opened;
    const sequence = Buffer.concat([this.#open, chunk.subarray(0, missing)]);
    if (cutBytes(sequence) < sequence.length && !isUtf8(sequence)) return -opened;
    if (chunk.length < missing) {
      this.#open = sequence;
      return null;
    }

    const cut = cutBytes(chunk.subarray(missing));
    const whole = chunk.subarray(missing, chunk.length - cut);
    this.#open = Buffer.from(chunk.subarray(chunk.length - cut));
    return isUtf8(whole) ? null : missing + firstIllFormed(whole);
  }
}

/** As its first byte announces it. A byte that can begin none counts as one, for isUtf8 to refuse. */
function sequenceLength(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 1;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** How many bytes at the end begin a sequence that the end cuts. */
function cutBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) !== 0x80) return sequenceLength(byte) > back ? back : 0;
  }
  return 0;
}

/** Of bytes that isUtf8 refused: by halves as far as they are sound, then a character at a time. */
function firstIllFormed(bytes: Uint8Array): number {
  let at = 0;
  for (let size = bytes.length >> 1; size >= 4; size >>= 1) {
    const half = bytes.subarray(at, at + size);
    const whole = half.subarray(0, half.length - cutBytes(half));
    if (isUtf8(whole)) at += whole.length;
  }
  const character = () => bytes.subarray(at, at + sequenceLength(bytes[at]!));
  while (isUtf8(character())) at += character().length;
  return at;
}
