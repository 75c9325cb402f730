import { expect, test } from 'vitest';
import { parseRequest as parseImages } from '../../../src/dialects/openai-images/request.ts';
import type { Delivered } from '../../../src/dialects/dialect.ts';
import { gemini } from '../../../src/dialects/gemini/dialect.ts';
import { openaiImages } from '../../../src/dialects/openai-images/dialect.ts';
import type { PictureInfo } from '../../../src/image/picture.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { flash, imagesCall } from '../draws.ts';

const vendors = LongString.fromText('/9j/4AAQ'.repeat(1000));
const signature = LongString.fromText('EtHq'.repeat(2000));

function delivered(
  width: number,
  height: number,
  rest: Partial<Delivered['picture']> = {},
  candidate: JsonObject = {},
): Delivered {
  const info: PictureInfo = {
    type: 'jpeg',
    mimeType: 'image/jpeg',
    width,
    height,
    byteLength: 6000,
    hasProvenance: true,
  };
  const parts = [{ inlineData: { mimeType: 'image/jpeg', data: vendors }, thoughtSignature: signature }];
  const answer = gemini.parseAnswer({
    candidates: [{ content: { parts }, finishReason: 'STOP', ...candidate }],
    usageMetadata: {
      promptTokenCount: 22,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 22 }],
      candidatesTokenCount: 1216,
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1120 }],
      thoughtsTokenCount: 179,
      totalTokenCount: 1417,
    },
  });
  const picture = { data: vendors, info };
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
  return { drawn, picture: { ...picture, ...rest } };
}
const render = (pictures: Delivered[], fields: JsonObject = {}) =>
  openaiImages.renderAnswer(
    pictures,
    parseImages({ prompt: 'x', ...fields }),
    imagesCall,
    130_000_000 * pictures.length,
  );

test('a recorded picture: true type, true pixels, usage by modality, no signature', () => {
  const body = render([delivered(1408, 768)], { safety_identifier: 's1' });
  expect(body).toEqual({
    created: 1_790_000_000,
    data: [{ b64_json: vendors }],
    background: 'opaque',
    output_format: 'jpeg',
    size: '1408x768',
    quality: 'medium',
    model: flash.id,
    safety_identifier: 's1',
    usage: {
      total_tokens: 1417,
      input_tokens: 22,
      output_tokens: 1395,
      input_tokens_details: { text_tokens: 22, image_tokens: 0 },
      output_tokens_details: { text_tokens: 275, image_tokens: 1120 },
      cost: 0.13,
    },
  });
  expect((body.data as [JsonObject])[0].b64_json).toBe(vendors);
});

test('a rendition is labelled as what it is, and its quality as what was drawn', () => {
  const data = LongString.fromText('iVBOR');
  const info: PictureInfo = {
    type: 'png',
    mimeType: 'image/png',
    width: 100,
    height: 50,
    byteLength: 5,
    hasProvenance: false,
  };
  const body = render([delivered(2752, 1536, { data, info })]);
  expect(body).toMatchObject({ output_format: 'png', size: '100x50', quality: 'high', data: [{ b64_json: data }] });
});

test.each([
  [512, 512, 'low'],
  [792, 336, 'low'],
  [512, 2064, 'medium'],
  [2048, 2048, 'high'],
  [12288, 1536, 'high'],
])('%i x %i is of %s quality', (width, height, quality) => {
  expect(render([delivered(width, height)]).quality).toBe(quality);
});

test('several pictures are summed', () => {
  const body = render([delivered(1024, 1024), delivered(1024, 1024)], { n: 2 });
  expect(body.data).toHaveLength(2);
  expect(body.usage).toMatchObject({ total_tokens: 2834, input_tokens: 44, output_tokens: 2790 });
});

test('sources and what the model wrote are shown beside the picture, its thoughts are not', () => {
  const parts = [
    { text: 'hm', thought: true },
    { text: 'Here it is.' },
    { inlineData: { mimeType: 'image/jpeg', data: vendors } },
  ];
  const body = render([
    delivered(1024, 1024, {}, { content: { parts }, groundingMetadata: { webSearchQueries: ['x'] } }),
  ]);
  expect(body.data).toEqual([{ b64_json: vendors, text: 'Here it is.', grounding: { webSearchQueries: ['x'] } }]);
});
