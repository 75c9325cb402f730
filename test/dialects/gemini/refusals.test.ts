import { describe, expect, test } from 'vitest';
import { parseRequest as parseNative } from '../../../src/dialects/gemini/request.ts';
import type { Json, JsonObject } from '../../../src/wire/json.ts';
import { geminiCall, refusalOf, textTurn } from '../draws.ts';

const parse = (body: JsonObject) => parseNative(body, geminiCall);
const contents = [textTurn('a fox in snow')];

describe('what is refused', () => {
  const part = (value: Json): JsonObject => ({ contents: [textTurn('x'), { role: 'user', parts: [value] }] });
  const config = (value: JsonObject): JsonObject => ({ contents, generationConfig: value });
  const cases: [string, JsonObject, string | RegExp][] = [
    ['no contents', {}, 'contents'],
    ['contents as a string', { contents: 'a fox' }, 'contents'],
    ['contents without a turn', { contents: [] }, 'contents'],
    ['a turn that is a string', { contents: ['a fox'] }, 'contents[0]'],
    ['a turn without parts', { contents: [{ role: 'user' }] }, 'contents[0].parts'],
    ['an unknown role', { contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }, 'contents[0].role'],
    ['a part that is a string', part('x'), 'contents[1].parts[0]'],
    [
      'a part with two contents',
      part({ text: 'x', inlineData: { mimeType: 'image/png', data: 'AA' } }),
      'contents[1].parts[0]',
    ],
    ['a part with none', part({ thought: true }), 'contents[1].parts[0]'],
    ['a part with null', part({ text: null }), 'contents[1].parts[0]'],
    ['text that is none', part({ text: 5 }), 'contents[1].parts[0].text'],
    ['bytes without a type', part({ inline_data: { data: 'AA' } }), 'contents[1].parts[0].inline_data.mimeType'],
    ['bytes that are missing', part({ inlineData: { mimeType: 'image/png' } }), 'contents[1].parts[0].inlineData.data'],
    [
      'bytes that are empty',
      part({ inlineData: { mimeType: 'image/png', data: '' } }),
      'contents[1].parts[0].inlineData.data',
    ],
    ['a thought that is a word', part({ text: 'x', thought: 'true' }), 'contents[1].parts[0].thought'],
    ['two candidates', config({ candidateCount: 2 }), 'generationConfig.candidateCount'],
    ['a dearer service', { contents, serviceTier: 'priority' }, 'serviceTier'],
    ['a dearer service by its long name', { contents, service_tier: 'SERVICE_TIER_PRIORITY' }, 'service_tier'],
    ['a service by its number', { contents, serviceTier: 3 }, 'serviceTier'],
    ['a seed beyond int32', config({ seed: 2 ** 31 }), 'generationConfig.seed'],
    ['a seed with a fraction', config({ seed: 1.5 }), 'generationConfig.seed'],
    ['a seed that is a word', config({ seed: 'lucky' }), 'generationConfig.seed'],
    ['a temperature too high', config({ temperature: 2.1 }), 'generationConfig.temperature'],
    ['a config that is a list', { contents, generationConfig: [] }, 'generationConfig'],
    [
      'an unknown ratio',
      config({ image_config: { aspect_ratio: '9:21' } }),
      'generationConfig.image_config.aspect_ratio',
    ],
    ['an unknown tier', config({ imageConfig: { imageSize: '8K' } }), 'generationConfig.imageConfig.imageSize'],
    ['sound', config({ responseModalities: ['IMAGE', 'AUDIO'] }), 'generationConfig.responseModalities'],
    ['a film', config({ responseFormat: { video: {} } }), 'generationConfig.responseFormat.video'],
    [
      'delivery by link',
      config({ responseFormat: { image: { delivery: 'uri' } } }),
      'generationConfig.responseFormat.image.delivery',
    ],
    ['tools that are words', { contents, tools: ['googleSearch'] }, 'tools[0]'],
    [
      'two seeds',
      { contents, generationConfig: { seed: 1 }, generation_config: { seed: 2 } },
      'generation_config.seed',
    ],
    [
      'two spellings that differ',
      config({ imageConfig: { aspectRatio: '1:1' }, responseFormat: { image: { aspectRatio: '16:9' } } }),
      'generationConfig.responseFormat.image.aspectRatio',
    ],
    [
      'two spellings that differ deep inside',
      { contents, tools: [{ googleSearch: { searchTypes: { webSearch: {} }, search_types: {} } }] },
      'tools[0].googleSearch.search_types',
    ],
    ['another model than the path has', { contents, model: 'models/gemini-3-pro-image' }, 'model'],
  ];

  test.each(cases)('%s', (_name, body, param) => {
    const error = refusalOf(() => parse(body));
    expect(error.status).toBe(400);
    expect(error.detail.param).toBe(param);
    expect(error.message).toContain(param);
  });

  test('an unknown size names the field and everything allowed', () => {
    const { message } = refusalOf(() => parse(config({ imageConfig: { imageSize: 'banana' } })));
    expect(message).toBe('generationConfig.imageConfig.imageSize must be one of 512, 1K, 2K, 4K.');
  });
});
