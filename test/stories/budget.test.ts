import { afterEach, describe, expect, test } from 'vitest';
import { encodePixels } from '../../src/image/rendition.ts';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { ended, keepAloft } from '../support/pause.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const PRO = '/v1beta/models/gemini-3-pro-image:generateContent';
const SMALL = { image_size: '512' };

const open: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

async function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway({ ...options, simulator: { signatureBytes: 64, ...options.simulator } });
  open.push(gateway);
  return gateway;
}

/** One tenant with these budgets, and one without any. */
const withBudgets = (...budgets: unknown[]) => ({
  tenants: [
    { id: 'acme', keys: [{ key: KEY }], budgets },
    { id: 'globex', keys: [{ key: OTHER_KEY }] },
  ],
});
/** By tokens, at Google's own price: what the simulator bills. */
const AT_GOOGLES_PRICE = { models: [] };
const GOOGLE = { id: 'google' };

const statusesOf = (replies: readonly Response[]): Record<string, number> =>
  Object.fromEntries(
    Map.groupBy(replies, ({ status }) => status)
      .entries()
      .map(([status, all]) => [status, all.length]),
  );

const begin = (gateway: TestGateway, count: number, body: Record<string, unknown> = {}): Promise<Response>[] =>
  Array.from({ length: count }, (_, index) =>
    gateway.post(IMAGES, { prompt: `number ${index + 10}`, ...SMALL, ...body }),
  );
const askFor = (...of: Parameters<typeof begin>): Promise<Response[]> => Promise.all(begin(...of));

/** None of them is drawn before all have been admitted or refused. */
async function askForAtOnce(gateway: TestGateway, count: number): Promise<Response[]> {
  const calls = gateway.simulator.calls.length;
  const land = keepAloft(gateway.simulator);
  const asked = begin(gateway, count);
  const refused = ended(asked);
  await expect.poll(() => gateway.simulator.calls.length - calls + refused()).toBe(count);
  land();
  return Promise.all(asked);
}

describe('a budget', () => {
  test('admits exactly what it covers at once, and what was refused for want of time may come again', async () => {
    const config = withBudgets({ limitUsd: 0.32, per: 'day' });
    const gateway = await start({ config });
    const replies = await askForAtOnce(gateway, 20);
    expect(statusesOf(replies)).toEqual({ 200: 6, 429: 14 });
    expect(gateway.simulator.calls).toHaveLength(6);
    expect(await spentNanos(gateway, 'acme')).toBe(300_000_000);
    for (const reply of replies.filter(({ status }) => status === 429)) {
      expect(reply.headers.get('x-should-retry')).toBe('true');
      expect(reply.headers.get('retry-after')).toBe('5');
      expect((await bodyOf<OpenAIError>(reply)).error).toMatchObject({ code: 'rate_limit_exceeded' });
    }
    expect(await scraped(gateway, 'plantain_budget_denied_total', { tenant: 'acme', reason: 'budget_reserved' })).toBe(
      14,
    );
  });

  test('once spent is said so in each dialect, and is not worth a retry; other tenants go on', async () => {
    const gateway = await start({ config: withBudgets({ limitUsd: 0.1, per: 'month' }) });
    expect(statusesOf(await askFor(gateway, 2, { seed: 1 }))).toEqual({ 200: 2 });
    const images = await gateway.post(IMAGES, { prompt: 'one more', ...SMALL });
    expect(images.status).toBe(429);
    expect(images.headers.get('x-should-retry')).toBe('false');
    expect((await bodyOf<OpenAIError>(images)).error).toMatchObject({
      type: 'insufficient_quota',
      code: 'insufficient_quota',
      message: expect.stringMatching(/budget of \$0\.10 a month.*\$0\.10 is spent.*begins anew at/),
    });
    const native = await gateway.post(NATIVE, { contents: [{ parts: [{ text: 'one more' }] }] });
    expect(native.status).toBe(429);
    expect((await bodyOf<GoogleError>(native)).error).toMatchObject({
      status: 'RESOURCE_EXHAUSTED',
      details: expect.arrayContaining([
        expect.objectContaining({ '@type': 'type.googleapis.com/google.rpc.QuotaFailure' }),
      ]),
    });
    const other = { authorization: `Bearer ${OTHER_KEY}` };
    expect((await gateway.post(IMAGES, { prompt: 'one more', ...SMALL }, other)).status).toBe(200);

    const hit = await gateway.post(IMAGES, { prompt: 'number 10', seed: 1, ...SMALL });
    expect(hit.headers.get('cache-status')).toMatch(/^Plantain; hit/);
    expect(await spentNanos(gateway, 'acme')).toBe(100_000_000);
  });

  test('takes the pictures of one request together or not at all', async () => {
    const gateway = await start({ config: withBudgets({ limitUsd: 0.12, per: 'day' }) });
    expect((await gateway.post(IMAGES, { prompt: 'three', n: 3, ...SMALL })).status).toBe(429);
    expect(gateway.simulator.calls).toHaveLength(0);
    expect((await gateway.post(IMAGES, { prompt: 'two', n: 2, ...SMALL })).status).toBe(200);
  });

  test('is free again to the last cent of what was held and not spent', async () => {
    const limitUsd = 1;
    const config = { ...AT_GOOGLES_PRICE, ...withBudgets({ limitUsd, per: 'day' }) };
    const gateway = await start({ config, upstream: GOOGLE });
    const refused = await askForAtOnce(gateway, 30);
    const message = await Promise.all(
      refused
        .filter(({ status }) => status === 429)
        .map(async (reply) => (await bodyOf<OpenAIError>(reply)).error.message),
    );
    const worst = Number(/may cost up to \$(\d+\.\d+)/.exec(message[0]!)![1]);
    expect(statusesOf(refused)[200]).toBe(Math.floor(limitUsd / worst));
    // What each of them left over makes room for more, and no more than fits.
    for (let round = 0; round < 3; round += 1) {
      const left = limitUsd - (await spentNanos(gateway)) / 1e9;
      expect(statusesOf(await askForAtOnce(gateway, 30))[200] ?? 0).toBe(Math.floor(left / worst));
    }
    expect(await spentNanos(gateway)).toBeLessThanOrEqual(limitUsd * 1e9);
    expect(await spentNanos(gateway)).toBe(gateway.simulator.bill.totalNanoUsd);
  });

  test('pays nothing for what was refused, all that was held for what was lost, and words at their price', async () => {
    const config = { ...AT_GOOGLES_PRICE, ...withBudgets({ limitUsd: 100, per: 'day' }) };
    const gateway = await start({ config, upstream: { ...GOOGLE, answerWithinMs: 2_000, abandonAfterMs: 2_000 } });
    const costOf = async (fault: Parameters<typeof gateway.simulator.rule>[0]['fault']): Promise<number> => {
      const before = await spentNanos(gateway);
      gateway.simulator.rule({ fault, times: 1 });
      await gateway.post(IMAGES, { prompt: 'a fault', ...SMALL });
      return (await spentNanos(gateway)) - before;
    };
    for (const fault of ['rate-limit', 'overloaded', 'internal', 'key-invalid', 'model-gone'] as const)
      expect(await costOf(fault), fault).toBe(0);
    const worst = await costOf('reset');
    expect(worst).toBeGreaterThan(50_000_000);
    for (const fault of ['truncate-length', 'bad-json', 'slow-headers'] as const)
      expect(await costOf(fault), fault).toBe(worst);
    const words = await costOf('no-image-text');
    expect(words).toBeGreaterThan(0);
    expect(words).toBeLessThan(5_000_000);
    expect(words).toBe(gateway.simulator.bill.entries.at(-1)?.nanoUsd);
  });

  test('goes below zero by the truth and not by a cent of new work when a reply costs more than its worst case', async () => {
    const config = { ...AT_GOOGLES_PRICE, ...withBudgets({ limitUsd: 0.2, per: 'day' }) };
    const gateway = await start({ config, upstream: GOOGLE });
    gateway.simulator.rule({ fault: 'high-usage', times: 1 });
    expect((await gateway.post(IMAGES, { prompt: 'deep thought', ...SMALL })).status).toBe(200);
    expect(await spentNanos(gateway)).toBe(gateway.simulator.bill.totalNanoUsd);
    expect(await spentNanos(gateway)).toBeGreaterThan(200_000_000);
    expect((await gateway.post(IMAGES, { prompt: 'more', ...SMALL })).status).toBe(429);
  });

  test('of one model does not stand in the way of another', async () => {
    const budget = { limitUsd: 0.05, per: 'total', models: ['gemini-3-pro-image'] };
    const gateway = await start({ config: withBudgets(budget) });
    const ask = (model: string): Promise<Response> => gateway.post(IMAGES, { prompt: 'a kite', model });
    expect(
      statusesOf([await ask('nano-banana-pro'), await ask('nano-banana-pro'), await ask('nano-banana-2')]),
    ).toEqual({
      200: 2,
      429: 1,
    });
  });
});

test('no other name of a model, key in another header, end user or address has money of its own', async () => {
  const budget = { limitUsd: 0.1, per: 'total', models: ['gemini-3-pro-image'] };
  const gateway = await start({ config: withBudgets(budget) });
  const names = ['gemini-3-pro-image', 'gemini-3-pro-image-preview', 'nano-banana-pro', 'models/gemini-3-pro-image'];
  const asked = [...names, ...names].map((model, index) =>
    gateway.post(
      IMAGES,
      { prompt: `a kite ${index}`, model, user: `somebody-${index}` },
      { ...(index < 4 && { authorization: '', 'x-api-key': KEY }), 'x-forwarded-for': `10.0.0.${index}` },
    ),
  );
  const native = { contents: [{ parts: [{ text: 'a kite' }] }] };
  for (const name of ['gemini-3-pro-image-preview', 'nano-banana-pro'])
    asked.push(gateway.post(`/v1beta/models/${name}:generateContent`, native));
  expect(statusesOf(await Promise.all(asked))).toEqual({ 200: 2, 429: 8 });
  expect(await spentNanos(gateway)).toBe(100_000_000);
  const spelt = await gateway.post(IMAGES, { prompt: 'a kite', model: 'Gemini-3-PRO-Image' });
  expect([429, 404]).toContain(spelt.status);
});

describe("the vendor's bill", () => {
  test('is what was charged, to the nano-dollar, whatever was drawn', async () => {
    const gateway = await start({ config: AT_GOOGLES_PRICE, upstream: GOOGLE });
    const reference = await encodePixels(
      { data: Buffer.alloc(64 * 64 * 3, 90), width: 64, height: 64, channels: 3 },
      'png',
    );
    const inlineData = { mimeType: 'image/png', data: Buffer.from(reference).toString('base64') };
    const native = (parts: unknown[], generationConfig: Record<string, unknown> = {}) => ({
      contents: [{ parts }],
      generationConfig,
    });
    const replies = [
      await gateway.post(IMAGES, { prompt: 'ein Fuchs im Schnee 🦊', size: '1024x1024' }),
      await gateway.post(IMAGES, { prompt: 'wide', image_size: '2K', aspect_ratio: '21:9', n: 2, seed: 4 }),
      await gateway.post(IMAGES, { prompt: 'wide', image_size: '2K', aspect_ratio: '21:9', n: 3, seed: 4 }),
      await gateway.post(NATIVE, native([{ text: 'text and a picture' }])),
      await gateway.post(
        NATIVE,
        native([{ text: 'like this' }, { inlineData }, { inlineData }], { imageConfig: { imageSize: '512' } }),
      ),
      await gateway.post(PRO, native([{ text: 'the careful one' }], { thinkingConfig: { includeThoughts: true } })),
    ];
    expect(statusesOf(replies)).toEqual({ 200: 6 });
    expect(gateway.simulator.bill.entries).toHaveLength(7);
    expect(await spentNanos(gateway)).toBe(gateway.simulator.bill.totalNanoUsd);
    const told = replies.reduce((sum, { headers }) => sum + Number(headers.get('x-plantain-cost-usd')), 0);
    expect(Math.round(told * 1e9)).toBe(gateway.simulator.bill.totalNanoUsd);
  });

  test('of a reseller is a flat price for each call that brought a picture', async () => {
    const price = { perImageUsd: 0.058 };
    const models = ['gemini-3.1-flash-image', 'gemini-3-pro-image'].map((model) => ({
      id: model,
      targets: [{ upstream: 'vendor', model, price }],
    }));
    const gateway = await start({ config: { models }, simulator: { pricing: 'reseller' } });
    await askFor(gateway, 3);
    gateway.simulator.rule({ fault: 'two-pictures', times: 1 });
    await gateway.post(IMAGES, { prompt: 'two came', ...SMALL });
    gateway.simulator.rule({ fault: 'no-image', times: 1 });
    await gateway.post(IMAGES, { prompt: 'none came', ...SMALL });
    expect(gateway.simulator.bill.totalNanoUsd).toBe(4 * 58_000_000);
    expect(await spentNanos(gateway)).toBe(gateway.simulator.bill.totalNanoUsd);
  });
});
