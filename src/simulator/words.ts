import { randomUUID } from 'node:crypto';
import { isObject } from '../wire/json.ts';
import type { Json, JsonObject } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';
import { totalTokens } from './reply.ts';
import type { Reply, ReplyPart, Tokens } from './reply.ts';

/** A GenerateContentResponse, its fields in the order the vendor sends them: https://ai.google.dev/api/generate-content */
export function renderReply(reply: Reply, modelVersion: string): JsonObject {
  const { blockReason, finishReason, responseId } = reply;
  return {
    ...(finishReason === null ? {} : { candidates: [renderCandidate(reply, finishReason)] }),
    modelVersion,
    ...(blockReason === null ? {} : { promptFeedback: { blockReason } }),
    responseId,
    usageMetadata: renderUsage(reply.tokens, finishReason !== null),
  };
}

/**
 * The same reply in pieces: a thought, a piece of text or a whole picture each, and at the end an empty text with the
 * finishReason. `usageMetadata` grows; the last is the true one.
 */
export function splitReply(words: JsonObject): JsonObject[] {
  const { candidates, ...rest } = words;
  const candidate = Array.isArray(candidates) ? candidates[0] : null;
  const content = isObject(candidate) ? candidate['content'] : null;
  const parts = isObject(content) ? content['parts'] : null;
  if (!isObject(candidate) || !Array.isArray(parts) || parts.length === 0) return [words];
  const provisional = { ...rest, usageMetadata: provisionalUsage(rest['usageMetadata']) };
  const pieces = parts.flatMap((part): Json[] => (isObject(part) ? splitPart(part) : [part]));
  return [
    ...pieces.map((part) => ({
      candidates: [{ content: { parts: [part], role: 'model' }, index: 0 }],
      ...(rest['usageMetadata'] === undefined ? rest : provisional),
    })),
    { candidates: [{ ...candidate, content: { parts: [{ text: '' }], role: 'model' } }], ...rest },
  ];
}

/** JSON with its long strings put in as the bytes they are. `indent` 2 is how the vendor writes a whole reply. */
export function writeJson(value: unknown, indent: 0 | 2): Uint8Array[] {
  const longStrings: LongString[] = [];
  const text = JSON.stringify(
    value,
    (_key, field: unknown) => (field instanceof LongString ? `${MARK}${longStrings.push(field) - 1}` : field),
    indent,
  );
  return text.split(PLACE).flatMap((piece, index): Uint8Array[] => {
    // The expression has one group, so odd pieces are the numbers it caught.
    if (index % 2 === 1) return [...(longStrings[Number(piece)]?.chunks ?? [])];
    return [Buffer.from(piece)];
  });
}

/** Unforgeable: no prompt can hold what nobody outside this process knows. */
const MARK = `long-string-${randomUUID()}-`;
const PLACE = new RegExp(`${MARK}(\\d+)`);

function renderCandidate(reply: Reply, finishReason: string): JsonObject {
  return {
    content: reply.parts.length > 0 ? { parts: reply.parts.map(renderPart), role: 'model' } : {},
    ...(reply.finishMessage === null ? {} : { finishMessage: reply.finishMessage }),
    finishReason,
    ...(reply.grounding === null ? {} : { groundingMetadata: reply.grounding }),
    index: 0,
  };
}

function renderPart(part: ReplyPart): JsonObject {
  const body =
    part.kind === 'text' ? { text: part.text } : { inlineData: { data: part.data, mimeType: part.mimeType } };
  return {
    ...body,
    ...(part.thought ? { thought: true } : {}),
    ...(part.signature ? { thoughtSignature: part.signature } : {}),
  };
}

function renderUsage(tokens: Tokens, answered: boolean): JsonObject {
  const { input, text, image, thinking } = tokens;
  const details = (counts: Record<string, number>): JsonObject[] =>
    Object.entries(counts).flatMap(([modality, tokenCount]) => (tokenCount > 0 ? [{ modality, tokenCount }] : []));
  const candidates = {
    candidatesTokenCount: text + image,
    ...(image > 0 ? { candidatesTokensDetails: details({ IMAGE: image }) } : {}),
  };
  return {
    ...(answered && text + image > 0 ? candidates : {}),
    promptTokenCount: input.text + input.image + input.document,
    promptTokensDetails: details({ TEXT: input.text, IMAGE: input.image, DOCUMENT: input.document }),
    serviceTier: 'standard',
    ...(thinking > 0 ? { thoughtsTokenCount: thinking } : {}),
    totalTokenCount: totalTokens(tokens),
  };
}

function provisionalUsage(usage: Json | undefined): JsonObject {
  const { promptTokenCount = 0, promptTokensDetails = [] } = isObject(usage) ? usage : {};
  return { promptTokenCount, promptTokensDetails, totalTokenCount: promptTokenCount };
}

/** A long text comes in two pieces, the signature with the first. */
function splitPart(part: JsonObject): JsonObject[] {
  const text = part['text'];
  if (typeof text !== 'string' || text.length < 20 || part['thought'] === true) return [part];
  const middle = text.indexOf(' ', text.length / 2);
  return middle < 0 ? [part] : [{ ...part, text: text.slice(0, middle) }, { text: text.slice(middle) }];
}
