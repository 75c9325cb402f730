import { describe, expect, test } from 'vitest';
import { parseRequest } from '../../../src/dialects/openai-images/request.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { refusalOf } from '../draws.ts';

const parse = (fields: JsonObject) => parseRequest({ prompt: 'x', ...fields });
const image = { aspectRatio: '16:9', imageSize: '2K' };
const snake = { aspect_ratio: 'ASPECT_RATIO_SIXTEEN_BY_NINE', image_size: 'IMAGE_SIZE_TWO_K' };

describe('Gemini’s response format in an OpenAI call, beside OpenAI’s own response_format', () => {
  test.each<JsonObject>([
    { google: { response_format: { image } } },
    { google: { responseFormat: [{ image: snake }] } },
    { extra_body: { google: { response_format: { image: snake } } } },
    { extra_body: { google: { generation_config: { response_format: { image } } } } },
    { generationConfig: { responseFormat: { image } } },
    { generation_config: { response_format: [{ image: snake }] } },
    { responseFormat: { image } },
  ])('%j is its ratio and tier', (fields) => {
    const { shape, delivery, more } = parse({ response_format: 'b64_json', ...fields });
    expect(shape).toMatchObject({ ratio: '16:9', tier: '2K' });
    expect(delivery.warnings).toEqual([]);
    expect(more).toEqual({ request: {}, generationConfig: {}, imageConfig: {} });
  });

  test('that contradicts another spelling is a 400', () => {
    const fields = { aspect_ratio: '1:1', google: { response_format: { image } } };
    expect(refusalOf(() => parse(fields))).toMatchObject({
      detail: { param: 'google.response_format.image.aspectRatio', code: 'conflicting_parameters' },
    });
  });
});
