import { GatewayError } from '../../errors.ts';
import type { Answer, AnswerPart, Billed, Verdict } from '../../image/answer.ts';
import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';
import type { Delivered } from '../dialect.ts';
import { isUsageSound, parseUsage } from './usage.ts';
import { parseError } from './vendor-errors.ts';

// generateContent's reply: https://ai.google.dev/api/generate-content#generatecontentresponse

/**
 * What a finishReason means for a candidate that has a picture; without one the first three are `no_image`.
 * MAX_TOKENS is good: a picture comes whole or not at all, only the text after it is cut off, and it is paid for.
 * A reason not listed here is no policy of the vendor's that we know, and no success: `no_image`.
 */
const VERDICTS = new Map<string, Verdict>([
  ['STOP', 'picture'],
  ['FINISH_REASON_UNSPECIFIED', 'picture'],
  ['MAX_TOKENS', 'picture'],
  ['SAFETY', 'blocked_output'],
  ['RECITATION', 'blocked_output'],
  ['BLOCKLIST', 'blocked_output'],
  ['PROHIBITED_CONTENT', 'blocked_output'],
  ['SPII', 'blocked_output'],
  ['IMAGE_SAFETY', 'blocked_output'],
  ['IMAGE_PROHIBITED_CONTENT', 'blocked_output'],
  ['IMAGE_RECITATION', 'blocked_output'],
]);

/** A model's excuse is a sentence or two; the caller's error shall not be a novel. */
const MESSAGE_LENGTH = 2000;

interface Candidate {
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly message: string | null;
  readonly parts: readonly AnswerPart[];
  readonly grounding: Json;
}

/** The vendor's own words go back as they came. */
export function renderAnswer(delivered: readonly Delivered[]): JsonObject {
  return delivered[0]!.drawn.answer.words;
}

export function parseAnswer(words: JsonObject): Answer {
  if (isObject(words.error)) throw parseError(errorStatus(words.error), words);
  const feedback = words.promptFeedback ?? null;
  const candidates = objects(words.candidates).map(parseCandidate);
  if (candidates.length === 0 && !isObject(feedback)) {
    const message = 'The upstream answered without a candidate and without saying why.';
    throw new GatewayError('upstream_failed', message, {
      code: 'upstream_bad_response',
      retry: false,
      mayHaveCost: true,
    });
  }
  const good = candidates.filter(({ verdict }) => verdict === 'picture');
  const told = good[0] ?? candidates[0];
  const blocked = good.length === 0 ? blockReason(feedback) : null;
  const verdict = blocked !== null || told === undefined ? 'blocked_prompt' : told.verdict;
  const message = verdict === 'picture' ? null : (blocked?.message ?? told?.message ?? null);
  const usage = words.usageMetadata ?? null;
  return {
    words,
    verdict,
    reason: blocked?.reason ?? told?.reason ?? null,
    message,
    parts: (good.length > 0 ? good : candidates).flatMap(({ parts }) => parts),
    usage: parseUsage(usage, verdict === 'picture'),
    billed: billed(verdict, message, usage),
    modelVersion: typeof words.modelVersion === 'string' ? words.modelVersion : null,
    grounding: told?.grounding ?? null,
  };
}

/** What is blocked is free, and so is what the vendor says it does not charge for. */
function billed(verdict: Verdict, message: string | null, usage: Json): Billed {
  if (verdict === 'blocked_prompt' || verdict === 'blocked_output') return 'nothing';
  if (verdict === 'no_image' && /\bnot be charged\b/i.test(message ?? '')) return 'nothing';
  return isUsageSound(usage, verdict === 'picture') ? 'usage' : 'unknown';
}

function errorStatus(error: Json | undefined): number {
  const code = isObject(error) ? error.code : null;
  return typeof code === 'number' && code >= 400 && code <= 599 ? code : 502;
}

function parseCandidate(candidate: JsonObject): Candidate {
  const reason = word(candidate.finishReason);
  const { content } = candidate;
  const parts = isObject(content) ? objects(content.parts).flatMap(parsePart) : [];
  const hasPicture = parts.some((part) => part.kind === 'picture' && !part.thought);
  const verdict = VERDICTS.get(reason ?? 'STOP') ?? 'no_image';
  return {
    verdict: verdict === 'picture' && !hasPicture ? 'no_image' : verdict,
    reason,
    message: sentence(candidate.finishMessage) ?? writtenText(parts),
    parts,
    grounding: candidate.groundingMetadata ?? null,
  };
}

function blockReason(feedback: Json): { readonly reason: string; readonly message: string | null } | null {
  if (!isObject(feedback)) return null;
  const reason = word(feedback.blockReason);
  if (reason === null || reason.endsWith('_UNSPECIFIED')) return null;
  return { reason, message: sentence(feedback.blockReasonMessage) };
}

function parsePart(part: JsonObject): readonly AnswerPart[] {
  const thought = part.thought === true;
  const signature = longString(part.thoughtSignature ?? part.thought_signature);
  const blob = part.inlineData ?? part.inline_data;
  if (isObject(blob)) {
    const data = longString(blob.data);
    return data !== null && mayBePicture(blob) ? [{ kind: 'picture', data, thought, signature }] : [];
  }
  const text = longString(part.text);
  if (text === null) return [];
  return [{ kind: 'text', text: text instanceof LongString ? text.text() : text, thought, signature }];
}

/** The bytes decide what it is; the label only says what it is not. */
function mayBePicture(blob: JsonObject): boolean {
  const mimeType = blob.mimeType ?? blob.mime_type;
  return typeof mimeType !== 'string' || /^(?:image\/|application\/octet-stream|$)/i.test(mimeType);
}

function writtenText(parts: readonly AnswerPart[]): string | null {
  return sentence(parts.map((part) => (part.kind === 'text' && !part.thought ? part.text : '')).join(''));
}

function sentence(value: Json | undefined): string | null {
  const text = longString(value);
  if (text === null) return null;
  const trimmed = (text instanceof LongString ? text.text() : text).trim();
  if (trimmed === '') return null;
  return trimmed.length > MESSAGE_LENGTH ? `${trimmed.slice(0, MESSAGE_LENGTH).toWellFormed()}…` : trimmed;
}

function word(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function longString(value: Json | undefined): LongString | string | null {
  return value instanceof LongString || (typeof value === 'string' && value !== '') ? value : null;
}

/** Lists may be missing, null, or hold what they should not. */
function objects(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((item) => isObject(item)) : [];
}

/** The words with one picture's MIME type set right; nothing else is touched. */
export function relabel(answer: Answer, data: LongString | string, mimeType: string): Answer {
  const inCandidate = (candidate: Json): Json => {
    if (!isObject(candidate) || !isObject(candidate.content)) return candidate;
    const { content } = candidate;
    if (!Array.isArray(content.parts)) return candidate;
    return { ...candidate, content: { ...content, parts: content.parts.map(inPart) } };
  };
  const inPart = (part: Json): Json => {
    if (!isObject(part)) return part;
    for (const [name, label] of [
      ['inlineData', 'mimeType'],
      ['inline_data', 'mime_type'],
    ] as const) {
      const blob = part[name];
      if (!isObject(blob) || blob.data !== data) continue;
      return { ...part, [name]: { ...blob, [label]: mimeType } };
    }
    return part;
  };
  const { candidates } = answer.words;
  if (!Array.isArray(candidates)) return answer;
  return { ...answer, words: { ...answer.words, candidates: candidates.map(inCandidate) } };
}
