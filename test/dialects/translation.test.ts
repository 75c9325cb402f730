import { expect, test } from 'vitest';
import { parseRequest as parseClaude } from '../../src/dialects/claude/request.ts';
import { parseRequest as parseImages } from '../../src/dialects/openai-images/request.ts';
import { parseRequest as parseChat } from '../../src/dialects/openai-chat/request.ts';
import { parseRequest as parseResponses } from '../../src/dialects/openai-responses/request.ts';
import { parseRequest as parseNative } from '../../src/dialects/gemini/request.ts';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import type { ImageRequest } from '../../src/image/request.ts';
import { ASPECT_RATIOS, nominalPixels, TIERS } from '../../src/image/size.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { drawOf, flash, geminiCall, pro, received, textTurn } from './draws.ts';

const images = (body: JsonObject): ImageRequest => parseImages(body);
const chat = (body: JsonObject): ImageRequest => parseChat(body);
const claude = (body: JsonObject): ImageRequest => parseClaude(body);
const responses = (body: JsonObject): ImageRequest => parseResponses(body);
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

/** A prompt is a conversation of one message, and a picture without words. */
const asChat = ({ prompt, ...asked }: JsonObject): JsonObject => ({
  messages: [{ role: 'user', content: prompt! }],
  modalities: ['image'],
  ...asked,
});

test.each(PAIRS)('%j asked in a chat is that picture too', (asked, natively) => {
  expect(drawOf(chat(asChat(asked)))).toEqual(drawOf(native(natively)));
});

/** The same with what is said of the picture in the tool that draws it. */
const asResponses = ({ prompt, size, quality, tools = [], ...asked }: JsonObject): JsonObject => ({
  input: prompt!,
  modalities: ['image'],
  tools: [
    { type: 'image_generation', ...(size !== undefined && { size }), ...(quality !== undefined && { quality }) },
    ...(tools as JsonObject[]),
  ],
  ...asked,
});

test.each(PAIRS)('%j asked as a response is that picture too', (asked, natively) => {
  expect(drawOf(responses(asResponses(asked)))).toEqual(drawOf(native(natively)));
});

const PICTURE = 'iVBORw0KGgo=';
const inline = { inlineData: { mimeType: 'image/png', data: PICTURE } };
const url = `data:image/png;base64,${PICTURE}`;

/** The same conversation in both languages. */
const TALKS: [JsonObject, JsonObject][] = [
  [{ messages: [{ role: 'user', content: 'a fox' }] }, { contents: [textTurn('a fox')] }],
  [
    {
      messages: [
        { role: 'developer', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'one' },
            { type: 'image_url', image_url: { url } },
          ],
        },
        { role: 'assistant', content: `there\n\n![image](${url})` },
        { role: 'user', content: 'bluer' },
      ],
      size: '2K',
      reasoning_effort: 'high',
      web_search_options: {},
      stop: 'END',
      google: { safety_settings: [{ category: 'A', threshold: 'off' }] },
    },
    {
      systemInstruction: { parts: [{ text: 'be brief' }] },
      contents: [
        { role: 'user', parts: [{ text: 'one' }, inline] },
        { role: 'model', parts: [{ text: 'there' }, inline] },
        textTurn('bluer'),
      ],
      tools: [{ googleSearch: {} }],
      safetySettings: [{ category: 'A', threshold: 'OFF' }],
      generationConfig: {
        imageConfig: { imageSize: '2K' },
        thinkingConfig: { thinkingLevel: 'HIGH' },
        stopSequences: ['END'],
      },
    },
  ],
];

test.each(TALKS)('%j is the conversation %j', (asked, natively) => {
  expect(drawOf(chat(asked))).toEqual(drawOf(native(natively)));
});

/** The last of them as items of Responses. */
const ITEMS: JsonObject = {
  instructions: 'be brief',
  input: [
    {
      role: 'user',
      content: [
        { type: 'input_text', text: 'one' },
        { type: 'input_image', image_url: url },
      ],
    },
    { type: 'reasoning', id: 'rs_1', summary: [] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'there', annotations: [] }] },
    { type: 'image_generation_call', id: 'ig_1', status: 'completed', result: PICTURE },
    { role: 'user', content: 'bluer' },
  ],
  tools: [{ type: 'image_generation', size: '2K' }, { type: 'web_search' }],
  reasoning: { effort: 'high' },
  google: { safety_settings: [{ category: 'A', threshold: 'off' }], stop_sequences: ['END'] },
};

test('a conversation in items is the one it is in messages', () => {
  expect(drawOf(responses(ITEMS))).toEqual(drawOf(native(TALKS[1]![1])));
});

const FIXTURES: ImageRequest[] = [
  responses(ITEMS),
  ...PAIRS.flatMap(([asked, natively]) => [
    images(asked),
    chat(asChat(asked)),
    responses(asResponses(asked)),
    native(natively),
  ]),
  ...TALKS.flatMap(([asked, natively]) => [chat(asked), native(natively)]),
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

/** Each of the fourteen ratios in each of the four tiers. */
const CELLS = ASPECT_RATIOS.flatMap((ratio) => TIERS.map((tier) => ({ ratio, tier })));

test.each(CELLS)('$ratio in $tier is reached from every dialect, and is one draw', ({ ratio, tier }) => {
  const cell = { ratio, tier };
  const natively = drawOf(
    native({
      contents: [textTurn('x')],
      generationConfig: { responseModalities: ['IMAGE'], imageConfig: { aspectRatio: ratio, imageSize: tier } },
    }),
  );
  expect(natively).toMatchObject(cell);
  const { width, height } = nominalPixels(ratio, tier);
  for (const size of [
    { aspect_ratio: ratio, image_size: tier },
    { image_config: { aspect_ratio: ratio, image_size: tier } },
    { size: ratio, image_size: tier },
    { size: tier, aspect_ratio: ratio },
    { size: `${width}x${height}` },
  ]) {
    const asked = { prompt: 'x', ...size };
    expect(drawOf(images(asked)), JSON.stringify(size)).toEqual(natively);
    expect(drawOf(chat(asChat(asked))), JSON.stringify(size)).toEqual(natively);
    expect(drawOf(claude(asChat(asked))), JSON.stringify(size)).toEqual(natively);
    expect(drawOf(responses(asResponses(asked))), JSON.stringify(size)).toEqual(natively);
  }
});

test.each(MATRIX)('a draw rendered for an upstream and read again is the same draw (%#)', ({ request, model }) => {
  const draw = drawOf(request, model);
  const wire = received(JSON.stringify(gemini.renderRequest(draw)));
  expect(drawOf(native(wire), model)).toEqual(draw);
});
