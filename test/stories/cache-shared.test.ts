import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { scraped } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, NativeReply, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const OTHER = { authorization: `Bearer ${OTHER_KEY}` };
// The smallest pictures there are: drawing them takes the test's own processor.
const images = (prompt: string, more: object = {}) => ({ prompt, image_size: '512', seed: 7, ...more });
const native = (prompt: string) => ({
  contents: [{ parts: [{ text: prompt }] }],
  generationConfig: { responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' }, seed: 7 },
});
const statusOf = (reply: Response): string | null => reply.headers.get('cache-status');
const pictureOf = async (reply: Response): Promise<string> => (await bodyOf<ImagesReply>(reply)).data[0]!.b64_json;
const nativePictureOf = async (reply: Response): Promise<string | undefined> =>
  (await bodyOf<NativeReply>(reply)).candidates[0]!.content.parts[0]!.inlineData?.data;

withRedis('gateways that share a cache in Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
  });
  beforeEach(() => server.cli('FLUSHALL'));
  afterAll(() => server.close());

  async function start(options: TestGatewayOptions = {}, url = server.url): Promise<TestGateway> {
    const cache = { store: url, ...(options.config?.['cache'] as object) };
    const gateway = await startGateway({
      simulator: { signatureBytes: 5_000 },
      ...options,
      config: { ...options.config, cache },
    });
    onTestFinished(gateway.close);
    return gateway;
  }
  /** Written behind the answer: until another would find it. */
  const shared = (gateway: TestGateway, entries: number): Promise<void> =>
    expect
      .poll(async () => (await gateway.cache.stats()).reduce((sum, each) => sum + each.entries, 0), { timeout: 20_000 })
      .toBe(entries);

  test('what one draws the other serves, the same bytes in either dialect, without a call of its own', async () => {
    const [one, two] = [await start(), await start()];
    const drawn = await one.post(IMAGES, images('a fox'));
    expect(statusOf(drawn)).toBe('Plantain; fwd=miss; stored');
    const picture = await pictureOf(drawn);
    await shared(two, 1);
    const hit = await two.post(NATIVE, native('a fox'));
    expect(statusOf(hit)).toMatch(/^Plantain; hit; ttl=\d+$/);
    expect(await nativePictureOf(hit)).toBe(picture);
    expect(await pictureOf(await two.post(IMAGES, images('a fox')))).toBe(picture);
    expect(two.simulator.calls).toHaveLength(0);
    for (const tier of ['redis', 'memory'])
      expect(await scraped(two, 'plantain_cache_requests_total', { tier, result: 'hit' })).toBe(1);
    expect(await scraped(two, 'plantain_cache_bytes', { tier: 'redis' })).toBeGreaterThan(1000);
  });

  test('a restart remembers, and another tenant finds nothing of it', async () => {
    const before = await start();
    const picture = await pictureOf(await before.post(IMAGES, images('a fox')));
    await shared(before, 1);
    const after = await start();
    expect(statusOf(await after.post(IMAGES, images('a fox'), OTHER))).toMatch(/fwd=miss/);
    expect(await pictureOf(await after.post(IMAGES, images('a fox')))).toBe(picture);
    expect(after.simulator.calls).toHaveLength(1);
  });

  test('what is purged on one is gone from the memory of the other, and nothing else is', async () => {
    const [one, two] = [await start(), await start()];
    await one.post(IMAGES, images('a fox'));
    await one.post(IMAGES, images('a fox'), OTHER);
    await shared(two, 2);
    for (const headers of [{}, OTHER])
      expect(statusOf(await two.post(IMAGES, images('a fox'), headers))).toMatch(/^Plantain; hit/);
    expect(await one.cache.purge({ scope: 'acme' })).toMatchObject({ entries: 1 });
    const cached = { 'cache-control': 'only-if-cached' };
    await expect.poll(async () => (await two.post(IMAGES, images('a fox'), cached)).status).toBe(504);
    expect(statusOf(await two.post(IMAGES, images('a fox'), OTHER))).toMatch(/^Plantain; hit/);
    expect(await server.cli('KEYS', '*acme*')).toBe('');
  });

  test('what one draws anew replaces what the other has in memory', async () => {
    const [one, two] = [await start(), await start({ simulator: { signatureBytes: 4_000 } })];
    await one.post(NATIVE, native('a fox'));
    await shared(two, 1);
    await two.post(NATIVE, native('a fox'));
    const anew = await two.post(NATIVE, native('a fox'), { 'cache-control': 'no-cache' });
    expect(statusOf(anew)).toMatch(/fwd=.*stored/);
    const signatureOf = async (reply: Response): Promise<number | undefined> =>
      (await bodyOf<NativeReply>(reply)).candidates[0]!.content.parts[0]!.thoughtSignature?.length;
    await expect.poll(async () => signatureOf(await one.post(NATIVE, native('a fox')))).toBe(4_000);
  });

  test('an Idempotency-Key stands for one request on all of them', async () => {
    const [one, two] = [await start(), await start()];
    const ask = (gateway: TestGateway, prompt: string, key = 'k1'): Promise<Response> =>
      gateway.post(IMAGES, { prompt, image_size: '512' }, { 'idempotency-key': key });
    const picture = await pictureOf(await ask(one, 'once'));
    await shared(two, 1);
    const again = await ask(two, 'once');
    expect(again.headers.get('x-plantain-cost-usd')).toBe('0');
    expect(await pictureOf(again)).toBe(picture);
    const mismatch = await ask(two, 'another');
    expect(mismatch.status).toBe(422);
    expect((await bodyOf<OpenAIError>(mismatch)).error.code).toBe('idempotency_mismatch');
    expect(two.simulator.calls).toHaveLength(0);
    expect(await server.cli('KEYS', '*k1*')).toBe('');
  });
});

describe('a Redis that is not there', () => {
  test('keeps nobody from a picture: the start goes on, and memory serves', async () => {
    const gateway = await startGateway({
      simulator: { signatureBytes: 5_000 },
      config: { cache: { store: 'redis://127.0.0.1:1' } },
    });
    onTestFinished(gateway.close);
    const picture = await pictureOf(await gateway.post(IMAGES, images('a fox')));
    expect(await pictureOf(await gateway.post(IMAGES, images('a fox')))).toBe(picture);
    expect(gateway.simulator.calls).toHaveLength(1);
  });
});
