import { createHash, hash } from 'node:crypto';
import { scanBase64 } from '../wire/base64.ts';
import { LongString } from '../wire/long-string.ts';
import { nextTurn } from '../wire/turns.ts';

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
        await nextTurn();
      }
      sinceTurn += slice.length;
      sha256.update(slice);
    }
  }
  return sha256.digest('hex');
}

interface Digested {
  readonly digest: string;
  readonly isCanonical: boolean;
}

/** What was once worked out of bytes is remembered for as long as somebody holds them. */
const known = new WeakMap<LongString, Promise<Digested>>();

/**
 * The same of the bytes a base64 text stands for, which are never all there at one time; and whether the text is the
 * canonical one for them. Throws Base64Error.
 */
export function digestOfBase64(data: LongString | string): Promise<Digested> {
  if (typeof data === 'string') return scan(LongString.fromText(data));
  const digested = known.get(data) ?? scan(data);
  known.set(data, digested);
  return digested;
}

/** For bytes that a store vouches for, spelt canonically. */
export function rememberDigest(data: LongString, digest: string): void {
  if (!known.has(data)) known.set(data, Promise.resolve({ digest, isCanonical: true }));
}

async function scan(data: LongString): Promise<Digested> {
  const sha256 = createHash('sha256');
  const isCanonical = await scanBase64(data, (bytes) => sha256.update(bytes));
  return { digest: sha256.digest('hex'), isCanonical };
}
