import { LongString } from './long-string.ts';

/** Bytes encoded as one JavaScript string: short enough to die young, and a multiple of three. */
const SLICE = 24_576;
/** Characters of one buffer of the text: a multiple of what a slice comes to. */
const BLOCK = 8 * (SLICE / 3) * 4;

/** Bytes that come piece by piece, as canonical base64 text. Nothing is kept of the pieces themselves. */
export class Base64Writer {
  /** Of the bytes so far. */
  byteLength = 0;
  readonly #slice = Buffer.allocUnsafe(SLICE);
  #sliced = 0;
  readonly #blocks: Buffer[] = [];
  #block = Buffer.alloc(0);
  #written = 0;

  push(bytes: Uint8Array): void {
    this.byteLength += bytes.length;
    let at = 0;
    while (at < bytes.length) {
      const some = bytes.subarray(at, at + SLICE - this.#sliced);
      this.#slice.set(some, this.#sliced);
      this.#sliced += some.length;
      at += some.length;
      if (this.#sliced === SLICE) this.#encode();
    }
  }

  /** All of it. The writer is of no use after that. */
  end(): LongString {
    if (this.#sliced > 0) this.#encode();
    // What is left of the last block would be held for as long as the text is.
    this.#blocks.push(Buffer.from(this.#block.subarray(0, this.#written)));
    return LongString.fromBase64(this.#blocks.filter(({ length }) => length > 0));
  }

  #encode(): void {
    if (this.#block.length - this.#written < (SLICE / 3) * 4) {
      if (this.#written > 0) this.#blocks.push(this.#block.subarray(0, this.#written));
      this.#block = Buffer.allocUnsafeSlow(BLOCK);
      this.#written = 0;
    }
    this.#written += this.#block.write(this.#slice.toString('base64', 0, this.#sliced), this.#written, 'latin1');
    this.#sliced = 0;
  }
}
