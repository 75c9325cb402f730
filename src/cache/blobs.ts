import { LRUCache } from 'lru-cache';
import { LongString } from '../wire/long-string.ts';

/**
 * Bytes by what they are: the address is the SHA-256 of the bytes in lower-case hex, so equal pictures are kept once
 * whoever drew them. A blob is handed over as the canonical base64 of its bytes, ready to be spliced into an answer;
 * who needs the bytes themselves decodes them. A store on disk or in Redis is another implementation of this port.
 */
export interface Blobs {
  get(digest: string): Promise<LongString | null>;
  /** The caller vouches for the digest. A store may keep nothing of it: `has` tells. */
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
      sizeCalculation: (blob) => blob.byteLength + BLOB_OVERHEAD_BYTES,
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
    if (this.#blobs.get(digest) === undefined) this.#blobs.set(digest, compact(blob));
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

const TOLERATED_SLACK = 1.25;

/**
 * A view keeps the whole buffer alive that it looks at: a small blob of a large reply would hold what the bound does not
 * count. Such a blob moves into a buffer of its own.
 */
function compact(blob: LongString): LongString {
  const buffers = new Set(blob.chunks.map((chunk) => chunk.buffer));
  const heldBytes = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
  if (heldBytes <= blob.byteLength * TOLERATED_SLACK) return blob;
  const own = Buffer.allocUnsafeSlow(blob.byteLength);
  let offset = 0;
  for (const chunk of blob.chunks) {
    own.set(chunk, offset);
    offset += chunk.length;
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
