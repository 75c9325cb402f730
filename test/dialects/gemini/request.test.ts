import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRequest as parseNative } from '../../../src/dialects/gemini/request.ts';
import { gemini } from '../../../src/dialects/gemini/dialect.ts';
import { ASPECT_RATIOS, TIERS } from '../../../src/image/size.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { drawOf, flash, geminiCall, received, refusalOf, textTurn } from '../draws.ts';

const parse = (body: JsonObject) => parseNative(body, geminiCall);
const goesUp = (body: JsonObject) => gemini.renderRequest(drawOf(parse(body)));
const contents = [textTurn('a fox in snow')];

describe('what the SDKs send', () => {
  test('@google/genai with everything set', () => {
    const request = parse({
      contents: [{ parts: [{ text: 'draw a cat' }], role: 'user' }],
      systemInstruction: { parts: [{ text: 'be nice' }], role: 'user' },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      tools: [{ googleSearch: { searchTypes: { webSearch: {}, imageSearch: {} } } }],
      generationConfig: {
        temperature: 0.5,
        topP: 0.9,
        candidateCount: 1,
        seed: 42,
        responseModalities: ['TEXT', 'IMAGE'],
        thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true },
        imageConfig: { aspectRatio: '16:9', imageSize: '2K' },
      },
    });
    expect(request).toMatchObject({
      model: flash.id,
      seed: 42,
      temperature: 0.5,
      modalities: ['IMAGE', 'TEXT'],
      thinking: { thinkingLevel: 'HIGH', includeThoughts: true },
      tools: [{ googleSearch: { searchTypes: { webSearch: {}, imageSearch: {} } } }],
      safety: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      shape: { ratio: '16:9', tier: '2K', pixels: null, quality: null },
      more: { request: {}, generationConfig: { topP: 0.9 }, imageConfig: {} },
      count: 1,
    });
    expect(request.system?.parts).toMatchObject([{ kind: 'text', text: 'be nice' }]);
  });

  test('google-genai in Python mixes both spellings in one body', () => {
    expect(
      goesUp({
        contents: [
          { parts: [{ text: 'draw' }, { inlineData: { data: 'iVBORw0K', mime_type: 'image/PNG' } }], role: 'user' },
        ],
        tools: [{ googleSearch: { searchTypes: { web_search: {}, image_search: {} } } }],
        generationConfig: {
          seed: 3,
          responseModalities: ['Text', 'Image'],
          thinkingConfig: { include_thoughts: true, thinking_level: 'high' },
          imageConfig: { aspectRatio: '16:9', imageSize: '512' },
        },
      }),
    ).toEqual({
      contents: [
        { role: 'user', parts: [{ text: 'draw' }, { inlineData: { data: 'iVBORw0K', mimeType: 'image/png' } }] },
      ],
      tools: [{ googleSearch: { searchTypes: { webSearch: {}, imageSearch: {} } } }],
      generationConfig: {
        seed: 3,
        responseModalities: ['IMAGE', 'TEXT'],
        thinkingConfig: { includeThoughts: true, thinkingLevel: 'HIGH' },
        imageConfig: { aspectRatio: '16:9', imageSize: '512' },
      },
    });
  });

  test('curl in snake_case throughout', () => {
    expect(
      goesUp({
        contents: [
          { parts: [{ text: 'x' }, { file_data: { mime_type: 'image/png', file_uri: 'https://x.test/files/1' } }] },
        ],
        system_instruction: { parts: [{ text: 's' }] },
        safety_settings: [{ category: 'harm_category_hate_speech', threshold: 'block_none' }],
        tools: [{ google_search: { time_range_filter: { start_time: 'a', end_time: 'b' } } }],
        tool_config: { function_calling_config: { mode: 'any', allowed_function_names: ['draw_it'] } },
        cached_content: 'cachedContents/x',
        generation_config: {
          image_config: { aspect_ratio: '4:5', image_size: '0.5K' },
          response_modalities: ['image'],
          media_resolution: 'media_resolution_high',
          top_k: 64,
          max_output_tokens: 9,
        },
      }),
    ).toEqual({
      contents: [
        {
          role: 'user',
          parts: [{ text: 'x' }, { fileData: { mimeType: 'image/png', fileUri: 'https://x.test/files/1' } }],
        },
      ],
      systemInstruction: { role: 'user', parts: [{ text: 's' }] },
      safetySettings: [{ category: 'HARM_CATEGORY_HATE_SPEECH', threshold: 'BLOCK_NONE' }],
      tools: [{ googleSearch: { timeRangeFilter: { startTime: 'a', endTime: 'b' } } }],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['draw_it'] } },
      cachedContent: 'cachedContents/x',
      generationConfig: {
        imageConfig: { aspectRatio: '4:5', imageSize: '512' },
        responseModalities: ['IMAGE'],
        mediaResolution: 'MEDIA_RESOLUTION_HIGH',
        topK: 64,
        maxOutputTokens: 9,
      },
    });
  });

  test('a chat gives the signature of a picture back, however large it is', () => {
    const signature = LongString.fromText('c2ln'.repeat(2000));
    const data = LongString.fromText('iVBOR'.repeat(2000));
    const turns = [
      textTurn('one'),
      { role: 'model', parts: [{ inlineData: { mimeType: 'image/jpeg', data }, thoughtSignature: signature }] },
      textTurn('two'),
    ];
    const up = goesUp({ contents: turns });
    expect(up.contents).toEqual(turns);
    const [part] = parse({ contents: turns }).turns[1]!.parts;
    expect(part).toMatchObject({ kind: 'picture' });
    expect((part as { data: unknown }).data).toBe(data);
    expect((part as { signature: unknown }).signature).toBe(signature);
  });
});

describe('reading', () => {
  test('modalities that are absent or empty are text and picture', () => {
    expect(parse({ contents }).modalities).toEqual(['IMAGE', 'TEXT']);
    expect(parse({ contents, generationConfig: { responseModalities: [] } }).modalities).toEqual(['IMAGE', 'TEXT']);
    expect(parse({ contents, generationConfig: { responseModalities: ['Text'] } }).modalities).toEqual(['TEXT']);
    expect(parse({ contents, generationConfig: { responseModalities: 'Image' } }).modalities).toEqual(['IMAGE']);
  });

  test.each(ASPECT_RATIOS.flatMap((ratio) => TIERS.map((tier) => [ratio, tier] as const)))(
    'the cell %s at %s goes up as it was asked for',
    (aspectRatio, imageSize) => {
      const up = goesUp({ contents, generationConfig: { imageConfig: { aspectRatio, imageSize } } });
      expect(up.generationConfig).toMatchObject({ imageConfig: { aspectRatio, imageSize } });
    },
  );

  test.each([
    { image: { aspectRatio: '16:9', imageSize: '2K' } },
    { image: { aspect_ratio: 'ASPECT_RATIO_SIXTEEN_BY_NINE', image_size: 'IMAGE_SIZE_TWO_K' } },
    [{ image: { aspectRatio: 'ASPECT_RATIO_SIXTEEN_BY_NINE', imageSize: 'IMAGE_SIZE_TWO_K', delivery: 'INLINE' } }],
  ])('responseFormat is the newer spelling of imageConfig: %j', (responseFormat) => {
    const { generationConfig } = goesUp({ contents, generation_config: { response_format: responseFormat } });
    expect(generationConfig).toEqual({
      responseModalities: ['IMAGE', 'TEXT'],
      imageConfig: { aspectRatio: '16:9', imageSize: '2K' },
    });
  });

  test('a MIME type asked for in responseFormat is told to be not honoured', () => {
    const request = parse({ contents, generationConfig: { responseFormat: { image: { mimeType: 'image/png' } } } });
    expect(request.delivery.warnings).toEqual([
      expect.stringContaining('generationConfig.responseFormat.image.mimeType'),
    ]);
  });

  test('the text half of a responseFormat goes up as it came', () => {
    const { generationConfig } = goesUp({ contents, generationConfig: { responseFormat: { text: { a_b: 1 } } } });
    expect(generationConfig).toMatchObject({ responseFormat: { text: { a_b: 1 } } });
  });

  test('an unspecified enum says nothing', () => {
    const imageConfig = { aspectRatio: 'ASPECT_RATIO_UNSPECIFIED', imageSize: 'IMAGE_SIZE_UNSPECIFIED' };
    expect(parse({ contents, generationConfig: { imageConfig } }).shape).toMatchObject({ ratio: null, tier: null });
  });

  test('a tier is sent under the upstream’s own name for it', () => {
    const draw = drawOf(parse({ contents, generationConfig: { imageConfig: { imageSize: 512 } } }));
    expect(gemini.renderRequest(draw, { '512': '0.5K' }).generationConfig).toMatchObject({
      imageConfig: { imageSize: '0.5K' },
    });
  });

  test('numbers may be written as strings, and null is absent, as proto3 JSON allows', () => {
    const generationConfig = { seed: '-42', temperature: '0.5', candidateCount: '1', imageConfig: null, topP: null };
    const request = parse({ contents, generationConfig, tools: null });
    expect(request).toMatchObject({ seed: -42, temperature: 0.5, tools: [], more: { generationConfig: {} } });
  });

  test('a lone object is a list of one', () => {
    const request = parse({ contents: { parts: { text: 'x' } }, tools: { google_search: {} } });
    expect(request.turns[0]!.parts).toMatchObject([{ kind: 'text', text: 'x' }]);
    expect(request.tools).toEqual([{ googleSearch: {} }]);
  });

  test('an empty imageConfig, candidateCount 1 and a model in the body change nothing', () => {
    const generationConfig = { imageConfig: {}, candidateCount: 1, thinkingConfig: {} };
    expect(parse({ contents, generationConfig, model: `models/${flash.id}` })).toEqual(parse({ contents }));
  });

  test('the same said twice in two spellings is fine', () => {
    const generationConfig = {
      seed: 1,
      imageConfig: { aspectRatio: '16:9', aspect_ratio: 'ASPECT_RATIO_SIXTEEN_BY_NINE' },
    };
    expect(parse({ contents, generationConfig, generation_config: { seed: '1' } })).toMatchObject({
      seed: 1,
      shape: { ratio: '16:9' },
    });
  });

  test('what users name themselves is never renamed', () => {
    const opaque = { snake_case: 1, camelCase: { inline_data: null }, __proto__x: [] };
    const body: JsonObject = {
      contents: [{ role: 'user', parts: [{ functionCall: { name: 'f', args: opaque } }] }],
      tools: [{ functionDeclarations: [{ name: 'f', parameters: opaque, parametersJsonSchema: opaque }] }],
      generationConfig: { responseModalities: ['IMAGE'], responseSchema: opaque },
      labels: opaque,
    };
    expect(goesUp(body)).toEqual(body);
  });

  test('fields nobody knows go up verbatim in the place they stood in', () => {
    const future = { fancy_thing: { a_b: null } };
    const body: JsonObject = {
      ...future,
      contents: [
        {
          role: 'user',
          parts: [{ text: 'x', ...future }, future, { inlineData: { mimeType: 'image/png', data: 'AA', ...future } }],
          ...future,
        },
      ],
      tools: [{ googleSearch: future, ...future }],
      safetySettings: [{ category: 'A', ...future }],
      generationConfig: {
        responseModalities: ['IMAGE'],
        imageConfig: { imageSize: '1K', ...future },
        thinkingConfig: future,
        ...future,
      },
    };
    expect(goesUp(body)).toEqual(body);
  });

  test('a field called __proto__ or constructor is a field like any other', () => {
    const body =
      '{"contents":[{"role":"user","parts":[{"text":"x","__proto__":{"a":1}}]}],"constructor":1,"__proto__":{"polluted":true},"generationConfig":{"responseModalities":["IMAGE"],"__proto__":{"seed":7},"toString":2}}';
    const up = goesUp(received(body));
    expect(received(JSON.stringify(up))).toEqual(received(body));
    expect(parse(received(body)).seed).toBeNull();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('half a surrogate pair is a 400 where it stands for text, and goes up as it is where it does not', () => {
    const half = 'a \ud83e b';
    for (const text of [half, LongString.fromText(half)])
      expect(refusalOf(() => parse({ contents: [{ parts: [{ text: 'x' }, { text }] }] }))).toMatchObject({
        message: expect.stringMatching(/^contents\[0\]\.parts\[1\]\.text .*holds half of a surrogate pair/),
        detail: { param: 'contents[0].parts[1].text', code: 'invalid_value' },
      });
    const body: JsonObject = { contents, labels: { [half]: half } };
    expect(goesUp(body)).toMatchObject({ labels: { [half]: half } });
  });

  test('a prompt goes up byte for byte in any script', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(goesUp({ contents: [textTurn(text)] }).contents).toEqual([textTurn(text)]);
      }),
    );
    const awkward = '"\\ {{prompt}} $& ${x} %s \u0000 \ud83e\udd8a \u2028 שלום 日本語 <|im_end|>';
    expect(goesUp({ contents: [textTurn(awkward)] }).contents).toEqual([textTurn(awkward)]);
    expect(goesUp({ contents: [{ parts: [{ text: LongString.fromText(awkward) }] }] }).contents).toEqual([
      textTurn(awkward),
    ]);
  });
});
