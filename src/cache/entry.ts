import type { Answer, Drawn } from '../image/answer.ts';
import { Base64Error, decodeBase64, decodedLength, encodeBase64 } from '../wire/base64.ts';
import type { JsonObject } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';
import { digestOf, digestOfBase64, rememberDigest } from './digest.ts';
import { cutLongStrings, type Head, type Kept, putLongStringsBack, readHead, writeHead } from './head.ts';
import { type CacheKey, keyName } from './key.ts';
import type { Fence } from './leases.ts';
import type { Acceptable, EntryTrouble, Shelf } from './shelf.ts';
import { newBlob } from './store.ts';
import type { BlobRef, Card, NewBlob, StoreTier } from './store.ts';

export interface EntriesOptions {
  readonly shelf: Shelf;
  /** How the upstreams' words are read. What is stored is read anew each time, so a mended reader mends it too. */
  readonly parseAnswer: (words: JsonObject) => Answer;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onTrouble: (trouble: EntryTrouble, cause?: unknown) => void;
  /** How long past their time entries are kept, to stand in while nobody can draw. Absent: not at all. */
  readonly graceSeconds?: number;
}

/** Which answer will do. */
export interface Accepted extends Pick<Acceptable, 'maxAgeSeconds' | 'shared'> {
  /** How long past its time it may be. Absent: it must be fresh. */
  readonly staleSeconds?: number;
}

/** For an answer that other instances wait for. */
export interface Sharing {
  /** The shared store keeps it only while this stands. */
  readonly fence?: Fence;
  readonly onShared?: (isKept: boolean) => void;
}

export interface Hit {
  readonly drawn: Drawn;
  readonly ageSeconds: number;
  /** Whole seconds it is still good for; below zero: for so long it has not been. */
  readonly ttlSeconds: number;
  /** Past its time: it only stands in. */
  readonly isStale: boolean;
  /** Where it was found. */
  readonly tier: StoreTier;
}

interface ReadOut {
  readonly head: Head;
  readonly drawn: Drawn;
  readonly blobs: ReadonlyMap<string, LongString>;
}

/** Of a head that is read once: nearly all are shorter, and what is read out of them takes less than a store counts for them. */
const REMEMBERED_CHARACTERS = 4096;

/** What was drawn before, as the upstream said it: a small head, and the bytes it speaks of beside it. */
export class Entries {
  readonly #options: EntriesOptions;
  /** Memory hands out the same card at each hit: what was read out of it is good for as long as it has that. */
  readonly #readOut = new WeakMap<Card, ReadOut>();

  constructor(options: EntriesOptions) {
    this.#options = options;
  }

  /** The answer, unless there is none or it is older than accepted. */
  async get(key: CacheKey, { staleSeconds = 0, ...accept }: Accepted): Promise<Hit | null> {
    const name = keyName(key);
    const { now } = this.#options;
    let seen: { readonly card: Card; readonly head: ReturnType<typeof readHead> } | null = null;
    const headOf = (card: Card): ReturnType<typeof readHead> => {
      if (seen?.card !== card) seen = { card, head: this.#readOut.get(card)?.head ?? readHead(card.head) };
      return seen.head;
    };
    const suits = (card: Card): boolean => {
      const head = headOf(card);
      // One that cannot be read is found, and done away with.
      return typeof head === 'string' || now() < freshUntil(head, card) + staleSeconds * 1000;
    };
    const found = await this.#options.shelf.get(name, { ...accept, suits });
    if (found === null) return null;
    const { card, blobs, tier } = found;
    const head = headOf(card);
    if (typeof head === 'string') return this.#discard(name, head);
    try {
      const drawn = await this.#drawnOf(card, head, blobs);
      if (drawn === null) return await this.#discard(name, 'blob_missing');
      const at = now();
      const ageSeconds = wholeSeconds(Math.max(0, at - card.createdAt));
      const leftMs = freshUntil(head, card) - at;
      return { drawn, ageSeconds, ttlSeconds: wholeSeconds(leftMs), isStale: leftMs <= 0, tier };
    } catch (error) {
      return this.#discard(name, 'corrupt', error);
    }
  }

  /** Null: its picture is not there. */
  async #drawnOf(card: Card, head: Head, blobs: ReadonlyMap<string, LongString>): Promise<Drawn | null> {
    const before = this.#readOut.get(card);
    if (before !== undefined && card.blobs.every(({ digest }) => before.blobs.get(digest) === blobs.get(digest)))
      return before.drawn;
    const wanted = [head.picture, ...Object.values(head.longStrings)];
    const longStrings = await readAll(wanted, blobs);
    const data = longStrings.get(nameOf(head.picture));
    if (data === undefined) return null;
    const words = putLongStringsBack(head.words, (place) => {
      const kept = head.longStrings[place];
      return kept && longStrings.get(nameOf(kept));
    });
    const answer = this.#options.parseAnswer(words);
    const drawn = { ...head.drawn, answer, picture: { data, info: head.picture.info } };
    // What was spelt in another way was decoded for this answer, and is memory that no store counts.
    if (card.head.length <= REMEMBERED_CHARACTERS && wanted.every(({ kind }) => kind === 'base64'))
      this.#readOut.set(card, { head, drawn, blobs });
    return drawn;
  }

  /**
   * Whether the answer is kept, whole. A time to live of zero or less keeps nothing: to Keyv zero would mean for ever. Unless
   * it rejects, `onShared` is told once whether the store that instances share has kept it, which may be later.
   */
  async put(
    key: CacheKey,
    { answer, picture, ...drawn }: Drawn,
    ttlSeconds: number,
    { fence, onShared }: Sharing = {},
  ): Promise<boolean> {
    if (!(ttlSeconds > 0)) {
      onShared?.(false);
      return false;
    }
    const parcel = new Parcel();
    const { words, longStrings } = cutLongStrings(answer.words);
    const kept: Record<string, Kept> = {};
    for (const [place, value] of longStrings) kept[place] = await parcel.add(value);
    const keptPicture = { ...(await parcel.add(picture.data)), info: picture.info };
    const createdAt = this.#options.now();
    const { graceSeconds = 0 } = this.#options;
    const freshUntil = createdAt + ttlSeconds * 1000;
    const timed = graceSeconds > 0 ? { freshUntil } : {};
    const entry = {
      scope: key.scope,
      model: drawn.model,
      head: writeHead({ words, longStrings: kept, picture: keptPicture, drawn, ...timed }),
      createdAt,
      expiresAt: freshUntil + graceSeconds * 1000,
      ...parcel.contents(),
      ...(fence !== undefined && { fence }),
    };
    return this.#options.shelf.put(keyName(key), entry, { ...(onShared !== undefined && { onShared }) });
  }

  /** Forgets it here, and not in the store that instances share. */
  async forget(key: CacheKey): Promise<void> {
    await this.#options.shelf.forget({ name: keyName(key) });
  }

  /** Forgets the answer. Its bytes may serve other entries. */
  async delete(key: CacheKey): Promise<void> {
    await this.#options.shelf.delete(keyName(key));
  }

  async #discard(name: string, trouble: EntryTrouble, cause?: unknown): Promise<null> {
    this.#options.onTrouble(trouble, cause);
    await this.#options.shelf.delete(name);
    return null;
  }
}

function freshUntil(head: Head, { expiresAt }: Card): number {
  return head.freshUntil ?? expiresAt;
}

/** Long strings on their way into a store: equal ones once. */
export class Parcel {
  readonly #known = new Map<LongString, Kept>();
  readonly #blobs = new Map<string, BlobRef>();
  readonly #bytes = new Map<string, NewBlob>();

  /** Base64 that reads back as it was is kept as the bytes it stands for, and so shared with every equal picture. */
  async add(value: LongString): Promise<Kept> {
    const before = this.#known.get(value);
    if (before !== undefined) return before;
    const canonical = await digestOfCanonical(value);
    const kept =
      canonical === null
        ? this.#pack('json', await digestOf(value.chunks), await encodeBase64(Buffer.concat(value.chunks)))
        : this.#pack('base64', canonical, value);
    this.#known.set(value, kept);
    return kept;
  }

  contents(): { readonly blobs: readonly BlobRef[]; readonly bytes: ReadonlyMap<string, NewBlob> } {
    return { blobs: [...this.#blobs.values()], bytes: this.#bytes };
  }

  #pack(kind: Kept['kind'], digest: string, base64: LongString): Kept {
    this.#blobs.set(digest, { digest, byteLength: decodedLength(base64) });
    this.#bytes.set(digest, newBlob(base64));
    return { kind, digest };
  }
}

/** The long strings by name, as far as their blobs are there. */
export async function readAll(
  wanted: readonly Kept[],
  blobs: ReadonlyMap<string, LongString>,
): Promise<ReadonlyMap<string, LongString>> {
  const read = new Map<string, LongString>();
  for (const kept of wanted) {
    const blob = blobs.get(kept.digest);
    const name = nameOf(kept);
    if (blob === undefined || read.has(name)) continue;
    if (kept.kind === 'base64') rememberDigest(blob, kept.digest);
    read.set(name, kept.kind === 'base64' ? blob : await jsonOf(blob));
  }
  return read;
}

/** Of a long string among those of `readAll`. */
export function nameOf({ kind, digest }: Kept): string {
  return `${kind}:${digest}`;
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** Null for what is no base64, and for base64 that encoding its bytes again would spell in another way. */
async function digestOfCanonical(value: LongString): Promise<string | null> {
  try {
    const { digest, isCanonical } = await digestOfBase64(value);
    return isCanonical ? digest : null;
  } catch (error) {
    if (error instanceof Base64Error) return null;
    throw error;
  }
}

async function jsonOf(blob: LongString): Promise<LongString> {
  const json = await decodeBase64(blob);
  return LongString.fromJson([json], json.includes('\\'));
}
