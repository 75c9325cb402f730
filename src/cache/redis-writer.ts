import { randomUUID } from 'node:crypto';
import { sizeOf } from './backlog.ts';
import { BYTES_A_MS } from './deadline.ts';
import type { Books, Filed, Filing, Removed, RoomInBooks } from './redis-books.ts';
import type { SharedBytes } from './redis-bytes.ts';
import { BLOB_BYTES, ENTRY_BYTES } from './redis-lua.ts';
import type { Cards } from './redis-cards.ts';
import type { Fence } from './leases.ts';
import type { Card, NewEntry } from './store.ts';

export interface RedisWriterOptions {
  readonly books: Books;
  readonly heads: Cards;
  readonly bytes: SharedBytes;
  readonly room: RoomInBooks;
  /** How long one small step may take. */
  readonly keepMs: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onRemoved: (removed: readonly Removed[]) => Promise<void>;
}

/** What is larger is not shared: it would take the bytes of a hundred pictures with it. */
const MOST_ENTRY_BYTES = 96 << 20;
/** What was there when the writing began may be gone at its end, once. */
const TRIES = 2;

/** Writes an entry: its bytes, its head, and then it is filed, in one step. Until then nobody finds anything of it. */
export class RedisWriter {
  readonly #options: RedisWriterOptions;

  constructor(options: RedisWriterOptions) {
    this.#options = options;
  }

  /** Whether it is kept; where it is not, nothing has its name. Rejects with what failed. */
  readonly write = async (name: string, entry: NewEntry, isWanted: () => boolean): Promise<boolean> => {
    const { heads } = this.#options;
    const { bytes: _bytes, fence, ...card } = entry;
    const token = randomUUID();
    let isKept = false;
    try {
      if (this.#fits(card)) isKept = await this.#tryTo(name, token, entry, card, isWanted);
      return isKept;
    } finally {
      // What it should have replaced is out of date.
      if (!isKept) void Promise.allSettled([this.#drop(name, fence), heads.delete(name, token)]);
    }
  };

  async #tryTo(name: string, token: string, entry: NewEntry, card: Card, isWanted: () => boolean): Promise<boolean> {
    const { books, heads, bytes, now, keepMs } = this.#options;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const { books: state, present } = await books.begin(card.blobs, now(), keepMs);
      for (const ref of card.blobs) {
        if (tries === 0 && present.has(ref.digest)) continue;
        const pieces = await entry.bytes.get(ref.digest)!.decoded();
        await bytes.write(ref, pieces, keepMs + ref.byteLength / BYTES_A_MS);
      }
      const lifeMs = Math.ceil(card.expiresAt - now());
      if (lifeMs <= 0 || !isWanted()) return false;
      if (tries === 0) await heads.set(name, token, card, lifeMs);
      const outcome = await this.#file({ name, token, card, books: state, lifeMs, fence: entry.fence });
      if (outcome !== 'torn') return outcome === 'kept';
    }
    return false;
  }

  /** However much has to go for it. */
  async #file(filing: Filing): Promise<Exclude<Filed['outcome'], 'more'>> {
    const { books, room, keepMs, onRemoved } = this.#options;
    for (;;) {
      const { outcome, removed } = await books.file(filing, room, keepMs);
      await onRemoved(removed);
      if (outcome !== 'more') return outcome;
    }
  }

  async #drop(name: string, fence: Fence | undefined): Promise<void> {
    const { books, keepMs, onRemoved } = this.#options;
    await onRemoved(await books.drop(name, keepMs, fence));
  }

  /** Alone, as the books count it. */
  #fits(card: Card): boolean {
    const { maxBytes, scopeBytes, maxWords, scopeWords } = this.#options.room;
    const words = Buffer.byteLength(card.head) + ENTRY_BYTES;
    const bytes = words + sizeOf(card) + card.blobs.length * BLOB_BYTES;
    return bytes <= Math.min(maxBytes, scopeBytes, MOST_ENTRY_BYTES) && words <= Math.min(maxWords, scopeWords);
  }
}
