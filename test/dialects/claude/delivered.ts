import type { Call, Delivered } from '../../../src/dialects/dialect.ts';
import { parseAnswer } from '../../../src/dialects/gemini/answer.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { flash } from '../draws.ts';

export const call: Call = { requestId: 'req_1', pathModel: null, receivedAt: 1_790_000_000_000 };

/** As it is kept: another object than the part it came in. */
export const JPEG = '/9j/4AAQ'.repeat(1000);
export const picturePart: JsonObject = {
  inlineData: { mimeType: 'image/jpeg', data: LongString.fromText(JPEG) },
  thoughtSignature: LongString.fromText('EtHq'.repeat(2000)),
};
const smaller: JsonObject = {
  inlineData: { mimeType: 'image/jpeg', data: LongString.fromText('/9j/4AAQ'.repeat(500)) },
};
const draft: JsonObject = { ...smaller, thought: true };

/** All that a reply may hold at once: drafts, a picture that is not the answer, text that comes in pieces, thoughts. */
export const PARTS: readonly JsonObject[] = [
  { text: 'Let me see.', thought: true },
  draft,
  { text: 'Here ' },
  { text: 'it is:' },
  smaller,
  picturePart,
  { text: 'A fox.', thoughtSignature: 'c2ln' },
];

/** A reply of the vendor's with those parts, its picture chosen. */
export function delivered(parts: readonly JsonObject[] = PARTS, candidate: JsonObject = {}): Delivered {
  const answer = parseAnswer({
    candidates: [{ content: { parts: [...parts] }, finishReason: 'STOP', ...candidate }],
    usageMetadata: {
      promptTokenCount: 22,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 22 }],
      candidatesTokenCount: 1216,
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1120 }],
      thoughtsTokenCount: 179,
      totalTokenCount: 1417,
    },
  });
  const info = {
    type: 'jpeg',
    mimeType: 'image/jpeg',
    width: 1408,
    height: 768,
    byteLength: 6000,
    hasProvenance: true,
  } as const;
  const picture = { data: LongString.fromText(JPEG), info };
  const drawn = {
    answer,
    picture,
    model: flash.id,
    upstream: 'u',
    upstreamModel: flash.id,
    costNanos: 1,
    drawnAt: 1_790_000_000_999,
    drawMs: 5,
  };
  return { drawn, picture };
}
