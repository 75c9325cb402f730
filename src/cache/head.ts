import type { Drawn, Picture } from '../image/answer.ts';
import { MIME_TYPES } from '../image/picture.ts';
import { isObject, type Json, type JsonObject } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';

/** To be raised with every change of Head's shape: a head of another version is a miss. */
const VERSION = 1;

/** What is kept of an answer beside its bytes: a few KB of JSON. */
export interface Head {
  readonly version: typeof VERSION;
  /** The upstream's reply with null in the place of every long string. */
  readonly words: JsonObject;
  /**
   * The long strings by the place they stood in, a JSON Pointer (https://www.rfc-editor.org/rfc/rfc6901). Kept beside the
   * words, so that nothing an upstream says can pass for one.
   */
  readonly longStrings: Readonly<Record<string, Kept>>;
  readonly picture: Kept & Pick<Picture, 'info'>;
  readonly drawn: Omit<Drawn, 'answer' | 'picture'>;
  /** Unix milliseconds: from then on it only stands in while nobody can draw. Absent: good for as long as it is kept. */
  readonly freshUntil?: number;
}

/** What is kept of a picture that was made of another one, beside its bytes. */
export interface RenditionHead {
  readonly version: typeof VERSION;
  readonly picture: Kept & Pick<Picture, 'info'>;
}

/** What is kept of a picture that a link leads to. */
export interface LinkHead extends RenditionHead {
  /** Whose link it is. */
  readonly tenant: string;
}

/** What is kept of a model's turn, so that it can go up again as it came; or where that lies, for a picture made of its own. */
export type TurnHead =
  | {
      readonly version: typeof VERSION;
      /** Whose signatures they are: no other kind of upstream can read them. */
      readonly family: string;
      readonly parts: readonly KeptPart[];
      /** Of its texts, one after the other. */
      readonly words: string;
      /** Which of the parts is the picture that this is kept under. */
      readonly at: number;
    }
  | { readonly version: typeof VERSION; readonly of: string; readonly at: number };

export type KeptPart = { readonly signature: Kept | string | null } & (
  | { readonly kind: 'text'; readonly length: number; readonly digest: string }
  | { readonly kind: 'picture'; readonly picture: Kept; readonly mimeType: string }
);

/** A long string's place among the blobs: as the bytes its base64 stands for, else as those of its JSON spelling. */
export interface Kept {
  readonly kind: 'base64' | 'json';
  readonly digest: string;
}

export function writeHead(fields: Omit<Head, 'version'>): string {
  return JSON.stringify({ version: VERSION, ...fields } satisfies Head);
}

export function writeRenditionHead(fields: Omit<RenditionHead, 'version'>): string {
  return JSON.stringify({ version: VERSION, ...fields } satisfies RenditionHead);
}

export function writeLinkHead(fields: Omit<LinkHead, 'version'>): string {
  return JSON.stringify({ version: VERSION, ...fields } satisfies LinkHead);
}

type Unversioned<H> = H extends unknown ? Omit<H, 'version'> : never;

export function writeTurnHead(fields: Unversioned<TurnHead>): string {
  return JSON.stringify({ version: VERSION, ...fields } satisfies TurnHead);
}

/** What a store gave back, if it is a head that this version wrote. */
export function readHead(text: string): Head | 'another_version' | 'corrupt' {
  return readVersioned(text, isWhole);
}

export function readRenditionHead(text: string): RenditionHead | 'another_version' | 'corrupt' {
  return readVersioned(text, (head: Partial<RenditionHead>) => isKept(head.picture));
}

export function readLinkHead(text: string): LinkHead | 'another_version' | 'corrupt' {
  return readVersioned(
    text,
    (head: Partial<LinkHead>) => isKept(head.picture) && typeof head.tenant === 'string' && isInfo(head.picture?.info),
  );
}

export function readTurnHead(text: string): TurnHead | 'another_version' | 'corrupt' {
  return readVersioned(text, (head: Partial<TurnHead>) => {
    if (!Number.isInteger(head.at)) return false;
    if ('of' in head) return typeof head.of === 'string';
    const { parts, family, words } = head as Partial<Extract<TurnHead, { family: string }>>;
    return (
      Array.isArray(parts) &&
      typeof family === 'string' &&
      typeof words === 'string' &&
      parts[head.at!]?.kind === 'picture'
    );
  });
}

function readVersioned<H extends { version: typeof VERSION }>(
  text: string,
  isWhole: (head: Partial<H>) => boolean,
): H | 'another_version' | 'corrupt' {
  const head = parsed(text) as Partial<H> | null;
  if (typeof head !== 'object' || head === null) return 'corrupt';
  if (head.version !== VERSION) return head.version === undefined ? 'corrupt' : 'another_version';
  return isWhole(head) ? (head as H) : 'corrupt';
}

/** What is no JSON is what is no head. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isWhole(head: Partial<Head>): boolean {
  const { words, longStrings, picture, drawn, freshUntil } = head;
  return (
    (freshUntil === undefined || Number.isFinite(freshUntil)) &&
    isObject(words) &&
    typeof longStrings === 'object' &&
    longStrings !== null &&
    Object.values(longStrings).every(isKept) &&
    isKept(picture) &&
    typeof drawn === 'object'
  );
}

function isInfo(info: Partial<Picture['info']> | undefined): boolean {
  return info?.type !== undefined && Object.hasOwn(MIME_TYPES, info.type) && Number.isInteger(info.width);
}

function isKept(kept: Kept | undefined): boolean {
  return (kept?.kind === 'base64' || kept?.kind === 'json') && typeof kept.digest === 'string';
}

/** The words with null in the place of their long strings, and these by place. */
export function cutLongStrings(words: JsonObject): {
  readonly words: JsonObject;
  readonly longStrings: ReadonlyMap<string, LongString>;
} {
  const longStrings = new Map<string, LongString>();
  const skeleton = mapLeaves(words, '', (leaf, place) => {
    if (!(leaf instanceof LongString)) return leaf;
    longStrings.set(place, leaf);
    return null;
  });
  return { words: skeleton, longStrings };
}

/** Bytes of the long strings an answer holds, which is nearly all it holds. */
export function sizeOfDrawn({ answer, picture }: Drawn): number {
  const longStrings = new Set([picture.data, ...cutLongStrings(answer.words).longStrings.values()]);
  return [...longStrings].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

export function putLongStringsBack(
  words: JsonObject,
  longStringAt: (place: string) => LongString | undefined,
): JsonObject {
  return mapLeaves(words, '', (leaf, place) => (leaf === null ? (longStringAt(place) ?? null) : leaf));
}

type Leaf = Exclude<Json, Json[] | JsonObject>;

function mapLeaves(fields: JsonObject, place: string, change: (leaf: Leaf, place: string) => Leaf): JsonObject {
  const visit = (value: Json, place: string): Json => {
    if (Array.isArray(value)) return value.map((item, index) => visit(item, `${place}/${index}`));
    return isObject(value) ? mapLeaves(value, place, change) : change(value, place);
  };
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, visit(value, `${place}/${escapedStep(name)}`)]),
  );
}

function escapedStep(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
