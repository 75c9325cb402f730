import { describe, expect, test } from 'vitest';
import { parseRequest as parseImages } from '../../../src/dialects/openai-images/request.ts';
import { openaiImages } from '../../../src/dialects/openai-images/dialect.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { imagesCall, refusalOf } from '../draws.ts';

const parse = (fields: JsonObject) => parseImages({ prompt: 'x', ...fields });

describe('what is refused', () => {
  const cases: [JsonObject, string, string?][] = [
    [{ prompt: null }, 'prompt', 'missing_required_parameter'],
    [{ prompt: '' }, 'prompt'],
    [{ prompt: ['x'] }, 'prompt'],
    [{ prompt: 'é'.repeat(32_001) }, 'prompt'],
    [{ prompt: LongString.fromText('x'.repeat(400_000)) }, 'prompt'],
    [{ model: 5 }, 'model'],
    [{ model: '' }, 'model'],
    ...[0, 11, 1.5, -1, '2', true, [], Infinity].map((n): [JsonObject, string] => [{ n }, 'n']),
    ...['banana', '', '0x10', 'x'].map((size): [JsonObject, string] => [{ size }, 'size']),
    [{ size: 1024 }, 'size'],
    [{ quality: 'best' }, 'quality'],
    [{ background: 'transparent' }, 'background', 'unsupported_value'],
    [{ background: 'green' }, 'background'],
    [{ moderation: 'none' }, 'moderation'],
    [{ output_format: 'gif' }, 'output_format'],
    [{ output_format: 'svg' }, 'output_format'],
    [{ output_compression: 101 }, 'output_compression'],
    [{ output_compression: '80' }, 'output_compression'],
    [{ output_compression: 80, output_format: 'png' }, 'output_compression'],
    [{ response_format: 'bytes' }, 'response_format'],
    [{ stream: true, response_format: 'url' }, 'response_format', 'unsupported_value'],
    [{ stream: true, partial_images: 4 }, 'partial_images'],
    [{ stream: 'yes' }, 'stream'],
    [{ partial_images: 2 }, 'partial_images', 'unsupported_value'],
    [{ user: 5 }, 'user'],
    [{ safety_identifier: {} }, 'safety_identifier'],
    [{ complexity: 'low' }, 'complexity', 'unsupported_parameter'],
    [{ frame_count: 4 }, 'frame_count', 'unsupported_parameter'],
    [{ svg: {} }, 'svg', 'unsupported_parameter'],
    [{ image: 'data:' }, 'image', 'unsupported_parameter'],
    [{ extra_body: { mask: 'data:' } }, 'extra_body.mask', 'unsupported_parameter'],
    [{ google: { contents: [] } }, 'google.contents', 'unsupported_parameter'],
    [{ google: { model: 'x' } }, 'google.model', 'conflicting_parameters'],
    [{ google: 'x' }, 'google'],
    [{ extra_body: [] }, 'extra_body'],
    [{ seed: 1.5 }, 'seed'],
    [{ seed: 2 ** 31 - 1, n: 2 }, 'seed'],
    [{ aspect_ratio: '9:21' }, 'aspect_ratio'],
    [{ image_size: '8K' }, 'image_size'],
    [{ temperature: 3 }, 'temperature'],
    [{ modalities: ['image', 'text'] }, 'modalities', 'unsupported_value'],
    [{ response_modalities: ['TEXT'] }, 'response_modalities', 'unsupported_value'],
    [{ modalities: ['audio'] }, 'modalities'],
    [
      { google: { generation_config: { candidate_count: 2 } } },
      'google.generation_config.candidate_count',
      'unsupported_value',
    ],
    [
      { aspect_ratio: '16:9', google: { image_config: { aspectRatio: '1:1' } } },
      'google.image_config.aspectRatio',
      'conflicting_parameters',
    ],
    [{ seed: 1, extra_body: { seed: 2 } }, 'extra_body.seed', 'conflicting_parameters'],
    [{ n: 1, extra_body: { n: 2 } }, 'extra_body.n', 'conflicting_parameters'],
    [{ size: '16:9', aspect_ratio: '1:1' }, 'aspect_ratio', 'conflicting_parameters'],
    [{ size: '2K', image_size: '4K' }, 'image_size', 'conflicting_parameters'],
    [{ aspect_ration: '16:9' }, 'aspect_ration', 'unknown_parameter'],
    [{ 'image-size': '2K' }, 'image-size', 'unknown_parameter'],
    [{ SEED: 1 }, 'SEED', 'unknown_parameter'],
  ];

  test.each(cases)('%j', (fields, param, code = 'invalid_value') => {
    const error = refusalOf(() => parse(fields));
    expect(error.status).toBe(400);
    expect(error.detail).toMatchObject({ param, code });
    expect(error.message).toContain(param);
    expect(openaiImages.renderError(error, imagesCall).body.error).toMatchObject({
      type: 'invalid_request_error',
      param,
      code,
    });
  });

  test('two places that differ are both named', () => {
    const { message } = refusalOf(() => parse({ seed: 1, google: { seed: 2 } }));
    expect(message).toBe('seed and google.seed say different things. Send only one of them.');
  });

  test('a bad size names the forms there are', () => {
    expect(refusalOf(() => parse({ size: 'banana' })).message).toContain('auto, WIDTHxHEIGHT');
  });
});
