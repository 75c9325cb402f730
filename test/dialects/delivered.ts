import type { Delivered } from '../../src/dialects/dialect.ts';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { flash } from './draws.ts';

export const vendors = LongString.fromText('/9j/4AAQ'.repeat(1000));
export const picture: JsonObject = { inlineData: { mimeType: 'image/jpeg', data: vendors } };

/** What a vendor answered in these parts, as it is delivered. */
export function delivered(parts: JsonObject[], candidate: JsonObject = {}, rest: Partial<Delivered> = {}): Delivered {
  const answer = gemini.parseAnswer({
    candidates: [{ content: { parts }, finishReason: 'STOP', ...candidate }],
    usageMetadata: {
      promptTokenCount: 22,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 12 },
        { modality: 'IMAGE', tokenCount: 10 },
      ],
      candidatesTokenCount: 1216,
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1120 }],
      thoughtsTokenCount: 179,
      totalTokenCount: 1417,
    },
  });
  const info = {
    type: 'jpeg',
    mimeType: 'image/jpeg',
    width: 1024,
    height: 1024,
    byteLength: 6000,
    hasProvenance: true,
  } as const;
  const drawn = {
    answer,
    picture: { data: vendors, info },
    model: flash.id,
    upstream: 'u',
    upstreamModel: flash.id,
    costNanos: 1,
    drawnAt: 1_790_000_000_999,
    drawMs: 5,
  };
  return { drawn, picture: drawn.picture, ...rest };
}
