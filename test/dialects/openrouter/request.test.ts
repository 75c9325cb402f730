import { describe, expect, test } from 'vitest';
import { parseRequest } from '../../../src/dialects/openrouter/request.ts';
import { ASPECT_RATIOS, TIERS } from '../../../src/image/size.ts';
import type { JsonObject } from '../../../src/wire/json.ts';

const parse = (fields: JsonObject) => parseRequest({ prompt: 'x', ...fields });
const URL = { url: 'data:image/png;base64,iVBORw0KGgo=' };

describe('a request on OpenRouter’s path', () => {
  test('reaches every ratio and tier by its own words', () => {
    for (const ratio of ASPECT_RATIOS)
      for (const tier of TIERS)
        expect(parse({ aspect_ratio: ratio, resolution: tier }).shape).toMatchObject({ ratio, tier });
  });

  test('has its references behind its prompt, as what their bytes are', () => {
    const { turns } = parse({ input_references: [{ type: 'image_url', image_url: URL }] });
    expect(turns[0]!.parts).toMatchObject([
      { kind: 'text', text: 'x' },
      { kind: 'picture', mimeType: 'image/png', data: 'iVBORw0KGgo=' },
    ]);
  });

  test('is told what is not honoured, and is streamed where it says so', () => {
    const { delivery } = parse({ provider: { order: ['x'] }, stream: true, output_format: 'webp' });
    expect(delivery).toMatchObject({ stream: { drafts: 0 }, format: 'webp' });
    expect(delivery.warnings).toEqual([expect.stringMatching(/^provider is not honoured/)]);
  });

  test.each<[JsonObject, string]>([
    [{ prompt: '' }, 'prompt'],
    [{ n: 11 }, 'n'],
    [{ resolution: '3K' }, 'resolution'],
    [{ resolution: '1K', image_size: '2K' }, 'resolution'],
    [{ background: 'transparent' }, 'background'],
    [{ output_format: 'svg' }, 'output_format'],
    [{ input_references: 'x' }, 'input_references'],
    [{ input_references: [{ type: 'text' }] }, 'input_references[0].type'],
    [
      { input_references: [{ type: 'image_url', image_url: { url: 'gs://a/b.png' } }] },
      'input_references[0].image_url.url',
    ],
    [
      { input_references: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] },
      'input_references[0].image_url.url',
    ],
    [
      { input_references: Array.from({ length: 17 }, () => ({ type: 'image_url', image_url: URL })) },
      'input_references',
    ],
    [{ image: 'x' }, 'image'],
    [{ mask: 'x' }, 'mask'],
    [{ modalities: ['text'] }, 'modalities'],
  ])('%j is a 400 that names %s', (fields, param) => {
    expect(() => parse(fields)).toThrow(expect.objectContaining({ detail: expect.objectContaining({ param }) }));
  });
});
