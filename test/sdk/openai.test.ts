import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ASPECT_RATIOS, nominalPixels } from '../../src/image/size.ts';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import type { Params } from './openai.ts';
import { pictureIn, sizeIn } from './pictures.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => {
  vi.unstubAllEnvs();
});

type Options = ConstructorParameters<typeof OpenAI>[0];

const client = (options: Options = {}) =>
  new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0, ...options });
const generate = (params: Params) => client().images.generate(params);
const drawn = async (params: Params) => sizeIn((await generate(params)).data?.[0]?.b64_json);

describe('models', () => {
  test('the list is of the shape the SDK pages through', async () => {
    const models: OpenAI.Model[] = [];
    for await (const model of client().models.list()) models.push(model);
    expect(models.map(({ id }) => id)).toEqual(['gemini-3.1-flash-image', 'gemini-3-pro-image', 'auto']);
    expect(models[0]).toMatchObject({ object: 'model', created: expect.any(Number), owned_by: 'google' });
  });

  test.each([
    'gemini-3-pro-image',
    'gemini-3-pro-image-preview',
    'google/gemini-3-pro-image-preview',
    'nano-banana-pro',
  ])('one model is found by any of its names: %s', async (name) => {
    expect(await client().models.retrieve(name)).toMatchObject({ id: 'gemini-3-pro-image', object: 'model' });
  });
});

describe('one picture', () => {
  test('a prompt alone is a whole reply with a picture of 1024x1024, and the request id is where the SDK looks for it', async () => {
    const asked = generate({ prompt: 'a fox' });
    const reply = await asked;
    const { response, request_id } = await asked.withResponse();
    const picture = await pictureIn(reply.data?.[0]?.b64_json);
    expect(picture).toMatchObject({ width: 1024, height: 1024 });
    expect(reply).toMatchObject({ size: '1024x1024', output_format: picture.type, background: 'opaque' });
    expect(Math.abs(reply.created - Date.now() / 1000)).toBeLessThan(600);
    expect(reply.usage).toMatchObject({ output_tokens_details: { image_tokens: 1120 } });
    expect(reply.usage?.total_tokens).toBe((reply.usage?.input_tokens ?? 0) + (reply.usage?.output_tokens ?? 0));
    expect(request_id).toMatch(/^req_[0-9a-f]{32}$/);
    expect(response.headers.get('x-request-id')).toBe(request_id);
    expect(reply._request_id).toBe(request_id);
  });

  test.each([
    [{ size: '1024x1024' }, '1024x1024'],
    [{ size: '1536x1024' }, '1264x848'],
    [{ size: '1024x1792', quality: 'hd' }, '768x1376'],
    [{ size: '1920x1080' }, '2752x1536'],
    [{ size: '3840x2160' }, '5504x3072'],
    [{ size: 'auto', quality: 'low' }, '512x512'],
    [{ quality: 'high' }, '2048x2048'],
    [{ size: '2K' }, '2048x2048'],
    [{ size: '21:9' }, '1584x672'],
    [{ size: null, quality: null, n: null, user: 'u1', moderation: 'low', background: 'opaque' }, '1024x1024'],
    [{ model: 'gpt-image-1', size: '512x512' }, '512x512'],
    [{ model: 'gemini-3-pro-image', quality: 'low' }, '1024x1024'],
  ] as const)('%j is drawn as %s', async (params, size) => {
    expect(await drawn({ prompt: 'a size', seed: 1, ...params })).toBe(size);
  });

  test.each([
    [{ output_format: 'png' }, 'png'],
    [{ output_format: 'jpeg', output_compression: 60 }, 'jpeg'],
    [{ output_format: 'webp' }, 'webp'],
    [{ output_compression: 50 }, 'jpeg'],
  ] as const)('%j comes as %s', async (params, type) => {
    const reply = await generate({ prompt: 'a format', seed: 1, ...params });
    expect(reply.output_format).toBe(type);
    expect(await pictureIn(reply.data?.[0]?.b64_json)).toMatchObject({ type, width: 1024, height: 1024 });
  });

  test('three pictures of one seed are three different ones, drawn by three calls, and come again without a call', async () => {
    const before = gateway.simulator.calls.length;
    const first = await generate({ prompt: 'three', n: 3, seed: 5, size: '512x512' });
    const again = await generate({ prompt: 'three', n: 3, seed: 5, size: '512x512' });
    expect(new Set(first.data?.map(({ b64_json }) => b64_json)).size).toBe(3);
    expect(again.data).toEqual(first.data);
    expect(gateway.simulator.calls).toHaveLength(before + 3);
  });

  test('a default header consents to older answers, as the types have no seed', async () => {
    const images = client({ defaultHeaders: { 'Cache-Control': 'max-age=3600' } }).images;
    const first = await images.generate({ prompt: 'by header' });
    const { data, response } = await images.generate({ prompt: 'by header' }).withResponse();
    expect(response.headers.get('cache-status')).toMatch(/^Plantain; hit/);
    expect(data.data).toEqual(first.data);
  });

  test('Accept: image/png on one call is the bare bytes of that picture', async () => {
    const reply = await client()
      .images.generate({ prompt: 'bare' }, { headers: { accept: 'image/png' } })
      .asResponse();
    expect(reply.headers.get('content-type')).toBe('image/png');
    expect(await sizeIn(Buffer.from(await reply.arrayBuffer()).toString('base64'))).toBe('1024x1024');
  });

  test('a safety_identifier is told back', async () => {
    expect(await generate({ prompt: 'told back', safety_identifier: 'user-17' })).toMatchObject({
      safety_identifier: 'user-17',
    });
  });
});

describe('what Gemini can do and OpenAI has no word for', () => {
  const wide = { aspect_ratio: '16:9', image_size: '2K' };
  const spellings: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['at top level', wide],
    ['at top level in camelCase', { aspectRatio: '16:9', imageSize: '2K' }],
    ['in image_config', { image_config: wide }],
    ['under google', { google: wide }],
    ['under google.image_config', { google: { image_config: wide } }],
    ['in a literal extra_body', { extra_body: wide }],
    ['in a literal extra_body.image_config', { extra_body: { image_config: wide } }],
    ['in a literal extra_body.google', { extra_body: { google: { image_config: wide } } }],
    ['in two places that agree', { ...wide, extra_body: { google: { image_config: wide } } }],
  ];

  test('every spelling is one picture of the asked pixels, drawn once', async () => {
    const before = gateway.simulator.calls.length;
    const pictures = new Set<string | undefined>();
    for (const [where, extras] of spellings) {
      const reply = await generate({ prompt: 'spelt', seed: 3, ...extras });
      expect(await sizeIn(reply.data?.[0]?.b64_json), where).toBe('2752x1536');
      pictures.add(reply.data?.[0]?.b64_json);
    }
    expect(pictures.size).toBe(1);
    expect(gateway.simulator.calls).toHaveLength(before + 1);
  });

  test.each(['512', '0.5K', 512, '1K', '1k', '2K', '4K'])('the tier %j is reached', async (tier) => {
    const side = { '5': 512, '0': 512, '1': 1024, '2': 2048, '4': 4096 }[String(tier)[0]!];
    expect(await drawn({ prompt: 'tiers', seed: 1, extra_body: { google: { image_size: tier } } })).toBe(
      `${side}x${side}`,
    );
  });

  test.each(ASPECT_RATIOS)('the ratio %s is reached', async (ratio) => {
    const { width, height } = nominalPixels(ratio, '512');
    const size = await drawn({
      prompt: 'ratios',
      seed: 1,
      google: { image_config: { aspect_ratio: ratio, image_size: '512' } },
    });
    expect(size).toBe(`${width}x${height}`);
  });

  test('a search tool, safety settings and thinking travel with the prompt', async () => {
    const reply = await generate({
      prompt: 'the news',
      size: '512x512',
      tools: [{ google_search: {} }],
      safety_settings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      thinking_config: { thinking_level: 'high' },
    });
    expect(reply.data?.[0]).toMatchObject({
      grounding: expect.objectContaining({ webSearchQueries: expect.anything() }),
    });
  });
});

describe('by base URL alone', () => {
  test.each(['', '/', '/v1', '/v1/', '/v1beta/openai', '/v1beta/openai/'])(
    '"%s" behind the host is good',
    async (path) => {
      const there = client({ baseURL: gateway.url + path });
      expect(
        await sizeIn((await there.images.generate({ prompt: 'where', size: '512x512' })).data?.[0]?.b64_json),
      ).toBe('512x512');
      expect((await there.models.list()).data.map(({ id }) => id)).toContain('gemini-3-pro-image');
    },
  );

  test.each(['/v1/v1', '/v1beta', '/v1/openai'])('"%s" is a NotFoundError that prints the right one', async (path) => {
    const asked = client({ baseURL: gateway.url + path }).images.generate({ prompt: 'where' });
    await expect(asked).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(asked).rejects.toMatchObject({
      code: 'unknown_path',
      type: 'invalid_request_error',
      message: expect.stringMatching(/\/v1\/images\/generations\?/),
    });
  });

  test('OPENAI_BASE_URL and OPENAI_API_KEY are enough', async () => {
    vi.stubEnv('OPENAI_BASE_URL', `${gateway.url}/v1`);
    vi.stubEnv('OPENAI_API_KEY', KEY);
    const reply = await new OpenAI().images.generate({ prompt: 'from the environment', size: '512x512' });
    expect(await sizeIn(reply.data?.[0]?.b64_json)).toBe('512x512');
  });
});

describe('credentials', () => {
  test.each([
    ['a placeholder beside it', KEY, { 'x-goog-api-key': 'not-a-key', 'x-api-key': 'nor-this' }],
    ['it where the SDK would not put it', 'not-needed', { 'x-api-key': KEY }],
    ['it twice', KEY, { 'x-goog-api-key': KEY }],
  ])(
    'one good key is enough, and the SDK still gets replies of its own shape: %s',
    async (_, apiKey, defaultHeaders) => {
      const twice = client({ apiKey, defaultHeaders });
      expect((await twice.models.list()).data).toHaveLength(3);
      expect((await twice.images.generate({ prompt: 'keys', size: '512x512' })).data).toHaveLength(1);
    },
  );

  test('good keys of two tenants are refused: it would be a guess who pays', async () => {
    const asked = client({ defaultHeaders: { 'x-api-key': OTHER_KEY } }).images.generate({ prompt: 'whose' });
    await expect(asked).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(asked).rejects.toThrow(/different tenants/);
  });
});
