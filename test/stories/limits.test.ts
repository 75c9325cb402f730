import { describe, expect, test } from 'vitest';
import { expectEnvelope, failedOf } from '../support/envelope.ts';
import { KEY, OTHER_KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { atOnce, decisions, limitHeadersOf, SECOND_KEY, startLimited, statusesOf } from '../support/limited.ts';
import { scraped } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const SMALL = { image_size: '512' };
const PICTURE = {
  contents: [{ parts: [{ text: 'a heron' }] }],
  generationConfig: { imageConfig: { imageSize: '512' } },
};

describe('requests a minute', () => {
  test('are one count over all keys, paths and dialects of a tenant, hits included, and no business of another', async () => {
    const gateway = await startLimited({ requestsPerMinute: 6 });
    const second = { authorization: `Bearer ${SECOND_KEY}` };
    const get = (path: string, key = KEY): Promise<Response> =>
      fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
    const replies = [
      await gateway.post(IMAGES, { prompt: 'a heron', seed: 1, ...SMALL }),
      await gateway.post(IMAGES, { prompt: 'a heron', seed: 1, ...SMALL }, second),
      await gateway.post(NATIVE, PICTURE),
      await get('/v1/models'),
      await get('/v1beta/models/gemini-3-pro-image'),
      await gateway.post(IMAGES, { prompt: 5 }),
    ];
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 400]);
    expect(replies[1]?.headers.get('cache-status')).toMatch(/^Plantain; hit/);
    expect(replies.map(({ headers }) => headers.get('x-ratelimit-remaining-requests'))).toEqual([
      '5',
      '4',
      '3',
      '2',
      '1',
      '0',
    ]);

    const refused = [
      await gateway.post(IMAGES, { prompt: 'a heron', seed: 1, ...SMALL }),
      await gateway.post(NATIVE, PICTURE, second),
      await get('/v1/models'),
    ];
    expect(refused.map(({ status }) => status)).toEqual([429, 429, 429]);
    for (const [index, dialect] of (['openai', 'google', 'openai'] as const).entries()) {
      const failed = await failedOf(refused[index]!);
      expect(expectEnvelope(failed, dialect)).toMatch(/6 requests a minute.*Try again in ([5-9]|10) s/);
      expect(failed.headers.get('retry-after')).toMatch(/^([5-9]|10)$/);
      expect(failed.headers.get('x-should-retry')).toBe('true');
    }
    expect(gateway.simulator.calls).toHaveLength(2);
    const others = await atOnce(10, () => get('/v1/models', OTHER_KEY));
    expect(statusesOf(others)).toEqual({ 200: 10 });
    expect(others.flatMap(limitHeadersOf)).toEqual([]);
    for (const path of ['/livez', '/readyz', '/healthz']) expect((await get(path)).status).toBe(200);
    expect(await decisions(gateway, 'requests', 'allowed')).toBe(6);
    expect(await decisions(gateway, 'requests', 'denied')).toBe(3);
  });

  test('are exact when a hundred come at once', async () => {
    const gateway = await startLimited({ requestsPerMinute: 25 });
    const replies = await atOnce(100, (index) =>
      index % 2 === 0 ? gateway.post(IMAGES, { seed: 1, prompt: 'a heron', ...SMALL }) : gateway.post(NATIVE, PICTURE),
    );
    expect(statusesOf(replies)).toEqual({ 200: 25, 429: 75 });
  });

  test('refuse before a byte of the body is read', async () => {
    const gateway = await startLimited({ requestsPerMinute: 1 });
    await gateway.post(IMAGES, { prompt: 'a heron', ...SMALL });
    expect((await gateway.post(IMAGES, 'this is no JSON')).status).toBe(429);
  });

  test('tell each caller in the form its SDK reads', async () => {
    const gateway = await startLimited({ requestsPerMinute: 1, imagesPerMinute: 3 });
    const first = await gateway.post(IMAGES, { prompt: 'a heron', ...SMALL });
    expect(first.headers.get('ratelimit-policy')).toBe(
      '"requests";q=1;w=60;qu="requests", "images";q=3;w=60;qu="images"',
    );
    expect(first.headers.get('ratelimit')).toMatch(/^"requests";r=0;t=(5\d|60), "images";r=2;t=(1\d|20)$/);
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('1');
    expect(first.headers.get('x-ratelimit-limit-images')).toBe('3');
    expect(first.headers.get('x-ratelimit-remaining-images')).toBe('2');
    expect(first.headers.get('x-ratelimit-reset-requests')).toMatch(/^(1m0s|5\d(\.\d+)?s)$/);
    const openai = await gateway.post(IMAGES, { prompt: 'a heron', ...SMALL });
    expect(limitHeadersOf(openai)).toEqual(limitHeadersOf(first));
    expect((await bodyOf<OpenAIError>(openai)).error).toMatchObject({
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
    });
    const claude = await gateway.post(IMAGES, { prompt: 'a heron', ...SMALL }, { 'anthropic-version': '2023-06-01' });
    expect(claude.headers.get('anthropic-ratelimit-requests-limit')).toBe('1');
    expect(Date.parse(claude.headers.get('anthropic-ratelimit-requests-reset')!)).toBeGreaterThan(Date.now());
    expect(claude.headers.has('x-ratelimit-limit-requests')).toBe(false);
    const native = await gateway.post(NATIVE, PICTURE);
    expect((await bodyOf<GoogleError>(native)).error).toMatchObject({
      status: 'RESOURCE_EXHAUSTED',
      details: expect.arrayContaining([
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: expect.stringMatching(/^(5\d|60)s$/) },
      ]),
    });
  });
});

describe('a mode', () => {
  test('of shadow counts what it would refuse, lets it pass, and shows callers nothing', async () => {
    const limits = { requestsPerMinute: 3, imagesPerMinute: 2, concurrentImages: 1, mode: 'shadow' };
    const gateway = await startLimited(limits);
    const replies = await atOnce(5, (index) => gateway.post(IMAGES, { prompt: `number ${index}`, n: 2, ...SMALL }));
    expect(statusesOf(replies)).toEqual({ 200: 5 });
    expect(replies.flatMap(limitHeadersOf)).toEqual([]);
    expect(await decisions(gateway, 'requests', 'allowed')).toBe(3);
    expect(await decisions(gateway, 'requests', 'shadow_denied')).toBe(2);
    expect(await decisions(gateway, 'images', 'shadow_denied')).toBe(4);
    expect(await decisions(gateway, 'concurrent_images', 'shadow_denied')).toBe(5);
  });

  test('of off does nothing', async () => {
    const gateway = await startLimited({ requestsPerMinute: 1, imagesPerMinute: 1, concurrentImages: 1, mode: 'off' });
    const replies = await atOnce(4, (index) => gateway.post(IMAGES, { prompt: `number ${index}`, ...SMALL }));
    expect(statusesOf(replies)).toEqual({ 200: 4 });
    expect(replies.flatMap(limitHeadersOf)).toEqual([]);
    expect(await scraped(gateway, 'plantain_ratelimit_decisions_total')).toBe(0);
  });
});

describe('failed authentications', () => {
  const guess = (gateway: TestGateway, path: string, headers: Record<string, string> = {}): Promise<Response> =>
    gateway.post(path, '{}', { authorization: 'Bearer sk-guess', ...headers });

  /** One refusal of some: a second lets one more through. */
  const overLimit = async (ask: () => Promise<Response>): Promise<Response | undefined> =>
    (await atOnce(10, ask)).find(({ status }) => status === 429);

  test('are sixty a minute for an address, then 429 in the dialect of the caller; a good key always passes', async () => {
    const gateway = await startLimited({});
    const replies = await atOnce(100, (index) => guess(gateway, index % 2 === 0 ? IMAGES : NATIVE));
    const { 401: refused = 0, 429: over = 0 } = statusesOf(replies);
    expect(refused + over).toBe(100);
    // One more for each second that the hundred take.
    expect(refused).toBeGreaterThanOrEqual(60);
    expect(over).toBeGreaterThan(0);
    for (const [dialect, path] of [
      ['openai', IMAGES],
      ['google', NATIVE],
    ] as const) {
      const failed = await failedOf((await overLimit(() => guess(gateway, path)))!);
      expect(failed.status).toBe(429);
      expect(failed.headers.get('retry-after')).toBe('1');
      expect(expectEnvelope(failed, dialect)).toMatch(/without a good API key came from this address.*not known here/);
    }
    expect((await gateway.post(IMAGES, { prompt: 'a heron', ...SMALL })).status).toBe(200);
    expect(await decisions(gateway, 'failed_authentication', 'denied')).toBeGreaterThanOrEqual(over);
  });

  test('are counted by the address a trusted proxy names, a /64 of IPv6 as one', async () => {
    const gateway = await startLimited({}, { config: { trustProxy: ['127.0.0.0/8', '::1'] } });
    const from = (address: string): Promise<Response> => guess(gateway, IMAGES, { 'x-forwarded-for': address });
    await atOnce(80, (index) => from(`2001:db8:0:1::${index.toString(16)}`));
    expect(await overLimit(() => from('2001:db8:0:1:ffff::1'))).toBeDefined();
    expect((await from('2001:db8:0:2::1')).status).toBe(401);
    expect((await from('192.0.2.1')).status).toBe(401);
    // Only the last address before the trusted proxy is its word; what stands before it, anybody can write.
    expect(await overLimit(() => from('192.0.2.1, 2001:db8:0:1::7'))).toBeDefined();
    expect((await from('no address')).status).toBe(401);
  });

  test('are counted by the connection where no proxy is trusted', async () => {
    const gateway = await startLimited({});
    const replies = await atOnce(80, (index) => guess(gateway, IMAGES, { 'x-forwarded-for': `192.0.2.${index}` }));
    expect(statusesOf(replies)[429]).toBeGreaterThan(0);
  });
});
