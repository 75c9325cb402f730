import type { Redis, Reply, Script } from '../redis.ts';
import type { Fence } from './leases.ts';
import type { BytesPlace } from './redis-lua.ts';
import * as care from './redis-care.ts';
import * as verbs from './redis-verbs.ts';
import { pinnable, StoreDown } from './store.ts';
import type { BlobRef, Card, Claim, EvictionReason, Purged, Selection, Standing } from './store.ts';

export interface BooksOptions {
  readonly redis: Redis;
  /** Of all keys of one cache. */
  readonly prefix: string;
  readonly place: BytesPlace;
  /** The name of this instance among those who share the books. */
  readonly instance: string;
}

export interface RoomInBooks {
  readonly maxBytes: number;
  readonly scopeBytes: number;
  /** Of heads alone, where the bytes are elsewhere. */
  readonly maxWords: number;
  readonly scopeWords: number;
}

/** An entry that went: its card is under this name and token. */
export interface Removed {
  readonly name: string;
  readonly token: string;
  /** Null: somebody asked for it. */
  readonly reason: EvictionReason | null;
}

export interface Filing {
  readonly name: string;
  /** What the entry is known by from now on. */
  readonly token: string;
  readonly card: Card;
  /** What `begin` said of the books. */
  readonly books: string;
  readonly lifeMs: number;
  readonly fence: Fence | undefined;
}

export type Filed = {
  readonly outcome: 'kept' | 'more' | 'torn' | 'full' | 'purged' | 'stale';
  readonly removed: readonly Removed[];
};

/** What others have to give up in memory. */
export type News = { readonly names: readonly string[] } | { readonly selection: Selection };

/** A blob is kept in pieces of this size: another's reply waits for one of them at most. Just under a size that jemalloc has. */
export const PIECE_BYTES = (1 << 20) - 64;
/** What nobody files goes by itself after so long. */
export const DRAFT_MS = 600_000;
/** Entries that one step removes at most: some milliseconds of Redis's. */
const MOST = 300;
const COMPARE_AGAIN_MS = 1_000;
/** Idempotency-Keys of one tenant: some 4 MB. */
const MOST_CLAIMS = 20_000;

export function piecesOf(byteLength: number): number {
  return Math.max(1, Math.ceil(byteLength / PIECE_BYTES));
}

/** What is where in a cache that several instances share: its verbs reject with RedisFailure. */
export class Books {
  readonly #options: BooksOptions;
  /** As the last answer had it; heads and what is spent on them are `words` of it. */
  held = { bytes: 0, words: 0 };

  constructor(options: BooksOptions) {
    this.#options = options;
  }

  /** The token of an entry; null where there is none, any more. It is young again. */
  async use(name: string, ms: number): Promise<{ token: string | null; removed: readonly Removed[] }> {
    const [bytes, token, removed = []] = listOf(await this.#run(verbs.USE, [name], ms));
    this.#count(bytes);
    return { token: typeof token === 'string' && token !== '' ? token : null, removed: removedOf(removed) };
  }

  /** From the one whose last use is longest ago. */
  async touch(uses: readonly (readonly [name: string, times: number])[], ms: number): Promise<void> {
    const words = uses.flatMap(([name, times]) => [name, String(times)]);
    this.#count(textsOf(await this.#run(verbs.TOUCH, words, ms))[0]);
  }

  /** What the books are, and which blobs are there already. */
  async begin(blobs: readonly BlobRef[], now: number, ms: number): Promise<{ books: string; present: Set<string> }> {
    const words = blobs.flatMap(({ digest, byteLength }) => [digest, String(piecesOf(byteLength))]);
    const [books, ...there] = listOf(await this.#run(verbs.BEGIN, [String(DRAFT_MS), String(now), ...words], ms));
    const present = blobs.filter((_, index) => there[index] === 1).map(({ digest }) => digest);
    return { books: String(books), present: new Set(present) };
  }

  async file({ name, token, card, books, lifeMs, fence }: Filing, room: RoomInBooks, ms: number): Promise<Filed> {
    const { scope, model, head, createdAt, expiresAt, pinned } = card;
    const blobs = card.blobs.map(({ digest, byteLength }) => ({
      digest,
      length: byteLength,
      pieces: piecesOf(byteLength),
    }));
    const share = room.scopeBytes < room.maxBytes ? 'share' : 'room';
    const entry = {
      name,
      token,
      fence,
      books,
      scope,
      model,
      createdAt,
      expiresAt,
      blobs,
      words: Buffer.byteLength(head),
      pinned,
      pinBytes: pinnable(room.maxBytes),
      scopePinBytes: pinnable(room.scopeBytes),
    };
    const words = JSON.stringify({ ...entry, ...room, share, life: lifeMs, most: MOST, from: this.#options.instance });
    const [outcome, bytes, removed = []] = listOf(await this.#run(verbs.FILE, [words], ms));
    this.#count(bytes);
    return { outcome: String(outcome).toLowerCase() as Filed['outcome'], removed: removedOf(removed) };
  }

  /** Bytes of pinned entries, each counted whole. */
  async pins(scope: string, ms: number): Promise<{ readonly all: number; readonly ofScope: number }> {
    const [bytes, all, ofScope] = textsOf(await this.#run(verbs.PINS, [scope], ms));
    this.#count(bytes);
    return { all: Number(all), ofScope: Number(ofScope) };
  }

  /** With a fence: while that stands. */
  async drop(name: string, ms: number, fence?: Fence): Promise<readonly Removed[]> {
    const words = fence === undefined ? [name] : [name, JSON.stringify(fence)];
    const [bytes, removed = []] = listOf(await this.#run(verbs.DROP, words, ms));
    this.#count(bytes);
    return removedOf(removed);
  }

  /** `onRemoved` is told after each step. In the end all instances are. */
  async purge(
    selection: Selection,
    { token, onRemoved, ms }: { token: string; onRemoved: (removed: readonly Removed[]) => Promise<void>; ms: number },
  ): Promise<Purged> {
    const words = JSON.stringify({ selection, token, most: MOST, from: this.#options.instance });
    const sum = { entries: 0, bytes: 0 };
    for (let goesOn = true; goesOn;) {
      const reply = listOf(await this.#run(care.PURGE, [words], ms));
      const [bytesLeft, more, entries, bytes, removed = []] = reply;
      this.#count(bytesLeft);
      sum.entries += Number(entries);
      sum.bytes += Number(bytes);
      goesOn = more === 1;
      await onRemoved(removedOf(removed));
    }
    return sum;
  }

  async stats(ms: number): Promise<readonly Standing[]> {
    const [bytes, ...texts] = textsOf(await this.#run(care.STATS, [], ms));
    this.#count(bytes);
    const standings: Standing[] = [];
    for (let at = 0; at + 4 < texts.length; at += 5) {
      const [group = '', ...numbers] = texts.slice(at, at + 5);
      const [scope = '', model = ''] = JSON.parse(group) as readonly string[];
      const [entries = 0, sum = 0, hits = 0, oldest = 0] = numbers.map(Number);
      standings.push({ scope, model, entries, bytes: sum, oldest, hits });
    }
    return standings;
  }

  /** What a scope has of one model, the newest first: where the card of each lies. */
  async list(
    scope: string,
    model: string,
    most: number,
    ms: number,
  ): Promise<readonly { readonly name: string; readonly token: string }[]> {
    const [bytes, ...texts] = textsOf(await this.#run(care.LIST, [scope, model, String(most)], ms));
    this.#count(bytes);
    return texts.flatMap((name, at) => (at % 2 === 0 ? [{ name, token: texts[at + 1] ?? '' }] : []));
  }

  /** Removes some of what has expired; empty when nothing is left of that. */
  async sweep(now: number, ms: number): Promise<readonly Removed[]> {
    const [bytes, removed = []] = listOf(await this.#run(care.SWEEP, [String(now), String(MOST)], ms));
    this.#count(bytes);
    return removedOf(removed);
  }

  /** Some objects that nobody holds, by digest, with a mark that `buried` wants back. */
  async dead(now: number, ms: number): Promise<readonly (readonly [digest: string, mark: string])[]> {
    const texts = textsOf(await this.#run(care.DEAD, [String(now), String(MOST)], ms));
    return texts.flatMap((digest, at) => (at % 2 === 0 ? [[digest, texts[at + 1] ?? ''] as const] : []));
  }

  async buried(dead: readonly (readonly [digest: string, mark: string])[], ms: number): Promise<void> {
    await this.#run(care.BURIED, dead.flat(), ms);
  }

  /** What a name stands for: this claim's pictures, or those of one before it; null where there is none and none is made. */
  async claim(
    claim: Pick<Claim, 'tenant' | 'name'> & Partial<Claim>,
    now: number,
    ms: number,
  ): Promise<Pick<Claim, 'pictures' | 'endsAt'> | null> {
    const { tenant, name, pictures = '', endsAt = 0 } = claim;
    const life = String(Math.max(1, Math.round(endsAt - now)));
    const words = [tenant, name, pictures, String(endsAt), String(now), life, String(MOST_CLAIMS)];
    const reply = await this.#run(care.CLAIM, words, ms);
    if (reply === null) return null;
    const [found = '', until] = textsOf(reply);
    return { pictures: found, endsAt: Number(until) };
  }

  /**
   * Hears what others removed or replaced, until the function is called. `onGap`: something may have been told that this
   * instance did not hear.
   */
  listen(onNews: (news: News) => void, onGap: () => void, ms: number): () => void {
    const { redis, prefix, instance } = this.#options;
    let heard: string | null = null;
    let again: NodeJS.Timeout | undefined;
    const onMessage = (message: string): void => {
      const news = JSON.parse(message) as News & { readonly from: string; readonly token: string };
      heard = news.token;
      if (news.from !== instance) onNews(news);
    };
    const compare = async (before: string | null): Promise<void> => {
      try {
        const told = String(await this.#run(care.TOLD, [], ms));
        // '': nothing was told to anyone, or Redis has lost everything, and memory is all there is.
        if (told === '' || told === before || heard !== before) return;
        heard = told;
        onGap();
      } catch {
        again = setTimeout(() => void compare(before), COMPARE_AGAIN_MS).unref();
      }
    };
    const onListening = (): void => {
      clearTimeout(again);
      void compare(heard);
    };
    const deafen = redis.subscribe(`${prefix}news`, onMessage, onListening);
    return () => {
      clearTimeout(again);
      deafen();
    };
  }

  #run(script: Script, words: readonly string[], ms: number): Promise<Reply> {
    const { redis, prefix, place } = this.#options;
    return redis.run(script, [prefix], [place, ...words], ms);
  }

  #count(bytes: Reply | undefined): void {
    const [all = 0, words = 0] = String(bytes).split(' ').map(Number);
    this.held = { bytes: all, words };
  }
}

function listOf(reply: Reply): readonly Reply[] {
  if (Array.isArray(reply)) return reply as readonly Reply[];
  throw new StoreDown('Redis gave no list where the cache has one');
}

function textsOf(reply: Reply): readonly string[] {
  return listOf(reply).map(String);
}

function removedOf(reply: Reply): readonly Removed[] {
  const texts = textsOf(reply);
  const removed: Removed[] = [];
  for (let at = 0; at + 2 < texts.length; at += 3) {
    const [name = '', token = '', reason = ''] = texts.slice(at, at + 3);
    removed.push({ name, token, reason: reason === '' ? null : (reason as EvictionReason) });
  }
  return removed;
}
