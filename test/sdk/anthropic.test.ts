import type Anthropic from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ASPECT_RATIOS, nominalPixels, TIERS } from '../../src/image/size.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { FLASH, GENERATIONS, paramsOf, picturesOf, textOf } from './anthropic.ts';
import type { Params } from './anthropic.ts';
import { pictureIn, sizeIn } from './pictures.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterEach(() => gateway.simulator.clearRules());
afterAll(() => gateway.close());

describe.each(GENERATIONS)('@anthropic-ai/sdk $generation', ({ generation, Client }) => {
  const client = (options: ConstructorParameters<typeof Client>[0] = {}) =>
    new Client({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0, ...options });
  const create = (params: Params = {}) => client().messages.create(paramsOf(params));
  const drawn = async (params: Params) => sizeIn(picturesOf(await create(params))[0]?.source.data);
  const calls = () => gateway.simulator.calls.length;

  describe('models', () => {
    test('the list is of the shape the SDK pages through', async () => {
      const models: Anthropic.ModelInfo[] = [];
      for await (const model of client().models.list()) models.push(model);
      expect(models.map(({ id }) => id)).toEqual([FLASH, 'gemini-3-pro-image', 'auto']);
      expect(models[0]).toMatchObject({ type: 'model', display_name: 'Nano Banana 2', lifecycle: 'active' });
      expect(Date.parse(models[0]!.created_at)).toBe(Date.parse('2026-05-28'));
    });

    test('pages of one are walked one by one, in both directions', async () => {
      const models: string[] = [];
      for await (const { id } of client().models.list({ limit: 1 })) models.push(id);
      expect(models).toEqual([FLASH, 'gemini-3-pro-image', 'auto']);
      const back = await client().models.list({ limit: 1, before_id: 'gemini-3-pro-image' });
      expect(back).toMatchObject({ data: [{ id: FLASH }], has_more: false, first_id: FLASH, last_id: FLASH });
    });

    test.each(['gemini-3-pro-image', 'google/gemini-3-pro-image-preview', 'nano-banana-pro'])(
      'one model is found by any of its names: %s',
      async (name) => {
        expect(await client().models.retrieve(name)).toMatchObject({ id: 'gemini-3-pro-image', type: 'model' });
      },
    );
  });

  describe('one message', () => {
    test('holds text and a picture, its usage, and the request id where the SDK looks for it', async () => {
      const message = await create();
      expect(message).toMatchObject({
        id: expect.stringMatching(/^msg_[0-9a-f]{32}$/),
        type: 'message',
        role: 'assistant',
        model: FLASH,
        stop_reason: 'end_turn',
        stop_sequence: null,
      });
      expect(textOf(message)).not.toBe('');
      const [picture, ...others] = picturesOf(message);
      expect(others).toEqual([]);
      const info = await pictureIn(picture?.source.data);
      expect(info).toMatchObject({ width: 1024, height: 1024, mimeType: picture?.source.media_type });
      expect(message.usage.input_tokens).toBeGreaterThan(0);
      expect(message.usage.output_tokens).toBeGreaterThan(1120);
      expect(message.usage).toMatchObject({ cost: 0.05 });
      expect(message._request_id).toMatch(/^req_[0-9a-f]{32}$/);
    });

    test('is a hit at no cost when it is asked for again with a seed', async () => {
      const before = calls();
      const params = paramsOf({
        messages: [{ role: 'user', content: `again ${generation}` }],
        seed: 4,
        image_size: '512',
      });
      const first = await client().messages.create(params);
      const { data, response } = await client().messages.create(params).withResponse();
      expect(data.content).toEqual(first.content);
      expect(data.usage).toMatchObject({ cost: 0 });
      expect(response.headers.get('cache-status')).toMatch(/^Plantain; hit/);
      expect(response.headers.get('request-id')).toBe(response.headers.get('x-request-id'));
      expect(calls()).toBe(before + 1);
    });

    test('a limit of tokens too small for a picture refuses none, and is told of', async () => {
      const { data, response } = await client()
        .messages.create(paramsOf({ max_tokens: 1, image_size: '512' }))
        .withResponse();
      expect(picturesOf(data)).toHaveLength(1);
      expect(response.headers.get('x-plantain-warning')).toContain('max_tokens is not honoured below 8192');
    });

    test('thinking that is asked for comes as a block of its own', async () => {
      const message = await create({ thinking: { type: 'adaptive' }, image_size: '512' });
      const thoughts = message.content.filter(({ type }) => type === 'thinking');
      expect(thoughts).toMatchObject([{ type: 'thinking', thinking: expect.stringMatching(/\w/) }]);
      expect((await create({ image_size: '512' })).content.map(({ type }) => type)).not.toContain('thinking');
    });

    test('a search tool grounds the picture, and its sources come along', async () => {
      const message = await create({
        tools: [{ type: 'web_search_20250305', name: 'web_search' }],
        image_size: '512',
        messages: [{ role: 'user', content: 'the news' }],
      });
      expect(message).toMatchObject({ grounding: { webSearchQueries: expect.anything() } });
    });

    test('what its model will not draw is a refusal, which is an answer', async () => {
      gateway.simulator.rule({ fault: 'image-safety' });
      const message = await create({ messages: [{ role: 'user', content: 'forbidden things' }] });
      expect(message).toMatchObject({ model: FLASH, stop_reason: 'refusal', usage: { input_tokens: 0, cost: 0 } });
      expect(textOf(message)).toMatch(/IMAGE_SAFETY/);
    });
  });

  describe('pictures that go in', () => {
    test('a picture beside a text, and one that a tool gave back, are read', async () => {
      const [picture] = picturesOf(await create({ image_size: '512' }));
      const seen = gateway.simulator.calls.length;
      const message = await create({
        image_size: '512',
        messages: [
          { role: 'user', content: [picture!, { type: 'text', text: 'draw it at night' }] },
          { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'photo', input: {} }] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [picture!] }] },
        ],
      });
      expect(picturesOf(message)).toHaveLength(1);
      expect(calls()).toBe(seen + 1);
      // The simulator counts 1,120 tokens for each picture it reads.
      expect(message.usage.input_tokens).toBeGreaterThan(2 * 1120);
    });

    test.each([
      [{ type: 'url', url: 'https://example.org/x.png' }, /remote URLs are off/],
      [{ type: 'file', file_id: 'file_1' }, /File not found: file_1/],
    ] as const)('%j is a BadRequestError that names the source', async (source, says) => {
      const content = [
        { type: 'text', text: 'x' },
        { type: 'image', source },
      ] as unknown as string;
      const asked = create({ messages: [{ role: 'user', content }] });
      await expect(asked).rejects.toBeInstanceOf(Client.BadRequestError);
      await expect(asked).rejects.toMatchObject({
        status: 400,
        message: expect.stringMatching(/messages\[0\]\.content\[1\]\.source/),
      });
      await expect(asked).rejects.toThrow(says);
    });
  });

  test('a type that its model does not read is named by its place', async () => {
    const source = { type: 'base64' as const, media_type: 'image/gif' as const, data: 'R0lGODlh' };
    const messages = [
      { role: 'user' as const, content: 'one' },
      { role: 'user' as const, content: [{ type: 'image' as const, source }] },
    ];
    for (const asked of [create({ messages }), client().messages.countTokens({ model: FLASH, messages })])
      await expect(asked).rejects.toThrow(/messages\[1\]\.content\[0\]: .* does not take this type/);
  });

  test('tokens are counted without drawing anything', async () => {
    const before = calls();
    const [picture] = picturesOf(await create({ seed: 1, image_size: '512' }));
    const drawn = calls();
    const content = [picture!, { type: 'text' as const, text: 'draw it at night' }];
    const counted = await client().messages.countTokens({ model: FLASH, messages: [{ role: 'user', content }] });
    expect(counted).toEqual({ input_tokens: 1120 + Math.ceil(16 / 4.5) });
    expect(calls()).toBe(drawn);
    expect(drawn - before).toBeLessThanOrEqual(1);
  });

  describe('by base URL alone', () => {
    test.each(['', '/'])('"%s" behind the host is good', async (path) => {
      const there = client({ baseURL: gateway.url + path });
      const message = await there.messages.create(paramsOf({ seed: 2, image_size: '512' }));
      expect(await sizeIn(picturesOf(message)[0]?.source.data)).toBe('512x512');
    });

    test.each(['/v1', '/v1/', '/v1beta'])('"%s" is a NotFoundError that prints the right path', async (path) => {
      const asked = client({ baseURL: gateway.url + path }).messages.create(paramsOf({}));
      await expect(asked).rejects.toBeInstanceOf(Client.NotFoundError);
      await expect(asked).rejects.toMatchObject({
        type: 'not_found_error',
        message: expect.stringMatching(/\/v1\/messages\?.*Claude SDKs http:\/\/[\w.]+:\d+\./),
      });
    });

    test('the key is good as a bearer token too', async () => {
      const bearer = client({ apiKey: null, authToken: KEY });
      expect(picturesOf(await bearer.messages.create(paramsOf({ seed: 2, image_size: '512' })))).toHaveLength(1);
    });
  });

  // The vendor refuses a picture of the model's own that comes back without its signature, which no client of Claude's can carry.
  test.each([
    ['as the vendor sent it', {}],
    ['in another format', { output_format: 'png' }],
    ['as a hit', { seed: 3 }],
  ])('an answer goes back and is changed, twice: its picture %s', async (how, fields) => {
    const { messages: api } = client();
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: `a red barn ${how}` }];
    for (const wish of ['now in winter', 'at night', null]) {
      const asked = paramsOf({ messages: [...messages], max_tokens: 8192, image_size: '512', ...fields });
      if ('seed' in fields) await api.create(asked);
      const { data, response } = await api.create(asked).withResponse();
      expect(response.headers.get('x-plantain-warning')).toBeNull();
      expect(picturesOf(data)).toHaveLength(1);
      messages.push({ role: 'assistant', content: data.content });
      if (wish !== null) messages.push({ role: 'user', content: wish });
    }
  });

  const [, ...unusual] = TIERS;
  test.each([
    ...ASPECT_RATIOS.map((ratio) => [ratio, '512'] as const),
    ...unusual.map((tier) => ['16:9', tier] as const),
  ])('the ratio %s at %s is drawn', async (ratio, tier) => {
    const { width, height } = nominalPixels(ratio, tier);
    const size = await drawn({ seed: 1, image_config: { aspect_ratio: ratio, image_size: tier } });
    expect(size).toBe(`${width}x${height}`);
  });
});

test('the same meaning through Claude and through Gemini is one picture', async () => {
  const before = gateway.simulator.calls.length;
  const client = new GENERATIONS[0].Client({ apiKey: KEY, baseURL: gateway.url });
  const message = await client.messages.create(
    paramsOf({
      model: 'nano-banana-2',
      system: 'be brief',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'one for both' }] }],
      seed: 11,
      temperature: 0.5,
      extra_body: { google: { image_config: { aspect_ratio: '3:2', image_size: '512' } } },
    }),
  );
  const natively = await gateway.post(`/v1beta/models/${FLASH}-preview:generateContent`, {
    systemInstruction: { parts: [{ text: 'be brief' }] },
    contents: [{ parts: [{ text: 'one for both' }] }],
    generationConfig: { seed: 11, temperature: 0.5, imageConfig: { aspectRatio: '3:2', imageSize: '512' } },
  });
  expect(natively.headers.get('cache-status')).toMatch(/^Plantain; hit/);
  expect(await natively.text()).toContain(picturesOf(message)[0]?.source.data);
  expect(gateway.simulator.calls).toHaveLength(before + 1);
});

test('a request is priced before it is sent, and told what it would hit', async () => {
  const body = paramsOf({ seed: 12, image_size: '512', messages: [{ role: 'user', content: 'priced' }] });
  const before = gateway.simulator.calls.length;
  const quoted = await gateway.post('/v1/quote?for=/v1/messages', body);
  expect(await quoted.json()).toMatchObject({ model: FLASH, hits: 0, to_draw: 1, cost_usd: { expected: 0.05 } });
  expect(gateway.simulator.calls).toHaveLength(before);
  await gateway.post('/v1/messages', body);
  expect(await (await gateway.post('/v1/quote?for=/v1/messages', body)).json()).toMatchObject({ hits: 1, to_draw: 0 });
  const counted = await gateway.post('/v1/quote?for=/v1/messages/count_tokens', body);
  expect([counted.status, await counted.json()]).toMatchObject([404, { type: 'error' }]);
});
