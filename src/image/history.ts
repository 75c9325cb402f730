import { hash } from 'node:crypto';
import type { JsonObject } from '../wire/json.ts';
import type { Part, PicturePart, Signature, TextPart, Turn } from './request.ts';

// A conversation that comes back from a caller whose dialect cannot carry thought signatures.
// https://ai.google.dev/gemini-api/docs/thought-signatures

/** A picture of the model's, as the vendor sent it. */
export interface Original {
  /** Equal for pictures of one answer. */
  readonly id: string;
  /** That answer's texts and pictures with their signatures, in order, without thoughts. */
  readonly turn: readonly (OriginalText | PicturePart)[];
  /** `digestOfWords` of its texts, one after the other. */
  readonly words: string;
  /** Which of them it is. */
  readonly at: number;
}

/** A text of the vendor's, which may quote a prompt: what is known of it is enough to know it again. */
export interface OriginalText {
  readonly kind: 'text';
  /** In UTF-16 code units. */
  readonly length: number;
  readonly digest: string;
  readonly signature: Signature | null;
}

/** SHA-256, in lower-case hex. */
export function digestOfWords(text: string): string {
  return hash('sha256', text);
}

export interface Revised {
  readonly turns: readonly Turn[];
  /** Pictures that go up as the vendor sent them. */
  readonly restored: number;
  /** Pictures that go up as references of the user's. */
  readonly moved: number;
  /** Pictures for which there was no room among the references. */
  readonly leftOut: number;
}

/** A picture that the model is said to have drawn, and nothing proves it: the vendor refuses such a turn. */
export function isUnsigned(part: Part, { role }: Pick<Turn, 'role'>): part is PicturePart {
  return role === 'model' && part.kind === 'picture' && !part.thought && part.signature === null;
}

/**
 * The turns as they may go up. Unsigned pictures of the model's that are known become the vendor's own parts; all others
 * become references in the next turn of the user's, the newest of them where the model takes only so many
 * (`maxReferences`, those that the user sent included). Texts stay as they are and in their order.
 */
export function reviseTurns(
  turns: readonly Turn[],
  originals: ReadonlyMap<PicturePart, Original>,
  maxReferences: number,
): Revised {
  const unsigned = turns.flatMap((turn) => turn.parts.filter((part) => isUnsigned(part, turn)));
  const unknown = unsigned.filter((part) => !originals.has(part));
  const sent = turns.flatMap((turn) => (turn.role === 'user' ? turn.parts.filter(isReference) : [])).length;
  const room = Math.max(0, maxReferences - sent);
  const moving = new Set(room === 0 ? [] : unknown.slice(-room));
  const revised: Turn[] = [];
  let waiting: PicturePart[] = [];
  let isGap = false;
  for (const turn of turns) {
    if (turn.role === 'user') {
      const parts = [...waiting, ...turn.parts];
      waiting = [];
      append(revised, { ...turn, parts }, isGap);
      isGap = false;
      continue;
    }
    for (const part of turn.parts)
      if (part.kind === 'picture' && moving.has(part)) waiting.push({ ...part, signature: null });
    const parts = wholeTurn(turn, originals) ?? partByPart(turn, originals);
    if (parts.length === 0) isGap = true;
    else {
      revised.push({ ...turn, parts });
      isGap = false;
    }
  }
  if (waiting.length > 0) append(revised, { role: 'user', parts: waiting, more: {} }, true);
  return {
    turns: revised,
    restored: unsigned.length - unknown.length,
    moved: moving.size,
    leftOut: unknown.length - moving.size,
  };
}

function isReference(part: Part): boolean {
  return part.kind === 'picture' || (part.kind === 'other' && part.fields.fileData !== undefined);
}

/** Where a turn of the model's has gone that stood between two of the user's, these are one: roles go by turns. */
function append(turns: Turn[], turn: Turn, isGap: boolean): void {
  const last = turns.at(-1);
  if (isGap && last?.role === 'user' && isBare(last.more) && isBare(turn.more))
    turns[turns.length - 1] = { ...last, parts: [...last.parts, ...turn.parts] };
  else turns.push(turn);
}

/**
 * The vendor's own turn, where the caller sent it back whole: the same text, however it is cut into parts, and pictures of
 * that answer alone. A caller who was given one of several pictures sends one of them.
 */
function wholeTurn({ parts }: Turn, originals: ReadonlyMap<PicturePart, Original>): readonly Part[] | null {
  const thoughts = parts.filter((part) => part.kind !== 'other' && part.thought);
  const told = parts.filter((part) => !thoughts.includes(part));
  if (!told.every((part) => part.kind !== 'other' && part.signature === null && isBare(part.more))) return null;
  const pictures = told.filter((part) => part.kind === 'picture').map((part) => originals.get(part));
  const [first] = pictures;
  if (first === undefined) return null;
  const places = pictures.map((each) => (each?.id === first.id ? each.at : -1));
  if (!places.every((place, index) => place > (places[index - 1] ?? -1))) return null;
  const text = told.map((part) => (part.kind === 'text' ? part.text : '')).join('');
  return digestOfWords(text) === first.words ? [...thoughts, ...spoken(first.turn, text)] : null;
}

/** The vendor's parts with their words, out of the whole text that they make up. */
function spoken(turn: Original['turn'], text: string): readonly (TextPart | PicturePart)[] {
  let begin = 0;
  return turn.map((part) => {
    if (part.kind === 'picture') return part;
    const words = text.slice(begin, begin + part.length);
    begin += part.length;
    return { kind: 'text', text: words, thought: false, signature: part.signature, more: {} };
  });
}

/** Each picture by itself, and signatures for those texts that are the vendor's word for word. */
function partByPart({ parts }: Turn, originals: ReadonlyMap<PicturePart, Original>): readonly Part[] {
  const turns = parts.flatMap((part) => (part.kind === 'picture' ? (originals.get(part)?.turn ?? []) : []));
  const signed = turns.filter((part) => part.kind === 'text' && part.signature !== null);
  return parts.flatMap((part): readonly Part[] => {
    if (part.kind === 'text' && !part.thought && part.signature === null) {
      const own = signed.find((each) => each.kind === 'text' && each.digest === digestOfWords(part.text));
      return [{ ...part, signature: own?.signature ?? null }];
    }
    if (!isUnsigned(part, { role: 'model' })) return [part];
    const original = originals.get(part);
    const own = original?.turn[original.at];
    if (own?.kind !== 'picture') return [];
    return [{ ...own, more: part.more }];
  });
}

function isBare(more: JsonObject): boolean {
  return Object.keys(more).length === 0;
}
