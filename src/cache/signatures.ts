import { hash } from 'node:crypto';
import type { Answer, Drawn, Picture } from '../image/answer.ts';
import { digestOfWords } from '../image/history.ts';
import type { Original, OriginalText } from '../image/history.ts';
import { MIME_TYPES, sniff } from '../image/picture.ts';
import type { PicturePart, Signature } from '../image/request.ts';
import { LongString } from '../wire/long-string.ts';
import { digestOfBase64 } from './digest.ts';
import { nameOf, Parcel, readAll } from './entry.ts';
import { readHead, readTurnHead, writeTurnHead } from './head.ts';
import type { Kept, KeptPart, TurnHead } from './head.ts';
import { keyName } from './key.ts';
import type { Shelf } from './shelf.ts';

export interface SignaturesOptions {
  readonly shelf: Shelf;
  /** Zero: none are kept. */
  readonly ttlSeconds: number;
  /** Whether other instances are asked next: then what is recorded is there before the answer is. */
  readonly isShared: boolean;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Within whom a picture is known again. */
export interface Whose {
  readonly scope: string;
  /** The house's id of the model that drew it. */
  readonly model: string;
  /** The kind of upstream that signed it. */
  readonly family: string;
}

/** An answer that is kept, before its bytes are asked for. */
export interface Known {
  readonly name: string;
  readonly at: number;
  /** What its long strings come to, as base64. */
  readonly byteLength: number;
}

/**
 * What the vendor said with each picture that was delivered, found again by the bytes of whatever was delivered for it: a
 * picture that comes back from a caller who cannot carry its thought signature goes up as the vendor sent it. The turn is
 * an entry of the stores under the digest of the vendor's picture, whose bytes it shares with the cache's own entry; under
 * the digests of renditions lie small ones that say of which picture they were made. All are in the scope they were
 * delivered in, and nobody else's request looks there. Of texts, which may quote prompts, only digests are kept: the caller
 * has the words.
 */
export class Signatures {
  readonly #options: SignaturesOptions;

  constructor(options: SignaturesOptions) {
    this.#options = options;
  }

  /** `delivered`: the vendor's picture, or what was made of it. */
  async record(
    { answer, picture, model }: Drawn,
    delivered: Picture,
    { scope, family }: Omit<Whose, 'model'>,
  ): Promise<void> {
    if (this.#options.ttlSeconds <= 0) return;
    // Where nothing was signed there is nothing to put back.
    if (!answer.parts.some(({ kind, signature }) => kind === 'picture' && signature !== null)) return;
    const whose = { scope, model };
    const parts = signedTurn(answer);
    const pictures: { readonly at: number; readonly digest: string }[] = [];
    for (const [at, part] of parts.entries())
      if (part.kind === 'picture' && part.signature !== null)
        pictures.push({ at, digest: (await digestOfBase64(part.data)).digest });
    if (pictures.length === 0) return;
    const { digest } = await digestOfBase64(picture.data);
    const chosen = pictures.find((each) => each.digest === digest);
    if (chosen === undefined) return;
    if (!(await this.#isKept(whose, digest))) await this.#keepTurn(whose, family, parts, chosen);
    for (const { at, digest: other } of pictures)
      if (other !== digest) await this.#keepMade(whose, other, { of: digest, at });
    if (delivered.data !== picture.data) await this.recordMade(whose, digest, delivered);
  }

  /** Of a picture made of one whose digest is known: nothing where that is no picture recorded here. */
  async recordMade(whose: Omit<Whose, 'family'>, of: string, made: Picture): Promise<void> {
    if (this.#options.ttlSeconds <= 0) return;
    const head = await this.#head(whose, of);
    if (head === null) return;
    const { digest } = await digestOfBase64(made.data);
    if (digest !== of) await this.#keepMade(whose, digest, { of: 'of' in head ? head.of : of, at: head.at });
  }

  /** By the SHA-256 of a picture's bytes, in lower-case hex; null: nothing is known of it. */
  async find(digest: string, { family, ...whose }: Whose): Promise<Known | null> {
    const found = await this.#head(whose, digest);
    if (found === null) return null;
    const name = nameFor(whose, 'of' in found ? found.of : digest);
    const card = await this.#options.shelf.peek(name);
    const head = card === null ? 'corrupt' : readTurnHead(card.head);
    if (card === null || typeof head === 'string' || 'of' in head || head.family !== family) return null;
    const byteLength = card.blobs.reduce((sum, blob) => sum + Math.ceil(blob.byteLength / 3) * 4, 0);
    return { name, at: found.at, byteLength };
  }

  /** Null: it made room for others meanwhile. */
  async read({ name, at }: Known): Promise<Original | null> {
    const found = await this.#options.shelf.get(name, { maxAgeSeconds: null });
    const head = found === null ? 'corrupt' : readTurnHead(found.card.head);
    if (found === null || typeof head === 'string' || 'of' in head) return null;
    const kept = head.parts.flatMap((part) =>
      part.kind === 'picture' ? [part.picture, part.signature] : [part.signature],
    );
    const long = await readAll(
      kept.filter((each) => typeof each === 'object' && each !== null),
      found.blobs,
    );
    const turn = head.parts.map((part) => partOf(part, long));
    if (!turn.every((part) => part !== null) || turn[at]?.kind !== 'picture') return null;
    return { id: name, turn, words: head.words, at };
  }

  /** The name of what is kept with an answer's picture, by the answer's own; null: there is no such answer. */
  async twinOf(answer: string): Promise<string | null> {
    const card = await this.#options.shelf.peek(answer);
    const head = card === null ? 'corrupt' : readHead(card.head);
    return card === null || typeof head === 'string' ? null : nameFor(card, head.picture.digest);
  }

  async #head(whose: Omit<Whose, 'family'>, digest: string): Promise<TurnHead | null> {
    const card = await this.#options.shelf.peek(nameFor(whose, digest));
    const head = card === null ? 'corrupt' : readTurnHead(card.head);
    return typeof head === 'string' ? null : head;
  }

  /** What will go before long is written anew. */
  async #isKept(whose: Omit<Whose, 'family'>, digest: string): Promise<boolean> {
    const { shelf, now, ttlSeconds } = this.#options;
    const card = await shelf.peek(nameFor(whose, digest));
    return card !== null && card.expiresAt - now() > (ttlSeconds / 2) * 1000;
  }

  async #keepTurn(
    whose: Omit<Whose, 'family'>,
    family: string,
    parts: readonly SignedPart[],
    { at, digest }: { readonly at: number; readonly digest: string },
  ): Promise<void> {
    const parcel = new Parcel();
    const kept: KeptPart[] = [];
    for (const part of parts) {
      const signature = part.signature instanceof LongString ? await parcel.add(part.signature) : part.signature;
      if (part.kind === 'text')
        kept.push({ kind: 'text', length: part.text.length, digest: digestOfWords(part.text), signature });
      else kept.push({ kind: 'picture', picture: await parcel.add(part.data), mimeType: part.mimeType, signature });
    }
    const words = digestOfWords(parts.map((part) => (part.kind === 'text' ? part.text : '')).join(''));
    await this.#keep(whose, digest, writeTurnHead({ family, parts: kept, words, at }), parcel);
  }

  async #keepMade(whose: Omit<Whose, 'family'>, digest: string, where: { of: string; at: number }): Promise<void> {
    if (!(await this.#isKept(whose, digest))) await this.#keep(whose, digest, writeTurnHead(where), new Parcel());
  }

  async #keep({ scope, model }: Omit<Whose, 'family'>, digest: string, head: string, parcel: Parcel): Promise<void> {
    const { shelf, now, ttlSeconds, isShared } = this.#options;
    const createdAt = now();
    const entry = { scope, model, head, createdAt, expiresAt: createdAt + ttlSeconds * 1000, ...parcel.contents() };
    await shelf.put(nameFor({ scope, model }, digest), entry, { everywhere: isShared, behind: true });
  }
}

type SignedPart =
  | { readonly kind: 'text'; readonly text: string; readonly signature: Signature | null }
  | {
      readonly kind: 'picture';
      readonly data: LongString;
      readonly mimeType: string;
      readonly signature: Signature | null;
    };

/** What a model said, without its thoughts, as it may go up again. */
function signedTurn({ parts }: Answer): readonly SignedPart[] {
  return parts.flatMap((part): readonly SignedPart[] => {
    if (part.thought) return [];
    if (part.kind === 'text') return [part];
    const data = typeof part.data === 'string' ? LongString.fromText(part.data) : part.data;
    const type = sniff(Buffer.from(data.beginning(SNIFFED), 'base64'));
    return type === null ? [] : [{ ...part, data, mimeType: MIME_TYPES[type] }];
  });
}

/** Characters of base64: more bytes than it takes to tell what a picture is. */
const SNIFFED = 128;

function partOf(part: KeptPart, long: ReadonlyMap<string, LongString>): OriginalText | PicturePart | null {
  const stringOf = (kept: Kept): LongString | null => long.get(nameOf(kept)) ?? null;
  const { signature: kept } = part;
  const signature = typeof kept === 'object' && kept !== null ? stringOf(kept) : kept;
  if (kept !== null && signature === null) return null;
  if (part.kind === 'text') return { kind: 'text', length: part.length, digest: part.digest, signature };
  const data = stringOf(part.picture);
  return data === null ? null : { kind: 'picture', data, mimeType: part.mimeType, thought: false, signature, more: {} };
}

/** No key of an answer or a rendition: those are digests of other words. */
function nameFor({ scope, model }: Omit<Whose, 'family'>, digest: string): string {
  return keyName({ scope, digest: hash('sha256', JSON.stringify(['signature', model, digest])) });
}
