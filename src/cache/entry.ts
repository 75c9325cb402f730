import { Keyv, type KeyvStoreAdapter } from 'keyv';

import type { Answer, Drawn } from '../image/answer.ts';
import { Base64Error, decodeBase64, encodeBase64 } from '../wire/base64.ts';
import type { JsonObject } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';
import type { Blobs, TextStore } from './blobs.ts';
import { digestOf, digestOfBase64 } from './digest.ts';
import { cutLongStrings, type Kept, newHead, putLongStringsBack, readHead } from './head.ts';
import { type CacheKey, keyName } from './key.ts';

export interface EntriesOptions {
  /** Where the heads are kept: bounded, unlike Keyv's own default. */
  readonly heads: TextStore | KeyvStoreAdapter;
  readonly blobs: Blobs;
  /** How the upstreams' words are read. What is stored is read anew each time, so a mended reader mends it too. */
  readonly parseAnswer: (words: JsonObject) => Answer;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Told why an entry could not be had or kept; the cache itself goes on as if it were not there. */
  readonly onTrouble: (trouble: EntryTrouble, cause?: unknown) => void;
}

export type EntryTrouble = 'another_version' | 'corrupt' | 'blob_missing' | 'store_failed';

export interface Hit {
  readonly drawn: Drawn;
  readonly ageSeconds: number;
  /** Whole seconds it will still be kept. */
  readonly ttlSeconds: number;
}

/**
 * What was drawn before, as the upstream said it: a head in Keyv, the bytes in a blob store. The blobs are written first
 * and the head last, so an entry is whole or absent. To read and to keep never fails: a broken cache is one that misses.
 */
export class Entries {
  readonly #heads: Keyv<unknown>;
  readonly #options: EntriesOptions;

  constructor(options: EntriesOptions) {
    this.#options = options;
    this.#heads = new Keyv<unknown>({
      store: options.heads,
      // Keyv leaves its prefix out where a key happens to start with it, and then two keys are one.
      useKeyPrefix: false,
      serialize: JSON.stringify,
      deserialize: parseStored,
      throwOnErrors: true,
      emitErrors: false,
    });
  }

  /** The answer, unless there is none or it is older than accepted; null accepts any age. */
  async get(key: CacheKey, accept: { readonly maxAgeSeconds: number | null }): Promise<Hit | null> {
    try {
      return await this.#get(keyName(key), accept.maxAgeSeconds ?? Infinity);
    } catch (error) {
      this.#options.onTrouble('store_failed', error);
      return null;
    }
  }

  /** Whether the answer is kept, whole. A time to live of zero or less keeps nothing: to Keyv zero would mean for ever. */
  async put(key: CacheKey, drawn: Drawn, ttlSeconds: number): Promise<boolean> {
    try {
      return ttlSeconds > 0 && (await this.#put(keyName(key), drawn, ttlSeconds * 1000));
    } catch (error) {
      this.#options.onTrouble('store_failed', error);
      return false;
    }
  }

  /** Forgets the answer. Its bytes may serve other entries, and go when their store needs the room. */
  async delete(key: CacheKey): Promise<void> {
    await this.#heads.delete(keyName(key));
  }

  async #get(name: string, maxAgeSeconds: number): Promise<Hit | null> {
    const stored = await this.#heads.get(name);
    if (stored === undefined) return null;
    const head = readHead(stored);
    if (typeof head === 'string') return this.#discard(name, head);

    const now = this.#options.now();
    const ageMs = Math.max(0, now - head.createdAt);
    if (now >= head.expiresAt || ageMs > maxAgeSeconds * 1000) return null;
    const found = await this.#fetch([head.picture, ...Object.values(head.longStrings)]);
    const data = found?.get(nameOf(head.picture));
    if (found === null || data === undefined) return this.#discard(name, 'blob_missing');
    const words = putLongStringsBack(head.words, (place) => {
      const kept = head.longStrings[place];
      return kept && found.get(nameOf(kept));
    });
    try {
      const answer = this.#options.parseAnswer(words);
      const drawn = { ...head.drawn, answer, picture: { data, info: head.picture.info } };
      return { drawn, ageSeconds: wholeSeconds(ageMs), ttlSeconds: wholeSeconds(head.expiresAt - now) };
    } catch (error) {
      return this.#discard(name, 'corrupt', error);
    }
  }

  async #put(name: string, { answer, picture, ...drawn }: Drawn, ttlMs: number): Promise<boolean> {
    const { words, longStrings } = cutLongStrings(answer.words);
    const known = new Map<LongString, Kept>();
    const kept: Record<string, Kept> = {};
    for (const [place, value] of longStrings) kept[place] = await this.#keep(value, known);
    const keptPicture = { ...(await this.#keep(picture.data, known)), info: picture.info };

    // A store may have had no room for one, or have made room for the last by giving up the first.
    for (const { digest } of known.values()) if (!(await this.#options.blobs.has(digest))) return false;
    const createdAt = this.#options.now();
    const expiresAt = createdAt + ttlMs;
    const head = newHead({ words, longStrings: kept, picture: keptPicture, drawn, createdAt, expiresAt });
    return this.#heads.set(name, head, ttlMs);
  }

  /** Base64 that reads back as it was is kept as the bytes it stands for, and so shared with every equal picture. */
  async #keep(value: LongString, known: Map<LongString, Kept>): Promise<Kept> {
    const before = known.get(value);
    if (before !== undefined) return before;
    const digest = await digestOfCanonical(value);
    const kept =
      digest === null
        ? await this.#store('json', await digestOf(value.chunks), await encodeBase64(Buffer.concat(value.chunks)))
        : await this.#store('base64', digest, value);
    known.set(value, kept);
    return kept;
  }

  async #store(kind: Kept['kind'], digest: string, blob: LongString): Promise<Kept> {
    await this.#options.blobs.put(digest, blob);
    return { kind, digest };
  }

  /** The long strings by name; null when one of them is missing. */
  async #fetch(wanted: readonly Kept[]): Promise<ReadonlyMap<string, LongString> | null> {
    const distinct = new Map(wanted.map((kept) => [nameOf(kept), kept]));
    const found = new Map<string, LongString>();
    await Promise.all(
      distinct.entries().map(async ([name, { kind, digest }]) => {
        const blob = await this.#options.blobs.get(digest);
        if (blob !== null) found.set(name, kind === 'base64' ? blob : await jsonOf(blob));
      }),
    );
    return found.size === distinct.size ? found : null;
  }

  async #discard(name: string, trouble: EntryTrouble, cause?: unknown): Promise<null> {
    this.#options.onTrouble(trouble, cause);
    await this.#heads.delete(name);
    return null;
  }
}

/** What is no JSON becomes what is no head. */
function parseStored(text: string): { value?: never } {
  try {
    return JSON.parse(text);
  } catch {
    return { value: null as never };
  }
}

function nameOf({ kind, digest }: Kept): string {
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
