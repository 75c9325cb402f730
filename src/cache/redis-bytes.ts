import { RedisFailure } from '../redis.ts';
import type { RedisBytes, Reply } from '../redis.ts';
import { digestOf } from './digest.ts';
import { DRAFT_MS, PIECE_BYTES, piecesOf } from './redis-books.ts';
import { PIECE } from './redis-verbs.ts';
import type { BlobRef } from './store.ts';

/** Where the bytes of a shared cache are, by what they are. */
export interface SharedBytes {
  readonly place: 'redis' | 's3';
  /** As its address says; null when it is not there, or is not that, in which case it is removed. Rejects when that cannot be told. */
  read(ref: BlobRef, deadlineMs: number): Promise<Buffer | null>;
  /** Rejects when it could not be written in time; it may be later. What nobody files is removed by itself. */
  write(ref: BlobRef, pieces: readonly Uint8Array[], deadlineMs: number): Promise<void>;
  /** Those that are in nobody's books. A place that removes them together with their entries is never asked. */
  remove(digest: string, deadlineMs: number): Promise<void>;
  close(): void;
}

/** Pieces asked for at one time. */
const WINDOW = 2;

/**
 * Bytes in Redis, as they are, over a connection of their own. A blob is a hash of its pieces: Redis moves one of them at a
 * time and serves others in between, and evicts all of them or none.
 */
export class BytesInRedis implements SharedBytes {
  readonly place = 'redis';
  readonly #redis: RedisBytes;
  readonly #prefix: string;

  constructor(redis: RedisBytes, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async read(ref: BlobRef, deadlineMs: number): Promise<Buffer | null> {
    const { digest, byteLength } = ref;
    const endsAt = performance.now() + deadlineMs;
    const bytes = Buffer.allocUnsafeSlow(byteLength);
    const pieces = piecesOf(byteLength);
    let next = 0;
    let isWhole = true;
    const readOn = async (): Promise<void> => {
      while (next < pieces && isWhole) {
        const index = next;
        next += 1;
        const piece = await this.#piece(digest, index, left(endsAt));
        const place = bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);
        if (Buffer.isBuffer(piece) && piece.length === place.length) piece.copy(place);
        else isWhole = false;
      }
    };
    await Promise.all(Array.from({ length: WINDOW }, readOn));
    if (isWhole && (await digestOf([bytes])) === digest) return bytes;
    // Whoever draws it again has to write it, and must not find something in its place.
    await this.remove(digest, left(endsAt));
    return null;
  }

  async write({ digest }: BlobRef, pieces: readonly Uint8Array[], deadlineMs: number): Promise<void> {
    const endsAt = performance.now() + deadlineMs;
    const key = this.#key(digest);
    let index = 0;
    for (const piece of cut(pieces)) {
      await this.#redis.run(PIECE, [key], [String(index), piece, String(DRAFT_MS)], left(endsAt));
      index += 1;
    }
  }

  async remove(digest: string, deadlineMs: number): Promise<void> {
    await this.#redis.command(['UNLINK', this.#key(digest)], deadlineMs);
  }

  close(): void {
    this.#redis.close();
  }

  async #piece(digest: string, index: number, deadlineMs: number): Promise<Reply> {
    try {
      return await this.#redis.command(['HGET', this.#key(digest), String(index)], deadlineMs);
    } catch (error) {
      // Something else is in its place.
      if (error instanceof RedisFailure && error.code === 'WRONGTYPE') return null;
      throw error;
    }
  }

  #key(digest: string): string {
    return `${this.#prefix}blob:${digest}`;
  }
}

function left(endsAt: number): number {
  return Math.max(1, endsAt - performance.now());
}

/** The same bytes in pieces of the size they are kept in: at least one. */
function* cut(parts: readonly Uint8Array[]): Generator<Buffer> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for (const part of parts)
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + PIECE_BYTES - length);
      waiting.push(taken);
      at += taken.length;
      length += taken.length;
      if (length < PIECE_BYTES) continue;
      yield joined(waiting);
      [waiting, length] = [[], 0];
    }
  // An empty blob has one piece, which is empty; one whose last piece is full has no more.
  if (length > 0 || parts.every((part) => part.length === 0)) yield joined(waiting);
}

function joined(parts: readonly Uint8Array[]): Buffer {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.length);
  return Buffer.concat(parts);
}
