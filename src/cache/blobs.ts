import { LRUCache } from 'lru-cache';
import { LongString } from '../wire/long-string.ts';
import { nextTurn } from '../wire/turns.ts';

/**
 * Bytes by what they are: the address is the SHA-256 of the bytes in lower-case hex, so equal pictures are kept once
 * whoever drew them. A blob is handed over as the canonical base64 of its bytes, ready to be spliced into an answer;
 * who needs the bytes themselves decodes them. A store on disk or in Redis is another implementation of this port.
 */
export interface Blobs {
  get(digest: string): Promise<LongString | null>;
  /**
   * The caller vouches for the digest. A store may keep nothing of it: `has` tells. It keeps bytes of its own: once this
   * is settled the caller may use those of the blob for something else.
   */
  put(digest: string, blob: LongString): Promise<void>;
  has(digest: string): Promise<boolean>;
  delete(digest: string): Promise<boolean>;
  /** What the store holds, in the bytes its bound counts. */
  readonly byteLength: number;
}

export interface MemoryBlobsOptions {
  readonly maxBytes: number;
  /** Told of every blob that had to make room, with its size. */
  readonly onEvict: (byteLength: number) => void;
}

/** The most recently used blobs within a bound on bytes. A blob larger than the bound is not kept. */
export class MemoryBlobs implements Blobs {
  readonly #blobs: LRUCache<string, LongString>;

  constructor({ maxBytes, onEvict }: MemoryBlobsOptions) {
    this.#blobs = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: sizeOf,
      dispose: (blob, _digest, reason) => {
        if (reason === 'evict') onEvict(blob.byteLength);
      },
    });
  }

  get byteLength(): number {
    return this.#blobs.calculatedSize;
  }

  async get(digest: string): Promise<LongString | null> {
    return this.#blobs.get(digest) ?? null;
  }

  async put(digest: string, blob: LongString): Promise<void> {
    // One that is there is only made young again: the same digest means the same bytes.
    if (this.#blobs.get(digest) !== undefined || sizeOf(blob) > this.#blobs.maxSize) return;
    const own = await copyOf(blob);
    if (!this.#blobs.has(digest)) this.#blobs.set(digest, own);
  }

  async has(digest: string): Promise<boolean> {
    return this.#blobs.has(digest);
  }

  async delete(digest: string): Promise<boolean> {
    return this.#blobs.delete(digest);
  }
}

/** The digest, the map's slots and the views, roughly: so that tiny blobs are not free. */
const BLOB_OVERHEAD_BYTES = 512;

function sizeOf({ byteLength }: LongString): number {
  return byteLength + BLOB_OVERHEAD_BYTES;
}

/** Copied at a stretch: a millisecond, and some more where the pages are fresh. */
const STRETCH_BYTES = 1 << 20;

/**
 * What is kept has a buffer of its own. The memory a reply was received in is used again for the next; and a view keeps
 * the whole buffer alive that it looks at, which the bound does not count.
 */
async function copyOf(blob: LongString): Promise<LongString> {
  const own = Buffer.allocUnsafeSlow(blob.byteLength);
  let offset = 0;
  let sinceTurn = 0;
  for (const chunk of blob.chunks)
    for (let at = 0; at < chunk.length; at += STRETCH_BYTES) {
      const piece = chunk.subarray(at, at + STRETCH_BYTES);
      if (sinceTurn + piece.length > STRETCH_BYTES) {
        sinceTurn = 0;
        await nextTurn();
      }
      own.set(piece, offset);
      offset += piece.length;
      sinceTurn += piece.length;
    }
  return LongString.fromBase64([own]);
}

/** A bounded place for short texts, such as the heads of entries: what Keyv's own default, a plain Map, is not. */
export interface TextStore {
  get(key: string): string | undefined;
  /** Whether it is kept. */
  set(key: string, text: string): boolean;
  delete(key: string): boolean;
  clear(): void;
}

export function memoryTexts(maxBytes: number): TextStore {
  const texts = new LRUCache<string, string>({
    maxSize: maxBytes,
    // A character beyond Latin-1 makes V8 spend two bytes on every one.
    sizeCalculation: (text, key) => 2 * (key.length + text.length),
  });
  return {
    get: (key) => texts.get(key),
    set: (key, text) => texts.set(key, text).has(key),
    delete: (key) => texts.delete(key),
    clear: () => texts.clear(),
  };
}
