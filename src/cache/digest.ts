import { createHash, hash } from 'node:crypto';
import { setImmediate as giveWay } from 'node:timers/promises';

/** A megabyte is hashed in about half a millisecond. */
const SLICE_BYTES = 1 << 20;

/** SHA-256 of the pieces one after the other, texts as UTF-8, in lower-case hex. Lets others run between slices. */
export async function digestOf(pieces: readonly (string | Uint8Array)[]): Promise<string> {
  if (pieces.every((piece) => typeof piece === 'string')) return hash('sha256', pieces.join(''));
  const sha256 = createHash('sha256');
  let sinceTurn = 0;
  for (const piece of pieces) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
      const slice = bytes.subarray(start, start + SLICE_BYTES);
      if (sinceTurn + slice.length > SLICE_BYTES) {
        sinceTurn = 0;
        await giveWay();
      }
      sinceTurn += slice.length;
      sha256.update(slice);
    }
  }
  return sha256.digest('hex');
}
