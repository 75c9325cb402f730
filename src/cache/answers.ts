import { hash } from 'node:crypto';
import { isObject, type JsonObject } from '../wire/json.ts';
import { nameOf, Parcel, readAll } from './entry.ts';
import { cutLongStrings, type Kept, putLongStringsBack } from './head.ts';
import { keyName } from './key.ts';
import type { Shelf } from './shelf.ts';

/** A whole answer as it was to go out, with the pictures in it. */
export interface KeptAnswer {
  /** JSON of whoever keeps it; it holds no picture. */
  readonly about: JsonObject;
  readonly body: JsonObject;
}

export interface AnswerPlace {
  /** Whose it is: the scope that counts its bytes. */
  readonly tenant: string;
  readonly id: string;
}

export interface KeepingAnswer extends KeptAnswer {
  readonly model: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/** To be raised with every change of AnswerHead's shape. */
const VERSION = 1;

interface AnswerHead extends KeptAnswer {
  readonly version: typeof VERSION;
  readonly longStrings: Readonly<Record<string, Kept>>;
}

/**
 * Answers that wait to be collected: entries of the stores like any other, in the scope that has the tenant's name. Their
 * pictures are blobs that they share with the cache's own. They are pinned until they expire, as linked pictures are.
 */
export class KeptAnswers {
  readonly #shelf: Shelf;
  readonly #now: () => number;

  constructor({ shelf, now }: { readonly shelf: Shelf; readonly now: () => number }) {
    this.#shelf = shelf;
    this.#now = now;
  }

  /** Whether there is room for so many bytes that stay until they expire. */
  async mayKeep(tenant: string, bytes: number): Promise<boolean> {
    return this.#shelf.mayPin(tenant, bytes);
  }

  /** The bytes it counts for, once every store has had its turn; null when none of them keeps it. */
  async put(place: AnswerPlace, { about, body, model, expiresAt }: KeepingAnswer): Promise<number | null> {
    const parcel = new Parcel();
    const { words, longStrings } = cutLongStrings(body);
    const kept: Record<string, Kept> = {};
    for (const [at, value] of longStrings) kept[at] = await parcel.add(value);
    const head = JSON.stringify({ version: VERSION, about, body: words, longStrings: kept } satisfies AnswerHead);
    const contents = parcel.contents();
    const entry = { scope: place.tenant, model, head, createdAt: this.#now(), expiresAt, ...contents };
    // Where there is no room for one more that stays until it expires, it is kept as long as others leave it room.
    const isPinned = await this.#shelf.pin(nameFor(place), entry);
    if (!isPinned && !(await this.#shelf.put(nameFor(place), entry, { everywhere: true }))) return null;
    return contents.blobs.reduce((sum, { byteLength }) => sum + byteLength, head.length);
  }

  /** Null: it made room for others, or was purged. */
  async get(place: AnswerPlace): Promise<KeptAnswer | null> {
    const name = nameFor(place);
    const found = await this.#shelf.get(name, { maxAgeSeconds: null });
    if (found === null) return null;
    const head = readHead(found.card.head);
    if (head === null) {
      await this.#shelf.delete(name);
      return null;
    }
    const { about, body, longStrings } = head;
    const read = await readAll(Object.values(longStrings), found.blobs);
    const whole = putLongStringsBack(body, (at) => {
      const kept = longStrings[at];
      return kept && read.get(nameOf(kept));
    });
    return { about, body: whole };
  }

  async delete(place: AnswerPlace): Promise<void> {
    await this.#shelf.delete(nameFor(place));
  }
}

function nameFor({ tenant, id }: AnswerPlace): string {
  return keyName({ scope: tenant, digest: hash('sha256', JSON.stringify(['answer', tenant, id])) });
}

function readHead(text: string): AnswerHead | null {
  try {
    const head = JSON.parse(text) as Partial<AnswerHead> | null;
    const isWhole = head?.version === VERSION && isObject(head.about) && isObject(head.body);
    return isWhole && typeof head.longStrings === 'object' ? (head as AnswerHead) : null;
  } catch {
    // What is no JSON is what is no head.
    return null;
  }
}
