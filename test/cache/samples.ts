import type { Answer, Drawn } from '../../src/image/answer.ts';
import type { Draw } from '../../src/image/request.ts';
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';

export function draw(fields: Partial<Draw> = {}): Draw {
  return {
    model: 'gemini-3.1-flash-image',
    turns: [{ role: 'user', parts: [textPart('a fox in snow')], more: {} }],
    system: null,
    modalities: ['IMAGE'],
    ratio: null,
    tier: null,
    seed: null,
    temperature: null,
    thinking: null,
    tools: [],
    safety: [],
    more: { request: {}, generationConfig: {}, imageConfig: {} },
    variant: 0,
    ...fields,
  };
}

export function textPart(text: string): Draw['turns'][number]['parts'][number] {
  return { kind: 'text', text, thought: false, signature: null, more: {} };
}

export function userTurn(...parts: Draw['turns'][number]['parts']): Draw['turns'][number] {
  return { role: 'user', parts, more: {} };
}

export function bytes(length: number, start = 1): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31 + start * 17 + (index >> 8)) & 255));
}

export function base64(data: Uint8Array, chunkLength = 1000): LongString {
  return LongString.fromBase64(inChunks(Buffer.from(Buffer.from(data).toString('base64')), chunkLength));
}

export function inChunks(data: Buffer, chunkLength: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0; start < data.length; start += chunkLength) chunks.push(data.subarray(start, start + chunkLength));
  return chunks;
}

/** Words in the shape of a vendor's reply: a picture, and a signature larger than it. */
export function reply(picture: LongString, signature: LongString | string): JsonObject {
  const part = { inlineData: { mimeType: 'image/jpeg', data: picture }, thoughtSignature: signature };
  return {
    candidates: [{ content: { role: 'model', parts: [{ text: 'Here it is' }, part] }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { promptTokenCount: 22, candidatesTokenCount: 1216, thoughtsTokenCount: 179, totalTokenCount: 1417 },
    modelVersion: 'gemini-3-pro-image',
    responseId: 'made-for-a-test',
  };
}

/** A reader of such replies that is just enough to tell whether an answer was read from the words it came with. */
export function readReply(words: JsonObject): Answer {
  const longStrings: LongString[] = [];
  const visit = (value: Json): void => {
    if (value instanceof LongString) longStrings.push(value);
    else if (Array.isArray(value)) value.forEach(visit);
    else if (isObject(value)) Object.values(value).forEach(visit);
  };
  visit(words);
  return {
    words,
    verdict: 'picture',
    reason: 'STOP',
    message: null,
    parts: longStrings.map((data) => ({ kind: 'picture', data, thought: false, signature: null })),
    usage: { inputText: 22, inputImage: 0, outputText: 96, outputImage: 1120, thinking: 179, total: 1417 },
    billed: 'usage',
    modelVersion: null,
    grounding: null,
  };
}

export function drawn(fields: { words?: JsonObject; picture?: LongString } = {}): Drawn {
  const picture = fields.picture ?? base64(bytes(9000));
  const words = fields.words ?? reply(picture, base64(bytes(20_000, 2)));
  return {
    answer: readReply(words),
    picture: {
      data: picture,
      info: { type: 'jpeg', mimeType: 'image/jpeg', width: 1024, height: 1024, byteLength: 9000, hasProvenance: false },
    },
    model: 'gemini-3-pro-image',
    upstream: 'google',
    upstreamModel: 'gemini-3-pro-image-preview',
    costNanos: 134_000_000,
    drawnAt: 1_700_000_000_000,
    drawMs: 16_754,
  };
}

/** The same words with every long string as an ordinary one: what two answers are compared by. */
export function spelledOut(value: Json): unknown {
  if (value instanceof LongString) return value.text();
  if (Array.isArray(value)) return value.map(spelledOut);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, spelledOut(field)]));
}
