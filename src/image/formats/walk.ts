import type { Pixels } from '../size.ts';

/** A picture that is broken: the message says what and at which byte, and holds nothing of its data. */
export class PictureError extends Error {
  override readonly name = 'PictureError';
}

/**
 * A walk over the structure of one picture, to its end. It yields about every `SLICE` bytes, so that whoever drives it
 * can give way to other work; it throws PictureError where the structure breaks; it returns the pixels as declared.
 */
export type Walk = Generator<void, Pixels, void>;

/** Bytes between two yields: some 0.1 ms of an ordinary picture, 5 ms of one made to be slow (a marker in every byte). */
export const SLICE = 131_072;

/** Throws unless the picture has a byte before `end`. */
export function need(bytes: Buffer, end: number, what: string): void {
  if (end > bytes.length)
    throw new PictureError(`${what} should reach to byte ${end}, but the picture ends at ${bytes.length}`);
}
