import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRequest as parseImages } from '../../../src/dialects/openai-images/request.ts';
import { ASPECT_RATIOS, TIERS } from '../../../src/image/size.ts';
import type { Json, JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { drawOf, received, refusalOf } from '../draws.ts';

const parse = (fields: JsonObject) => parseImages({ prompt: 'x', ...fields });
const plain = parse({});

describe('what the SDKs send', () => {
  test('openai-node with every ordinary parameter', () => {
    const request = parse(
      received(
        '{"model":"gpt-image-1","prompt":"otter","n":2,"size":"1024x1024","quality":"high","output_format":"png","background":"auto","response_format":"b64_json","user":"u1"}',
      ),
    );
    expect(request).toEqual({
      model: 'gpt-image-1',
      turns: [
        { role: 'user', parts: [{ kind: 'text', text: 'otter', thought: false, signature: null, more: {} }], more: {} },
      ],
      system: null,
      modalities: ['IMAGE'],
      shape: {
        ratio: null,
        tier: null,
        pixels: { width: 1024, height: 1024 },
        quality: 'high',
        named: { ratio: 'size', tier: 'size' },
      },
      seed: null,
      temperature: null,
      thinking: null,
      tools: [],
      safety: [],
      more: { request: {}, generationConfig: {}, imageConfig: {} },
      count: 2,
      delivery: {
        format: 'png',
        compression: null,
        exact: null,
        masked: null,
        link: 'no',
        stream: null,
        safetyIdentifier: null,
        warnings: [],
      },
      user: 'u1',
    });
  });

  test('openai-node with a literal extra_body beside the same at the top', () => {
    const request = parse({ model: 'm', seed: 5, extra_body: { aspect_ratio: '16:9' }, aspect_ratio: '16:9' });
    expect(request).toMatchObject({ seed: 5, shape: { ratio: '16:9' }, delivery: { warnings: [] } });
  });

  test('openai-python, whose extras are plainer words than its size', () => {
    const request = parse({
      n: 1,
      size: '1024x1024',
      aspect_ratio: '16:9',
      google: { image_config: { image_size: '2K' } },
    });
    expect(request.shape).toEqual({
      ratio: '16:9',
      tier: '2K',
      pixels: null,
      quality: null,
      named: { ratio: 'aspect_ratio', tier: 'google.image_config.image_size' },
    });
    expect(request.delivery.warnings).toEqual(['size gave way to aspect_ratio and google.image_config.image_size.']);
    expect(parse({ size: '1024x1024', aspect_ratio: '1:1', image_size: '1K' }).delivery.warnings).toEqual([]);
  });

  test('the AI SDK, for a model it does not know', () => {
    const fields = { model: 'gemini-3.1-flash-image-preview', n: 1, size: '1024x1024', response_format: 'b64_json' };
    expect(parse(fields).model).toBe('gemini-3.1-flash-image-preview');
  });

  test('null is not set, everywhere', () => {
    const names = [
      'model',
      'n',
      'size',
      'quality',
      'background',
      'moderation',
      'output_format',
      'output_compression',
      'response_format',
    ];
    names.push(
      'style',
      'stream',
      'partial_images',
      'safety_identifier',
      'user',
      'complexity',
      'svg',
      'mask',
      'extra_body',
      'google',
      'seed',
    );
    names.push('aspect_ratio', 'modalities', 'tools', 'nobody_knows');
    expect(parse(Object.fromEntries(names.map((name) => [name, null])))).toEqual(plain);
  });

  test('what OpenAI takes for granted changes nothing', () => {
    const usual = {
      n: 1,
      size: 'auto',
      quality: 'auto',
      background: 'opaque',
      moderation: 'auto',
      output_compression: 100,
    };
    expect(parse({ ...usual, response_format: 'b64_json', stream: false, partial_images: 0, user: '' })).toEqual(plain);
  });
});

describe('sizes', () => {
  test.each(ASPECT_RATIOS.flatMap((ratio) => TIERS.map((tier) => [ratio, tier] as const)))(
    'the cell %s at %s can be had',
    (ratio, tier) => {
      expect(drawOf(parse({ aspect_ratio: ratio, image_size: tier }))).toMatchObject({ ratio, tier });
      expect(drawOf(parse({ size: ratio, image_size: tier }))).toMatchObject({ ratio, tier });
      expect(drawOf(parse({ size: tier, google: { imageConfig: { aspectRatio: ratio } } }))).toMatchObject({
        ratio,
        tier,
      });
    },
  );

  test.each([
    ['auto', null, null],
    ['1024x1024', '1:1', '1K'],
    ['1536x1024', '3:2', '1K'],
    ['1024x1792', '9:16', '1K'],
    ['1920x1080', '16:9', '2K'],
    ['3840x2160', '16:9', '4K'],
    ['1K', null, '1K'],
    ['0.5k', null, '512'],
    ['16:9', '16:9', null],
  ])('size %s means %s at %s', (size, ratio, tier) => {
    expect(drawOf(parse({ size }))).toMatchObject({ ratio, tier });
  });

  test.each([
    ['low', 'low'],
    ['medium', 'medium'],
    ['high', 'high'],
    ['auto', null],
    ['standard', 'medium'],
    ['hd', 'high'],
    ['xhigh', 'high'],
    ['max', 'high'],
  ])('quality %s is %s', (quality, ours) => {
    expect(parse({ quality }).shape.quality).toBe(ours);
  });
});

describe('extras', () => {
  const everywhere = (name: string, value: Json): JsonObject[] => [
    { [name]: value },
    { google: { [name]: value } },
    { extra_body: { [name]: value } },
    { extra_body: { google: { [name]: value } } },
  ];
  const equal: [string, JsonObject[]][] = [
    ['seed', everywhere('seed', 7)],
    ['aspect_ratio', [...everywhere('aspect_ratio', '16:9'), ...everywhere('aspectRatio', '16:9')]],
    [
      'image_size',
      [
        ...everywhere('image_size', '2k'),
        ...everywhere('imageSize', '2K'),
        ...everywhere('image_config', { imageSize: '2K' }),
      ],
    ],
    ['tools', [...everywhere('tools', [{ google_search: {} }]), ...everywhere('tools', { googleSearch: {} })]],
    [
      'safety',
      everywhere('safety_settings', [{ category: 'a', threshold: 'b' }]).concat(
        everywhere('safetySettings', [{ category: 'A', threshold: 'B' }]),
      ),
    ],
    [
      'thinking',
      everywhere('thinking_config', { thinking_level: 'high' }).concat(
        everywhere('generationConfig', { thinkingConfig: { thinkingLevel: 'HIGH' } }),
      ),
    ],
    ['temperature', everywhere('temperature', 0)],
    ['top_p', everywhere('top_p', 0.5).concat(everywhere('topP', 0.5))],
  ];

  test.each(equal)('%s means the same wherever and however it is spelt', (_name, spellings) => {
    const draws = spellings.map((fields) => drawOf(parse(fields)));
    for (const draw of draws) expect(draw).toEqual(draws[0]);
    expect(draws[0]).not.toEqual(drawOf(plain));
    for (const fields of spellings) expect(parse(fields).delivery.warnings).toEqual([]);
  });

  test('pictures alone may be asked for by name', () => {
    const spellings = [
      ...everywhere('modalities', ['image']),
      ...everywhere('response_modalities', ['Image']),
      { modalities: 'IMAGE' },
    ];
    for (const fields of spellings) expect(parse(fields)).toEqual(plain);
  });

  test('a native name nobody knows goes up as a setting of the generation', () => {
    for (const fields of [
      { google: { fancy_thing: { a_b: 1 } } },
      { extra_body: { google: { fancy_thing: { a_b: 1 } } } },
    ]) {
      expect(parse(fields).more.generationConfig).toEqual({ fancy_thing: { a_b: 1 } });
    }
    expect(parse({ google: { cached_content: 'x', image_config: { new_one: 1 } } }).more).toEqual({
      request: { cachedContent: 'x' },
      generationConfig: {},
      imageConfig: { new_one: 1 },
    });
  });

  test('OpenAI’s own parameters may come through extra_body', () => {
    expect(parse({ extra_body: { n: 3, size: '2K' } })).toMatchObject({ count: 3, shape: { tier: '2K' } });
  });

  test('a top-level name nobody knows is a warning fit for a header', () => {
    const request = parse({ negative_prompt: 'x', steps: 4, 'größe\r\n': 1, extra_body: { resolution: '2K' } });
    expect(request.delivery.warnings).toEqual([
      'Unknown parameters were not honoured: negative_prompt, steps, gr??e??, extra_body.resolution.',
    ]);
    expect(drawOf(request)).toEqual(drawOf(plain));
    const many = parse(Object.fromEntries(Array.from({ length: 99 }, (_, index) => [`unheard_of_${index}`, 1])));
    expect(many.delivery.warnings[0]).toMatch(/and 89 more\.$/);
  });

  test('__proto__ and constructor are names like any other', () => {
    const request = parse(
      received('{"__proto__":{"seed":7},"constructor":1,"toString":2,"google":{"__proto__":{"seed":8}}}'),
    );
    expect(request.seed).toBeNull();
    expect(Object.hasOwn(request.more.generationConfig, '__proto__')).toBe(true);
    expect(request.delivery.warnings).toEqual([
      'Unknown parameters were not honoured: __proto__, constructor, toString.',
    ]);
    expect(({} as Record<string, unknown>).seed).toBeUndefined();
  });
});

describe('delivery', () => {
  test.each([
    [{}, null, null],
    [{ output_format: 'webp', output_compression: 80 }, 'webp', 80],
    [{ output_format: 'jpeg' }, 'jpeg', null],
    [{ output_format: 'png', output_compression: 100 }, 'png', null],
    [{ output_compression: 60 }, 'jpeg', 60],
  ])('%j asks for %s at %s', (fields, format, compression) => {
    expect(parse(fields).delivery).toMatchObject({ format, compression });
  });

  test('what has no equal at Gemini is a warning', () => {
    expect(parse({ style: 'vivid' }).delivery.warnings).toEqual([expect.stringContaining('style')]);
    expect(parse({ input_fidelity: 'high' }).delivery.warnings).toEqual([expect.stringContaining('input_fidelity')]);
  });

  test('safety_identifier wins over user and is told back', () => {
    expect(parse({ user: 'u', safety_identifier: 's' })).toMatchObject({
      user: 's',
      delivery: { safetyIdentifier: 's' },
    });
    expect(parse({ user: 'u', safety_identifier: '' })).toMatchObject({
      user: 'u',
      delivery: { safetyIdentifier: null },
    });
  });

  test('low moderation unblocks what can be, unless the settings are given', () => {
    const { safety } = parse({ moderation: 'low' });
    expect(safety).toHaveLength(4);
    for (const setting of safety) expect(setting.threshold).toBe('BLOCK_NONE');
    expect(parse({ moderation: 'low', safety_settings: [{ category: 'A' }] }).safety).toEqual([{ category: 'A' }]);
  });
});

test('a prompt is drawn byte for byte, in any script and up to 32,000 characters', () => {
  const drawn = (prompt: Json) => parse({ prompt }).turns[0]!.parts[0];
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (prompt) => {
      expect(drawn(prompt)).toMatchObject({ kind: 'text', text: prompt });
    }),
  );
  const longest = '🦊'.repeat(32_000);
  expect(drawn(longest)).toMatchObject({ text: longest });
  const awkward = '"\\ {{prompt}} $& ${x} %s \u0000 \ud83e\udd8a';
  expect(drawn(LongString.fromText(awkward))).toMatchObject({ text: awkward });
});

test('half a surrogate pair in a prompt, a name or a word is a 400', () => {
  for (const name of ['prompt', 'model', 'user', 'size', 'style', 'safety_identifier'])
    for (const value of ['a \ud83e b', LongString.fromText('a \udd8a b')])
      expect(refusalOf(() => parse({ [name]: value }))).toMatchObject({
        message: expect.stringMatching(new RegExp(`^${name} .*holds half of a surrogate pair`)),
        detail: { param: name, code: 'invalid_value' },
      });
});
