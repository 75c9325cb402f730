import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';
import type { ThoughtPiece } from '../dialect.ts';

// A reply of streamGenerateContent: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent

/** An error in the first piece is that of the whole reply; null: the stream ended, or failed, before its end. */
export function joinPieces(pieces: readonly Json[]): JsonObject | null {
  const replies = pieces.filter((piece) => isObject(piece));
  const failed = replies.findIndex(({ error }) => error !== undefined && error !== null);
  if (failed >= 0) return failed === 0 ? replies[0]! : null;
  const end = replies.findIndex(isLast);
  if (end < 0) return null;
  // Until its end a stream counts less than what it bills.
  const { usageMetadata } = replies.slice(end).findLast((reply) => isObject(reply.usageMetadata)) ?? {};
  const { candidates: _, usageMetadata: __, ...rest } = Object.assign({}, ...replies) as JsonObject;
  const candidates = joinCandidates(replies);
  return {
    ...(candidates.length > 0 && { candidates }),
    ...rest,
    ...(usageMetadata !== undefined && { usageMetadata }),
  };
}

/** A candidate's end, or the word that there will be none. */
function isLast(reply: JsonObject): boolean {
  if (candidatesOf(reply).some(({ finishReason }) => typeof finishReason === 'string' && finishReason !== ''))
    return true;
  const { promptFeedback } = reply;
  return isObject(promptFeedback) && typeof promptFeedback.blockReason === 'string';
}

function joinCandidates(replies: readonly JsonObject[]): JsonObject[] {
  const joined = new Map<Json, JsonObject>();
  for (const candidate of replies.flatMap(candidatesOf)) {
    const index = candidate.index ?? 0;
    const { content: before, ...known } = joined.get(index) ?? {};
    const { content, ...fields } = candidate;
    joined.set(index, { content: joinContents(before, content), ...known, ...fields });
  }
  return [...joined.values()];
}

function joinContents(before: Json | undefined, content: Json | undefined): JsonObject {
  const one = isObject(before) ? before : {};
  const other = isObject(content) ? content : {};
  const parts = [...partsOf(one), ...partsOf(other)];
  return { ...(parts.length > 0 && { parts: joinTexts(parts) }), ...withoutParts(one), ...withoutParts(other) };
}

function withoutParts(content: JsonObject): JsonObject {
  const { parts: _, ...rest } = content;
  return rest;
}

/** A text that came in pieces is one part; a signature stays with the part that it came with. */
function joinTexts(parts: readonly Json[]): Json[] {
  const joined: Json[] = [];
  for (const part of parts) {
    const before = joined.at(-1);
    if (!isPlainText(part)) joined.push(part);
    else if (part.text !== '' && continues(before, part))
      joined.splice(-1, 1, { ...before, text: before.text + part.text });
    else if (part.text !== '') joined.push(part);
  }
  return joined;
}

type TextPart = JsonObject & { readonly text: string };

/** Nothing but a text, be it of a thought. */
function isPlainText(part: Json | undefined): part is TextPart {
  return (
    isObject(part) &&
    typeof part.text === 'string' &&
    Object.keys(part).every((name) => name === 'text' || name === 'thought')
  );
}

function continues(before: Json | undefined, { thought }: JsonObject): before is TextPart {
  if (!isObject(before) || typeof before.text !== 'string') return false;
  const isSame = (before.thought === true) === (thought === true);
  return isSame && Object.keys(before).every((name) => TEXT_FIELDS.has(name));
}

const TEXT_FIELDS = new Set(['text', 'thought', 'thoughtSignature', 'thought_signature']);

export function thoughtsOf(piece: Json): readonly ThoughtPiece[] {
  if (!isObject(piece)) return [];
  const { candidates: _, ...rest } = piece;
  return candidatesOf(piece).flatMap(({ content, index = 0 }) => {
    const more = withoutParts(isObject(content) ? content : {});
    const thoughts = isObject(content)
      ? partsOf(content).filter((part) => isObject(part) && part.thought === true)
      : [];
    return thoughts.map((part) => ({
      words: { candidates: [{ content: { parts: [part], ...more }, index }], ...rest },
      data: dataOf(part),
    }));
  });
}

function dataOf(part: Json): LongString | string | null {
  const blob = isObject(part) ? (part.inlineData ?? part.inline_data) : null;
  const data = isObject(blob) ? blob.data : null;
  return data instanceof LongString || typeof data === 'string' ? data : null;
}

/**
 * A whole reply in the pieces it would have been streamed in: one for each part, and the usage and the reason for its end
 * with the last. `skipThoughts`: those were told already. What is no ordinary reply is one piece.
 */
export function splitWords(words: JsonObject, skipThoughts: boolean): readonly JsonObject[] {
  const { candidates: _, usageMetadata, ...rest } = words;
  const [candidate, ...others] = candidatesOf(words);
  if (candidate === undefined || others.length > 0 || !isObject(candidate.content)) return [words];
  const { finishReason, content, ...fields } = candidate;
  const more = withoutParts(content);
  const parts = partsOf(candidate.content);
  if (parts.length === 0) return [words];
  const untold = parts.filter((part) => !(skipThoughts && isObject(part) && part.thought === true));
  // Where thoughts are all there is, their end is still to be told.
  const each: readonly (Json | null)[] = untold.length === 0 ? [null] : untold;
  return each.map((part, place) => {
    const isEnd = place === each.length - 1;
    const ended: JsonObject = { ...(finishReason !== undefined && { finishReason }), ...fields };
    const index = candidate.index ?? 0;
    return {
      candidates: [{ content: { ...(part !== null && { parts: [part] }), ...more }, ...(isEnd ? ended : { index }) }],
      ...rest,
      ...(isEnd && usageMetadata !== undefined && { usageMetadata }),
    };
  });
}

function candidatesOf({ candidates }: JsonObject): readonly JsonObject[] {
  return Array.isArray(candidates) ? candidates.filter((candidate) => isObject(candidate)) : [];
}

function partsOf({ parts }: JsonObject): readonly Json[] {
  return Array.isArray(parts) ? parts : [];
}
