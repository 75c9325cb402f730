import { Keyv } from 'keyv';
import type { LongString } from '../wire/long-string.ts';
import { newBlob, StoreDown } from './store.ts';
import type { BlobRef, Card, EntryStore, NewBlob, NewEntry, Purged, Selection, Standing, StoreTier } from './store.ts';

export interface ShelfOptions {
  /** The fastest first. What is found further down is brought up. At least one. */
  readonly tiers: readonly EntryStore[];
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Told why an entry could not be had or kept; the cache goes on as if it were not there. */
  readonly onTrouble: (trouble: EntryTrouble, cause?: unknown) => void;
}

export type EntryTrouble = 'another_version' | 'corrupt' | 'blob_missing' | 'store_failed';

export interface Acceptable {
  /** Null accepts any age. */
  readonly maxAgeSeconds: number | null;
  /** Only the last tier is asked: what instances share, and not what this one may have kept of old. */
  readonly shared?: boolean;
  /** Whether an entry will do, asked before its bytes are read. Absent: each that has not expired. */
  readonly suits?: (card: Card) => boolean;
}

export interface Found {
  readonly card: Card;
  /** By digest: all that the card names. */
  readonly blobs: ReadonlyMap<string, LongString>;
  readonly tier: StoreTier;
}

const EASY_BACKLOG_BYTES = 32 << 20;

interface Tier {
  readonly store: EntryStore;
  readonly cards: Keyv<Card>;
}

interface PutOptions {
  readonly everywhere?: boolean;
  readonly behind?: boolean;
  readonly onShared?: (isKept: boolean) => void;
}

/** The stores, one over the other, as one. To read and to keep never fails: a broken cache is one that misses. */
export class Shelf {
  readonly #options: ShelfOptions;
  readonly #tiers: readonly Tier[];
  /** Rises when something is removed: what was read before that is not brought up after it. */
  #removals = 0;

  constructor(options: ShelfOptions) {
    this.#options = options;
    this.#tiers = options.tiers.map((store) => ({ store, cards: cardsOf(store) }));
  }

  /** The entry, whole, unless there is none, or it has expired or is older than accepted. */
  async get(name: string, accept: Acceptable): Promise<Found | null> {
    const removals = this.#removals;
    const first = accept.shared === true ? this.#tiers.length - 1 : 0;
    for (const [level, tier] of this.#tiers.entries()) {
      if (level < first) continue;
      const found = await this.#read(tier, name, accept);
      if (found === 'too_old') return null;
      if (found === null) continue;
      for (const { store } of this.#tiers.slice(level + 1)) store.touch(name);
      if (this.#removals === removals) await this.#bringUp(name, found, level);
      if (this.#removals !== removals) await this.#takeDown(name, level);
      return found;
    }
    return null;
  }

  /**
   * Whether it is kept, whole, by one tier at least. What a faster tier has kept is found there: the slower ones go on by
   * themselves, unless so much waits for them that more had better wait too. `everywhere`: waits until all have had their
   * turn, for what must survive the process; `behind`: for none, however much waits. `onShared` is told whether the last has kept it.
   */
  async put(
    name: string,
    entry: NewEntry,
    { everywhere = false, behind = false, onShared }: PutOptions = {},
  ): Promise<boolean> {
    const [fastest, ...slower] = this.#tiers;
    // What instances share has a fence; what this one keeps has none.
    const { fence, ...plain } = entry;
    let isKept = await this.#file(fastest!, name, plain);
    if (slower.length === 0) {
      onShared?.(isKept);
      return isKept;
    }
    const own = { ...plain, bytes: await ownBytes(fastest!.store, entry) };
    for (const tier of slower) {
      const isLast = tier === slower.at(-1);
      const filed = this.#file(tier, name, isLast && fence !== undefined ? { ...own, fence } : own);
      if (isLast) void filed.then(onShared);
      const isEasy = behind || tier.store.backlogBytes <= EASY_BACKLOG_BYTES;
      if (isKept && !everywhere && isEasy) continue;
      if (await filed) isKept = true;
    }
    return isKept;
  }

  /**
   * As `put`, for what is to stay until it expires: whether the last tier has kept it so. It outlives the others, in
   * which the entry is one like any other.
   */
  async pin(name: string, entry: NewEntry): Promise<boolean> {
    const faster = this.#tiers.slice(0, -1);
    for (const tier of faster) await this.#file(tier, name, entry);
    const bytes = faster[0] === undefined ? entry.bytes : await ownBytes(faster[0].store, entry);
    return this.#file(this.#tiers.at(-1)!, name, { ...entry, bytes, pinned: true });
  }

  /** What is known of an entry before its bytes are asked for, by the first tier that has it; null: it is not there. */
  async peek(name: string): Promise<Card | null> {
    for (const { cards } of this.#tiers)
      try {
        const card = await cards.get(name);
        if (card !== undefined && this.#options.now() < card.expiresAt) return card;
      } catch (error) {
        this.#options.onTrouble('store_failed', error);
      }
    return null;
  }

  /** Unix milliseconds: until when the last tier keeps what it has under that name; 0 where it has nothing. */
  async keptUntil(name: string): Promise<number> {
    try {
      return (await this.#tiers.at(-1)!.cards.get(name))?.expiresAt ?? 0;
    } catch (error) {
      this.#options.onTrouble('store_failed', error);
      return 0;
    }
  }

  /** Whether there is room left for so many bytes of pinned entries of a scope; without a number, any at all. */
  async mayPin(scope: string, bytes = 1): Promise<boolean> {
    return (await this.#tiers.at(-1)!.store.mayPin?.(scope, bytes)) ?? true;
  }

  async delete(name: string): Promise<void> {
    this.#removals += 1;
    await Promise.all(this.#tiers.map(({ cards }) => cards.delete(name)));
  }

  /** Counts each entry once, though it may lie in several tiers. Rejects with StoreDown where not all of it is gone. */
  async purge(selection: Selection): Promise<Purged> {
    let most: Purged = { entries: 0, bytes: 0 };
    const failures: unknown[] = [];
    // The fastest last: what is read below before it is gone there is not brought up, or not left there.
    for (const { store } of this.#tiers.toReversed()) {
      this.#removals += 1;
      try {
        const purged = await store.purge(selection);
        if (purged.entries > most.entries) most = purged;
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return most;
  }

  /**
   * Gives up what is gone from the last tier, or was replaced there: another instance did it, which shares that tier. Never
   * rejects: nobody here has asked for it.
   */
  async forget(selection: Selection): Promise<void> {
    this.#removals += 1;
    for (const { store } of this.#tiers.slice(0, -1))
      try {
        await store.purge(selection);
      } catch (error) {
        this.#options.onTrouble('store_failed', error);
      }
  }

  /** Of the last tier, which has what the others have. Rejects with StoreDown. */
  async stats(): Promise<readonly Standing[]> {
    return this.#tiers.at(-1)!.store.stats();
  }

  /** Of the last tier, what has not expired: the newest first, so many at most. Rejects with StoreDown. */
  async list(scope: string, model: string, most: number): Promise<readonly Card[]> {
    const cards = await this.#tiers.at(-1)!.store.list(scope, model, most);
    return cards.filter(({ expiresAt }) => this.#options.now() < expiresAt);
  }

  async #read(
    { store, cards }: Tier,
    name: string,
    { maxAgeSeconds, suits }: Acceptable,
  ): Promise<Found | 'too_old' | null> {
    try {
      const card = await cards.get(name);
      if (card === undefined) return null;
      const now = this.#options.now();
      if (now >= card.expiresAt || now - card.createdAt > (maxAgeSeconds ?? Infinity) * 1000) return 'too_old';
      if (suits?.(card) === false) return 'too_old';
      const blobs = await fetchAll(store, card.blobs);
      if (blobs !== null) return { card, blobs, tier: store.tier };
      // It may have made room for another since its card was read: then nothing is wrong.
      const still = await cards.get(name);
      if (still?.createdAt !== card.createdAt) return null;
      this.#options.onTrouble('blob_missing');
      await cards.delete(name);
    } catch (error) {
      if (!(error instanceof StoreDown)) this.#options.onTrouble('store_failed', error);
    }
    return null;
  }

  async #bringUp(name: string, { card, blobs }: Found, from: number): Promise<void> {
    if (from === 0) return;
    const bytes = [...blobs].map(([digest, base64]) => [digest, newBlob(base64)] as const);
    const { pinned: _pinned, ...free } = card;
    const entry = { ...free, bytes: new Map(bytes) };
    for (const tier of this.#tiers.slice(0, from)) {
      // While a slow disk was read, another may have kept a newer one.
      const present = await tier.cards.get(name);
      if (present === undefined || present.createdAt < card.createdAt) await this.#file(tier, name, entry);
    }
  }

  async #takeDown(name: string, from: number): Promise<void> {
    for (const { cards } of this.#tiers.slice(0, from)) await cards.delete(name);
  }

  async #file({ cards }: Tier, name: string, entry: NewEntry): Promise<boolean> {
    try {
      const ttlMs = entry.expiresAt - this.#options.now();
      return ttlMs > 0 && (await cards.set(name, entry, ttlMs));
    } catch (error) {
      this.#options.onTrouble('store_failed', error);
      return false;
    }
  }
}

/**
 * Bytes that whoever files an entry may go on using for something else: a slow tier writes for as long as it takes. Those
 * that the fastest tier has kept are its own; what it has not is decoded now.
 */
async function ownBytes(fastest: EntryStore, { blobs, bytes }: NewEntry): Promise<NewEntry['bytes']> {
  const own = new Map<string, NewBlob>();
  for (const ref of blobs) {
    const kept = await fastest.blob(ref);
    if (kept !== null) {
      own.set(ref.digest, newBlob(kept));
      continue;
    }
    const { base64, decoded } = bytes.get(ref.digest)!;
    const pieces = await decoded();
    own.set(ref.digest, { base64, decoded: () => Promise.resolve(pieces) });
  }
  return own;
}

function cardsOf(store: EntryStore): Keyv<Card> {
  // Keyv leaves its prefix out where a key happens to start with it, and then two keys are one.
  const cards = new Keyv<Card>({ store, useKeyPrefix: false, throwOnErrors: true, emitErrors: false });
  cards.serialize = undefined;
  cards.deserialize = undefined;
  return cards;
}

async function fetchAll(store: EntryStore, refs: readonly BlobRef[]): Promise<ReadonlyMap<string, LongString> | null> {
  const blobs = await Promise.all(refs.map((ref) => store.blob(ref)));
  const found = new Map<string, LongString>();
  for (const [index, blob] of blobs.entries()) if (blob !== null) found.set(refs[index]!.digest, blob);
  return found.size === refs.length ? found : null;
}
