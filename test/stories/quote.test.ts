import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Quote } from '../../src/gateway/quote.ts';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const asked = (path: string, base = '/v1'): string => `${base}/quote?for=${encodeURIComponent(path)}`;
const fox = { prompt: 'a fox', image_size: '512', seed: 7 };
const nativeFox = {
  contents: [{ parts: [{ text: 'a fox' }] }],
  generationConfig: { seed: 7, responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' } },
};

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startGateway({
    upstream: { id: 'google' },
    simulator: { signatureBytes: 64 },
    config: {
      models: [],
      tenants: [
        { id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: 0.2, per: 'day' }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }], models: ['gemini-3-pro-image'] },
      ],
    },
  });
});
afterEach(() => gateway.close());

async function quoteOf(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Quote> {
  const reply = await gateway.post(path, body, headers);
  expect(reply.status).toBe(200);
  return (await reply.json()) as Quote;
}

describe('a quote', () => {
  test('says what a request would cost and what budgets stand at, and costs nothing', async () => {
    const quote = await quoteOf(asked(IMAGES), fox);
    expect(quote).toEqual({
      object: 'quote',
      model: 'gemini-3.1-flash-image',
      pictures: 1,
      hits: 0,
      joins: 0,
      to_draw: 1,
      cost_usd: { expected: expect.any(Number), worst: expect.any(Number) },
      cache: [{ status: 'miss', reason: null }],
      budget: [{ level: 'tenant', per: 'day', limit_usd: 0.2, spent_usd: 0, held_usd: 0, fits: true }],
      warnings: [],
    });
    expect(quote.cost_usd.expected).toBeGreaterThanOrEqual(0.04482);
    expect(quote.cost_usd.worst).toBeGreaterThan(quote.cost_usd.expected);
    expect(gateway.simulator.calls).toHaveLength(0);
    expect(await spentNanos(gateway)).toBe(0);
    expect(await scraped(gateway, 'plantain_cache_requests_total')).toBe(0);
  });

  test('of a chat is that of the picture asked for in it', async () => {
    const chat = { ...fox, prompt: undefined, messages: [{ role: 'user', content: fox.prompt }] };
    await gateway.post(IMAGES, fox);
    expect(await quoteOf(asked('/v1/chat/completions'), { ...chat, modalities: ['image'] })).toMatchObject({ hits: 1 });
    expect(await quoteOf(asked('/v1/chat/completions'), chat)).toMatchObject({ hits: 0, to_draw: 1 });
  });

  test('is near what the request then costs, and worst is what is set aside', async () => {
    const { cost_usd } = await quoteOf(asked(IMAGES), fox);
    const land = keepAloft(gateway.simulator);
    const drawing = gateway.post(IMAGES, fox);
    await expect
      .poll(async () => (await quoteOf(asked(IMAGES), { ...fox, seed: 8 })).budget[0]?.held_usd)
      .toBe(cost_usd.worst);
    land();
    const reply = await drawing;
    const cost = Number(reply.headers.get('x-plantain-cost-usd'));
    expect(cost).toBeLessThanOrEqual(cost_usd.worst);
    expect(Math.abs(cost_usd.expected - cost) / cost).toBeLessThan(0.1);
    expect((await quoteOf(asked(IMAGES), { ...fox, seed: 8 })).budget[0]).toMatchObject({
      spent_usd: cost,
      held_usd: 0,
    });
  });

  test('tells hits from joins, misses and what the cache has no part in, across dialects', async () => {
    await gateway.post(IMAGES, fox);
    const pictures = { ...fox, n: 3 };
    expect(await quoteOf(asked(IMAGES), pictures)).toMatchObject({ pictures: 3, hits: 1, to_draw: 2 });
    const hit = { hits: 1, joins: 0, to_draw: 0, cost_usd: { expected: 0, worst: 0 }, cache: [{ status: 'hit' }] };
    expect(await quoteOf(asked(NATIVE), nativeFox)).toMatchObject(hit);
    expect(await quoteOf(asked(IMAGES), { prompt: 'a fox' })).toMatchObject({
      to_draw: 1,
      cache: [{ status: 'bypass', reason: 'no-seed' }],
    });
    expect(await quoteOf(asked(IMAGES), fox, { 'cache-control': 'no-store' })).toMatchObject({
      cache: [{ status: 'bypass', reason: 'no-store' }],
    });

    const land = keepAloft(gateway.simulator);
    const drawing = gateway.post(IMAGES, { ...fox, seed: 9 });
    const joining = { ...nativeFox, generationConfig: { ...nativeFox.generationConfig, seed: 9 } };
    await expect.poll(async () => (await quoteOf(asked(NATIVE), joining)).joins).toBe(1);
    land();
    expect((await drawing).status).toBe(200);
    expect(gateway.simulator.calls).toHaveLength(2);
  });

  test('says what no longer fits, as the request is then told', async () => {
    const many = { ...fox, n: 10 };
    expect((await quoteOf(asked(IMAGES), many)).budget).toMatchObject([{ fits: false }]);
    expect((await gateway.post(IMAGES, many)).status).toBe(429);
  });

  test('claims no Idempotency-Key, and hears of one that stands for another request', async () => {
    const headers = { 'idempotency-key': 'one' };
    await quoteOf(asked(IMAGES), fox, headers);
    expect((await gateway.post(IMAGES, { ...fox, prompt: 'a hare' }, headers)).status).toBe(200);
    const mismatch = await gateway.post(asked(IMAGES), fox, headers);
    expect(mismatch.status).toBe(422);
  });

  test.each(['/v1', '/v1beta', ''])('is had on the base "%s", for paths of any base', async (base) => {
    for (const path of [IMAGES, '/images/generations', '/v1beta/openai/images/generations/'])
      expect(await quoteOf(asked(path, base), fox)).toMatchObject({ to_draw: 1 });
    for (const path of [NATIVE, `${NATIVE}?alt=json`, '/models/nano-banana-2:generateContent'])
      expect(await quoteOf(asked(path, base), nativeFox)).toMatchObject({ to_draw: 1 });
  });
});

describe('what cannot be quoted', () => {
  test('is refused as the request would be, in the envelope of the path it is for', async () => {
    const images = await gateway.post(asked(IMAGES), { prompt: 7 });
    expect(images.status).toBe(400);
    expect((await bodyOf<OpenAIError>(images)).error.param).toBe('prompt');
    const native = await gateway.post(asked(NATIVE), { contents: [], generationConfig: { seed: 'x' } });
    expect(native.status).toBe(400);
    expect((await bodyOf<GoogleError>(native)).error.status).toBe('INVALID_ARGUMENT');
    const other = await gateway.post(asked(NATIVE), nativeFox, { authorization: `Bearer ${OTHER_KEY}` });
    expect(other.status).toBe(403);
    const nobody = await gateway.post(asked(NATIVE), nativeFox, { authorization: 'Bearer sk-nobody' });
    expect((await bodyOf<GoogleError>(nobody)).error.status).toBe('UNAUTHENTICATED');
  });

  test('is a path that draws nothing: the answer names those that do', async () => {
    const unknown = await gateway.post(asked('/v1/embeddings'), fox);
    expect(unknown.status).toBe(404);
    expect((await bodyOf<OpenAIError>(unknown)).error).toMatchObject({
      param: 'for',
      message: expect.stringMatching(/\/v1\/images\/generations.*generateContent|generateContent.*\/v1\/images/),
    });
    const native = await gateway.post(asked('/v1beta/models/m:countTokens'), fox);
    expect((await bodyOf<GoogleError>(native)).error).toMatchObject({ code: 404, status: 'NOT_FOUND' });
    expect((await gateway.post('/v1/quote', fox)).status).toBe(400);
    const got = await fetch(`${gateway.url}${asked(IMAGES)}`, { headers: { authorization: `Bearer ${KEY}` } });
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
  });
});
