import { encodeBase64 } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import type { Breaker } from './breaker.ts';
import { BYTES_A_MS, Lane, within } from './deadline.ts';
import type { SharedBytes } from './redis-bytes.ts';
import { StoreDown } from './store.ts';
import type { BlobRef } from './store.ts';

export interface RedisReaderOptions {
  readonly bytes: SharedBytes;
  readonly breaker: Breaker;
  /** How long it may take beside the time for the bytes. */
  readonly findMs: number;
}

/** Blobs on their way at one time. */
const READERS = 4;

/** Reads blobs of a shared cache, some at a time and each within its deadline. */
export class RedisReader {
  readonly #options: RedisReaderOptions;
  readonly #lane = new Lane(READERS);
  readonly #reading = new Map<string, Promise<LongString | null>>();

  constructor(options: RedisReaderOptions) {
    this.#options = options;
  }

  /** Null: it is lost, or was not what its address says. Rejects with StoreDown when that cannot be told. */
  async read(ref: BlobRef): Promise<LongString | null> {
    // Many may ask for one picture at once: it is read once.
    const present = this.#reading.get(ref.digest);
    if (present !== undefined) return present;
    if (!this.#options.breaker.allows()) throw new StoreDown('its bytes could not be read a moment ago');
    const work = this.#fetch(ref).finally(() => this.#reading.delete(ref.digest));
    this.#reading.set(ref.digest, work);
    return work;
  }

  async #fetch(ref: BlobRef): Promise<LongString | null> {
    const { bytes, breaker, findMs } = this.#options;
    const deadlineMs = findMs + ref.byteLength / BYTES_A_MS;
    const endsAt = performance.now() + deadlineMs;
    const work = this.#lane.run(
      () => bytes.read(ref, Math.max(1, endsAt - performance.now())),
      () => performance.now() < endsAt,
    );
    let found: Buffer | null;
    try {
      found = await within(deadlineMs, work);
      breaker.succeeded();
    } catch (error) {
      breaker.failed(error);
      throw error instanceof StoreDown ? error : new StoreDown('a blob cannot be read', { cause: error });
    }
    return found === null ? null : encodeBase64(found);
  }
}
