import { hash } from 'node:crypto';
import type { JsonObject } from '../wire/json.ts';
import { decodedLength } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import type { Pixels } from '../image/size.ts';
import { groundingOf } from './grounding.ts';
import type { Drawing, Pictures, SentFormat, Sketch } from './pictures.ts';
import { countInput, countText } from './request.ts';
import type { Asked, InputTokens } from './request.ts';
import { fingerprintOf, LOOKED_AT } from './signatures.ts';
import type { Signatures } from './signatures.ts';

/** What the model came up with, before it is written down as JSON. */
export interface Reply {
  readonly parts: readonly ReplyPart[];
  /** Null when the prompt was blocked and there is no candidate at all. */
  readonly finishReason: string | null;
  readonly finishMessage: string | null;
  readonly blockReason: string | null;
  readonly grounding: JsonObject | null;
  readonly tokens: Tokens;
  /** Whether the vendor charges for it: it does not for what it blocked. */
  readonly charged: boolean;
  readonly responseId: string;
}

export type ReplyPart =
  | { readonly kind: 'text'; readonly text: string; readonly thought: boolean; readonly signature: LongString | null }
  | {
      readonly kind: 'picture';
      readonly data: LongString;
      readonly mimeType: string;
      readonly pixels: Pixels;
      readonly thought: boolean;
      readonly signature: LongString | null;
    };

export interface Tokens {
  readonly input: InputTokens;
  /** Output words, thinking apart. */
  readonly text: number;
  readonly image: number;
  readonly thinking: number;
}

/** What draws and signs, and the settings it works by. */
export interface Studio {
  readonly pictures: Pictures;
  readonly signatures: Signatures;
  readonly format: SentFormat;
  readonly signatureBytes: number | 'recorded';
}

/** Draws what was asked for: drafts, words, picture, in the order the vendor sends them. */
export async function compose(asked: Asked, studio: Studio, unique: string): Promise<Reply> {
  const wantsPicture = asked.modalities.has('IMAGE');
  const wantsText = asked.modalities.has('TEXT');
  const text = wantsText ? `Here it is: “${firstWords(asked.prompt)}”, as the simulator sees it.\n\n` : '';
  const tokens = countTokens(asked, text, wantsPicture);
  const base = { finishMessage: null, blockReason: null, grounding: null, charged: true };
  const responseId = Buffer.from(unique.replaceAll('-', ''), 'hex').toString('base64url');
  if (tokens.text + tokens.image + tokens.thinking > asked.maxOutputTokens) {
    const cut = { ...tokens, text: 0, image: 0, thinking: Math.min(tokens.thinking, asked.maxOutputTokens) };
    return { ...base, parts: [], finishReason: 'MAX_TOKENS', tokens: cut, responseId };
  }
  const parts: ReplyPart[] = asked.includeThoughts && asked.model.thinks ? [thought(asked.prompt)] : [];
  const final = wantsPicture ? await drawPicture(asked, studio) : null;
  if (asked.includeThoughts && asked.model.thinks && final) {
    const sketch = await studio.pictures.repeatable(sketchOf(asked, studio, 'draft'));
    parts.push(asPart(sketch, true), asPart(final, true));
  }
  if (text) parts.push({ kind: 'text', text, thought: false, signature: null });
  if (final) parts.push(asPart(final, false));
  const { web, image } = asked.searches;
  return {
    ...base,
    parts: sign(parts, asked, studio, unique),
    finishReason: 'STOP',
    grounding: web || image ? groundingOf(asked.prompt, asked.searches, text) : null,
    tokens,
    responseId,
  };
}

/** Another picture of the same request: same bytes for the same request if it is repeatable, else never the same. */
export async function drawPicture(asked: Asked, studio: Studio): Promise<Drawing> {
  const sketch = sketchOf(asked, studio);
  return asked.repeatable ? studio.pictures.repeatable(sketch) : studio.pictures.fresh(sketch);
}

export function asPart(drawing: Drawing, isThought: boolean): ReplyPart {
  return { kind: 'picture', ...drawing, thought: isThought, signature: null };
}

/** Every picture that is no thought is signed, and so is the first part after the thoughts. */
export function sign(parts: readonly ReplyPart[], asked: Asked, studio: Studio, unique: string): ReplyPart[] {
  const first = parts.findIndex((part) => !part.thought);
  const subject = asked.repeatable ? asked.digest : unique;
  const signed = parts.filter((part, index) => !part.thought && (part.kind === 'picture' || index === first)).length;
  return parts.map((part, index) => {
    if (part.thought || (part.kind === 'text' && index !== first)) return part;
    const length = studio.signatureBytes === 'recorded' ? recordedLength(subject, signed) : studio.signatureBytes;
    const picture = part.kind === 'picture' ? fingerprint(part.data) : null;
    return { ...part, signature: studio.signatures.issue(`${subject} ${index}`, length, picture) };
  });
}

export function outputPictures(reply: Reply): Extract<ReplyPart, { kind: 'picture' }>[] {
  return reply.parts.filter((part) => part.kind === 'picture').filter((part) => !part.thought);
}

export function totalTokens({ input, text, image, thinking }: Tokens): number {
  return input.text + input.image + input.document + text + image + thinking;
}

function sketchOf(asked: Asked, studio: Studio, purpose = ''): Sketch {
  const digest = purpose === 'draft' ? hash('sha256', `${asked.digest} draft`) : asked.digest;
  return { digest, prompt: asked.prompt, pixels: asked.shape.pixels, format: asked.format ?? studio.format };
}

function fingerprint(data: LongString): Buffer {
  return fingerprintOf(Buffer.from(data.beginning((LOOKED_AT / 3) * 4), 'base64'), decodedLength(data));
}

/** The recorded replies count 60 to 160 tokens above their picture and their words, and think 170 to 530. */
function countTokens(asked: Asked, text: string, wantsPicture: boolean): Tokens {
  const dice = Buffer.from(asked.digest, 'hex');
  const thinking = (120 + (dice.readUInt16BE(0) % 420)) * (asked.thinksHard ? 4 : 1);
  return {
    input: countInput(asked.conversation, asked.model),
    text: countText(text) + (wantsPicture ? 60 + (dice.readUInt16BE(2) % 100) : 0),
    image: wantsPicture ? (asked.model.pictureTokens[asked.shape.tier] ?? 0) : 0,
    thinking: asked.model.thinks ? thinking : 0,
  };
}

/** Recorded: 2.9 and 1.5 MB on a picture alone, 1.1 MB on each of text and picture. */
function recordedLength(subject: string, signed: number): number {
  if (signed > 1) return 1_100_000;
  const dice = hash('sha256', subject, 'buffer').readUInt32BE(0);
  return 1_500_000 + (dice % 1_400_000);
}

function thought(prompt: string): ReplyPart {
  const text = `**Considering the picture**\n\nThe request is “${firstWords(prompt)}”. I lay out a landscape for it.\n\n`;
  return { kind: 'text', text, thought: true, signature: null };
}

function firstWords(prompt: string): string {
  const words = prompt.slice(0, 400).replaceAll(/\s+/g, ' ').trim();
  // Never half a surrogate pair.
  return words.length <= 80 ? words : `${words.slice(0, 80).replace(/[\ud800-\udbff]$/, '')}…`;
}
