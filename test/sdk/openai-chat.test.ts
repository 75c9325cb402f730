import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { impatient } from './impatient.ts';
import { pictureIn, sizeIn } from './pictures.ts';
import { PNG } from './recorded/request.ts';

const POOR_KEY = 'sk-test-poor';
const FLASH_KEY = 'sk-test-flash';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'flash', keys: [{ key: FLASH_KEY }], models: ['gemini-3.1-flash-image'] },
        { id: 'poor', keys: [{ key: POOR_KEY }], budgets: [{ limitUsd: 0.01, per: 'total' }] },
      ],
    },
  });
});
afterAll(() => gateway.close());
afterEach(() => {
  gateway.simulator.clearRules();
});

type Messages = OpenAI.ChatCompletionMessageParam[];
/** What the SDK passes on though its types do not know it. */
interface Answer extends OpenAI.ChatCompletionMessage {
  readonly images?: readonly { readonly type: string; readonly image_url: { readonly url: string } }[];
  readonly reasoning?: string;
  readonly grounding?: object;
}

const client = (options: ConstructorParameters<typeof OpenAI>[0] = {}) =>
  new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0, ...options });
const create = (messages: Messages | string, fields: object = {}) =>
  client().chat.completions.create({
    model: 'nano-banana-2',
    messages: typeof messages === 'string' ? [{ role: 'user', content: messages }] : messages,
    ...fields,
  });
const base64Of = ({ images }: Answer): string | undefined => images?.[0]?.image_url.url.split(',')[1];
const urlOf = (base64: string): string => `data:image/png;base64,${base64}`;

describe('one picture', () => {
  test('comes with its text, its true type, usage and a request id', async () => {
    const reply = await create('a fox in snow');
    const message: Answer = reply.choices[0]!.message;
    const { type, width, height } = await pictureIn(base64Of(message));
    expect([width, height]).toEqual([1024, 1024]);
    expect(message.images?.[0]).toMatchObject({
      type: 'image_url',
      image_url: { url: expect.stringMatching(new RegExp(`^data:image/${type};base64,`)) },
    });
    expect(message.content).toContain('a fox in snow');
    expect(reply).toMatchObject({ object: 'chat.completion', model: 'gemini-3.1-flash-image' });
    expect(reply.choices[0]?.finish_reason).toBe('stop');
    expect(reply.usage?.total_tokens).toBe((reply.usage?.prompt_tokens ?? 0) + (reply.usage?.completion_tokens ?? 0));
    expect(reply.usage?.completion_tokens_details).toMatchObject({ image_tokens: 1120 });
    expect(reply._request_id).toMatch(/^req_[0-9a-f]{32}$/);
  });

  test.each([
    [{ size: '1536x1024' }, '1264x848'],
    [{ quality: 'high' }, '2048x2048'],
    [{ image_config: { aspect_ratio: '16:9', image_size: '512' } }, '688x384'],
    [{ extra_body: { google: { image_config: { aspect_ratio: '8:1', image_size: '512' } } } }, '1536x192'],
    [{ aspect_ratio: '21:9' }, '1584x672'],
    [{ model: 'google/gemini-3-pro-image-preview', image_size: '1K' }, '1024x1024'],
  ])('%j is drawn as %s', async (fields, size) => {
    expect(await sizeIn(base64Of((await create('a size', { seed: 1, ...fields })).choices[0]!.message))).toBe(size);
  });

  test.each(['/v1/', '/v1beta/openai', ''])('is had under the base URL "%s"', async (path) => {
    const { chat } = client({ baseURL: gateway.url + path });
    const reply = await chat.completions.create({
      model: 'nano-banana-2',
      messages: [{ role: 'user', content: 'where' }],
    });
    expect(await sizeIn(base64Of(reply.choices[0]!.message))).toBe('1024x1024');
  });

  test('of three choices each is another, and n of one seed come again without a call', async () => {
    const first = await create('three', { n: 3, seed: 5, image_size: '512' });
    const before = gateway.simulator.calls.length;
    const again = await create('three', { n: 3, seed: 5, image_size: '512' });
    expect(first.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(new Set(first.choices.map(({ message }) => base64Of(message))).size).toBe(3);
    expect(again.choices).toEqual(first.choices);
    expect(gateway.simulator.calls).toHaveLength(before);
  });

  test('is written into the text for who reads nothing else', async () => {
    const { message } = (await create('in words', { images_in: 'content' })).choices[0]!;
    expect(message).not.toHaveProperty('images');
    const [, before, url] = /^([^]*?)!\[image\]\((data:[^)]*)\)/.exec(message.content ?? '') ?? [];
    expect(before).toContain('in words');
    expect(await sizeIn(url?.split(',')[1])).toBe('1024x1024');
  });

  test('is a link where one is asked for', async () => {
    const message: Answer = (await create('a link', { response_format: { type: 'url' } })).choices[0]!.message;
    const url = message.images?.[0]?.image_url.url ?? '';
    expect(url).toMatch(/^http.*\/v1\/images\/files\//);
    const path = new URL(url);
    const fetched = await fetch(`${gateway.url}${path.pathname}${path.search}`);
    expect(await sizeIn(Buffer.from(await fetched.arrayBuffer()).toString('base64'))).toBe('1024x1024');
  });

  test('comes in the format asked for', async () => {
    const message: Answer = (await create('webp', { output_format: 'webp', image_size: '512' })).choices[0]!.message;
    expect(message.images?.[0]?.image_url.url).toMatch(/^data:image\/webp;/);
    expect(await pictureIn(base64Of(message))).toMatchObject({ type: 'webp' });
  });
});

describe('what is seen', () => {
  test('a picture of the user reaches the vendor, as does what is said of it', async () => {
    const { usage } = await create([
      { role: 'system', content: 'only in blue' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'this, bluer' },
          { type: 'image_url', image_url: { url: urlOf(PNG), detail: 'auto' } },
        ],
      },
    ]);
    expect(usage?.prompt_tokens_details).toMatchObject({ image_tokens: expect.toSatisfy((count) => count > 0) });
  });

  test('an answer in words is history like any other', async () => {
    const reply = await create([
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'What shall I draw?' },
      { role: 'user', content: 'a fox' },
    ]);
    expect(await sizeIn(base64Of(reply.choices[0]!.message))).toBe('1024x1024');
  });

  test('search brings its sources, thinking its thoughts', async () => {
    const reply = await create('the news', { tools: [{ google_search: {} }], reasoning: { effort: 'high' } });
    const message: Answer = reply.choices[0]!.message;
    expect(message.annotations?.[0]).toMatchObject({ type: 'url_citation', url_citation: { start_index: 0 } });
    expect(message.grounding).toHaveProperty('searchEntryPoint');
    expect(message.reasoning).toMatch(/the news/);
  });
});

describe('the cache', () => {
  test('has one entry for one meaning, whichever dialect asks', async () => {
    const fields = { seed: 11, image_size: '512' };
    const statusOf = (reply: Response) => reply.headers.get('cache-status') ?? '';
    const chat = (modalities: string[]) =>
      gateway.post('/v1/chat/completions', { messages: [{ role: 'user', content: 'one' }], modalities, ...fields });
    const native = (responseModalities: string[]) =>
      gateway.post('/v1beta/models/gemini-3.1-flash-image:generateContent', {
        contents: [{ parts: [{ text: 'one' }] }],
        generationConfig: { seed: 11, responseModalities, imageConfig: { imageSize: '512' } },
      });
    expect(statusOf(await gateway.post('/v1/images/generations', { prompt: 'one', ...fields }))).toMatch(/fwd=miss/);
    expect(statusOf(await chat(['image']))).toMatch(/^Plantain; hit/);
    expect(statusOf(await native(['IMAGE']))).toMatch(/^Plantain; hit/);
    // With words it is another answer.
    expect(statusOf(await chat(['text', 'image']))).toMatch(/fwd=miss/);
    expect(statusOf(await native(['TEXT', 'IMAGE']))).toMatch(/^Plantain; hit/);
  });
});

describe('failures', () => {
  async function failure(messages: Messages | string, fields: object = {}, apiKey = KEY) {
    const network = impatient();
    const asked = client({ apiKey, fetch: network.fetch, maxRetries: 2 }).chat.completions.create({
      model: 'nano-banana-2',
      messages: typeof messages === 'string' ? [{ role: 'user', content: messages }] : messages,
      ...fields,
    });
    const error: unknown = await asked.then(
      () => new Error('a picture came'),
      (error: unknown) => error,
    );
    if (!(error instanceof OpenAI.APIError)) throw error;
    return { error, seen: network.seen };
  }

  test.each<[object, string]>([
    [{ messages: [] }, 'messages'],
    [{ n: 11 }, 'n'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ response_format: { type: 'json_object' } }, 'response_format.type'],
    [{ model: 'nano-banana-pro', aspect_ratio: '1:8' }, 'aspect_ratio'],
    [
      {
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }] }],
      },
      'messages[0].content[0].image_url.url',
    ],
  ])('%j is a BadRequestError that names %s', async (fields, param) => {
    const { error, seen } = await failure('x', fields);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, param, type: 'invalid_request_error' });
    expect(error.message).toContain(param);
    expect(seen).toHaveLength(1);
  });

  test.each<[unknown, RegExp]>([
    [urlOf('AAA=A'), /must be the bytes as base64/],
    ['data:text/html;base64,AAAA', /does not take this type/],
  ])('%j as a picture is a BadRequestError that names its place in messages', async (url, says) => {
    const content = ['look', { type: 'image_url', image_url: { url } }];
    const { error } = await failure('x', {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'user', content },
      ],
    });
    expect(error).toMatchObject({ status: 400, param: 'messages[1].content[1]', message: expect.stringMatching(says) });
  });

  test('more pictures than the model takes are a BadRequestError that says how many it does', async () => {
    const content = Array.from({ length: 15 }, () => ({ type: 'image_url', image_url: { url: urlOf(PNG) } }));
    const { error } = await failure('x', { messages: [{ role: 'user', content }] });
    expect(error).toMatchObject({ param: 'messages', code: 'too_many_images' });
    expect(error.message).toMatch(/messages.*at most 14/);
  });

  test('a wrong key, another’s model, an unknown one and an empty purse are errors of their classes', async () => {
    expect((await failure('x', {}, 'sk-wrong')).error).toBeInstanceOf(OpenAI.AuthenticationError);
    const pro = await failure('x', { model: 'gemini-3-pro-image' }, FLASH_KEY);
    expect(pro.error).toBeInstanceOf(OpenAI.PermissionDeniedError);
    expect((await failure('x', { model: 'm' })).error).toBeInstanceOf(OpenAI.NotFoundError);
    const poor = await failure('x', {}, POOR_KEY);
    expect(poor.error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(poor.error).toMatchObject({ code: 'insufficient_quota' });
    expect(poor.seen).toHaveLength(1);
  });

  test.each<[Fault, RegExp]>([
    ['blocked-safety', /prompt was blocked/],
    ['image-safety', /picture was blocked/],
  ])('%s is an answer that refuses and says so', async (fault, says) => {
    gateway.simulator.rule({ fault });
    const asked = create(`refused by ${fault}`);
    const { choices, model, usage } = await asked;
    expect(choices).toEqual([
      expect.objectContaining({
        finish_reason: 'content_filter',
        message: expect.objectContaining({
          refusal: expect.stringMatching(says),
          content: expect.stringMatching(says),
        }),
      }),
    ]);
    expect([model, usage?.total_tokens]).toEqual(['gemini-3.1-flash-image', 0]);
    expect((await asked.asResponse()).headers.get('x-should-retry')).toBeNull();
  });

  test('words without a picture are an UnprocessableEntityError, asked for once', async () => {
    gateway.simulator.rule({ fault: 'no-image-text' });
    const { error, seen } = await failure('no picture');
    expect(error).toBeInstanceOf(OpenAI.UnprocessableEntityError);
    expect(error).toMatchObject({ code: 'no_image', type: 'image_generation_user_error' });
    expect(seen).toHaveLength(1);
  });
});
