import { expect, test } from 'vitest';
import { parseRequest as parseImages } from '../../src/dialects/openai-images/request.ts';
import { parseRequest as parseNative } from '../../src/dialects/gemini/request.ts';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import type { ImageRequest } from '../../src/image/request.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { drawOf, flash, geminiCall, pro, received, textTurn } from './draws.ts';

const images = (body: JsonObject): ImageRequest => parseImages(body);
const native = (body: JsonObject): ImageRequest => parseNative(body, geminiCall);

/** The same meaning in both languages. */
const PAIRS: [JsonObject, JsonObject][] = [
  [
    { prompt: 'a fox in snow', seed: 7 },
    { contents: [textTurn('a fox in snow')], generationConfig: { seed: 7, responseModalities: ['IMAGE'] } },
  ],
  [
    { prompt: 'x', aspect_ratio: '21:9', image_size: '4K', temperature: 0, tools: [{ google_search: {} }] },
    {
      contents: { parts: { text: 'x' } },
      tools: [{ googleSearch: {} }],
      generation_config: {
        temperature: 0,
        response_modalities: ['image'],
        image_config: { aspect_ratio: '21:9', image_size: '4k' },
      },
    },
  ],
  [
    { prompt: 'x', size: '1920x1080', user: 'u' },
    {
      contents: [textTurn('x')],
      generationConfig: { responseModalities: ['IMAGE'], imageConfig: { aspectRatio: '16:9', imageSize: '2K' } },
    },
  ],
  [
    { prompt: 'x', quality: 'low', google: { thinking_config: { thinking_level: 'high' }, top_p: 0.5, newest: 1 } },
    {
      contents: [textTurn('x')],
      generationConfig: {
        responseModalities: ['IMAGE'],
        imageConfig: { imageSize: '512' },
        thinkingConfig: { thinkingLevel: 'HIGH' },
        topP: 0.5,
        newest: 1,
      },
    },
  ],
];

test.each(PAIRS)('%j is one picture with %j', (asked, natively) => {
  expect(drawOf(images(asked))).toEqual(drawOf(native(natively)));
});

const FIXTURES: ImageRequest[] = [
  ...PAIRS.flatMap(([asked, natively]) => [images(asked), native(natively)]),
  images({ prompt: '"$& {{x}} 🦊 שלום', moderation: 'low', style: 'vivid' }),
  native({
    contents: [
      textTurn('one'),
      {
        role: 'model',
        parts: [
          { inlineData: { mimeType: 'image/png', data: 'AAAA', display_name: 'a' }, thoughtSignature: 'c2ln', x_y: 1 },
          { text: 'there', thoughtSignature: 'c2ln' },
        ],
      },
      { role: 'user', parts: [{ file_data: { file_uri: 'files/1', mime_type: 'image/png' } }], note: 2 },
    ],
    system_instruction: { role: 'system', parts: [{ text: 'be brief' }] },
    safetySettings: [{ category: 'A', threshold: 'off' }],
    labels: { a_b: 'c' },
  }),
];

const MATRIX = FIXTURES.flatMap((request) => [
  { request, model: flash },
  ...(request.shape.tier === '512' ? [] : [{ request, model: pro }]),
]);

test.each(MATRIX)('a draw rendered for an upstream and read again is the same draw (%#)', ({ request, model }) => {
  const draw = drawOf(request, model);
  const wire = received(JSON.stringify(gemini.renderRequest(draw)));
  expect(drawOf(native(wire), model)).toEqual(draw);
});
