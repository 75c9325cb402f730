import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { admin } from '../support/admin.ts';
import { startFakeS3 } from '../support/fake-s3.ts';
import type { FakeS3 } from '../support/fake-s3.ts';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { scraped } from '../support/scrape.ts';
import { collected, LATER } from '../support/tasks.ts';
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
const CACHED = { 'cache-control': 'only-if-cached' };
const environmentOf = ({ address }: FakeS3): Record<string, string> => ({
  S3_ENDPOINT: new URL(address.url).origin,
  AWS_REGION: address.region,
  AWS_ACCESS_KEY_ID: address.accessKeyId,
  AWS_SECRET_ACCESS_KEY: address.secretAccessKey,
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
      // What is counted here are answers alone.
      config: { retention: { signatureDays: 0 }, ...options.config, cache },
    });
    onTestFinished(gateway.close);
    return gateway;
  }
  /** Written behind the answer: until another would find it. */
  const shared = (gateway: TestGateway, entries: number): Promise<void> =>
    expect.poll(async () => (await gateway.cache.stats()).reduce((sum, each) => sum + each.entries, 0)).toBe(entries);

  test('what one draws the other serves, the same bytes in either dialect, without a call of its own', async () => {
    const [one, two] = [await start(), await start()];
    const drawn = await one.post(IMAGES, images('a fox'));
    expect(statusOf(drawn)).toMatch(/^Plantain; fwd=miss; stored/);
    const picture = await pictureOf(drawn);
    await shared(two, 1);
    const hit = await two.post(NATIVE, native('a fox'));
    expect(statusOf(hit)).toMatch(/^Plantain; hit; ttl=\d+;/);
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
    await expect.poll(async () => (await two.post(IMAGES, images('a fox'), CACHED)).status).toBe(504);
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

  test('a link that one gave leads to its picture on the other, after a flood of others, and on one that was started since', async () => {
    const room = { cache: { redisBytes: 3_000_000 }, publicUrl: 'http://pictures.test' };
    const [one, two] = [await start({ config: room }), await start({ config: room })];
    const linked = async (gateway: TestGateway, prompt: string): Promise<string> => {
      const reply = await gateway.post(IMAGES, images(prompt, { response_format: 'url' }));
      const { data } = (await reply.json()) as { readonly data: readonly { readonly url: string }[] };
      return data[0]!.url;
    };
    const [a, b] = [await linked(one, 'a fox'), await linked(two, 'an elk')];
    for (let number = 0; number < 20; number += 1) await one.post(IMAGES, images(`crowd ${number}`));
    const opened = async (gateway: TestGateway, url: string): Promise<number> =>
      (await fetch(url.replace('http://pictures.test', gateway.url))).status;
    for (const gateway of [one, two]) expect([await opened(gateway, a), await opened(gateway, b)]).toEqual([200, 200]);
    const again = await start({ config: room });
    expect([await opened(again, a), await opened(again, b)]).toEqual([200, 200]);
  });

  test('a task that one draws is told of, waited for, collected and cancelled through the other', async () => {
    const [one, two] = [await start(), await start()];
    const begin = async (prompt: string, more: Record<string, string> = {}): Promise<string> => {
      const reply = await one.post(IMAGES, images(prompt), { ...LATER, ...more });
      expect(reply.status).toBe(202);
      return reply.headers.get('location') ?? '';
    };
    const land = keepAloft(one.simulator);
    const location = await begin('a fox', { 'idempotency-key': 'once' });
    const get = (key: string): Promise<Response> =>
      fetch(`${two.url}${location}`, { headers: { authorization: `Bearer ${key}` } });
    expect((await get(OTHER_KEY)).status).toBe(404);
    expect(await (await get(KEY)).json()).toMatchObject({ status: 'in_progress', progress: { pictures: 1 } });
    const again = await two.post(IMAGES, images('a fox'), { ...LATER, 'idempotency-key': 'once' });
    expect([again.status, again.headers.get('location')]).toEqual([202, location]);
    const twins = await Promise.all([0, 1, 2].map(() => begin('twins', { 'idempotency-key': 'twins' })));
    expect(new Set(twins).size).toBe(1);
    land();
    const { data } = await collected(two, location);
    expect(data[0]!.b64_json).toBe((await collected(one, location)).data[0]!.b64_json);
    expect([one.simulator.calls.length, two.simulator.calls.length]).toEqual([2, 0]);

    one.simulator.settings.latencyMs = 60_000;
    const slow = await begin('an elk');
    const cancelled = await fetch(`${two.url}${slow}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${KEY}` },
    });
    expect(await cancelled.json()).toMatchObject({ status: 'cancelled' });
    expect(
      await (await fetch(`${one.url}${slow}`, { headers: { authorization: `Bearer ${KEY}` } })).json(),
    ).toMatchObject({
      status: 'cancelled',
    });
  });

  test('of a tenant that is forgotten on one nothing is left, in Redis or in the memory of the other', async () => {
    const admins = { admin: true, config: { tenants: [{ id: 'globex', keys: [{ key: OTHER_KEY }] }] } };
    const one = await start(admins);
    const made = await admin(one.adminUrl, 'POST', '/admin/tenants', { id: 'acme' });
    expect(made.status).toBe(201);
    const key = await admin(one.adminUrl, 'POST', '/admin/keys', { tenant: 'acme' });
    const headers = { authorization: `Bearer ${String(key.body['key'])}` };
    // The other knows the tenant from its configuration; its scope is the same.
    const two = await start();
    await one.post(IMAGES, images('a fox', { output_format: 'webp' }), headers);
    await one.post(IMAGES, { prompt: 'once', image_size: '512' }, { ...headers, 'idempotency-key': 'k' });
    await one.post(IMAGES, images('a fox'), OTHER);
    await shared(one, 4);
    expect(statusOf(await two.post(IMAGES, images('a fox')))).toMatch(/^Plantain; hit/);
    expect(await server.cli('KEYS', '*acme*')).not.toBe('');
    expect((await admin(one.adminUrl, 'DELETE', '/admin/tenants/acme')).status).toBeLessThan(300);
    expect((await admin(one.adminUrl, 'POST', '/admin/tenants/acme/forget')).status).toBeLessThan(300);
    expect(await server.cli('KEYS', '*acme*')).toBe('');
    expect((await server.cli('KEYS', '*:blob:*')).split('\n')).toHaveLength(2);
    await expect.poll(async () => (await two.post(IMAGES, images('a fox'), CACHED)).status).toBe(504);
    expect(statusOf(await two.post(IMAGES, images('a fox'), OTHER))).toMatch(/^Plantain; hit/);
  });

  test('links of a tenant that one forgets are void on all at once, and their pictures gone, though others share its scope', async () => {
    const config = {
      publicUrl: 'http://pictures.test',
      state: server.url,
      tenants: [{ id: 'globex', keys: [{ key: OTHER_KEY }], cache: { scope: 'house' } }],
    };
    const [one, two] = [await start({ admin: true, config }), await start({ admin: true, config })];
    const made = await admin(one.adminUrl, 'POST', '/admin/tenants', { id: 'hooli', cache: { scope: 'house' } });
    expect(made.status).toBe(201);
    const { body } = await admin(one.adminUrl, 'POST', '/admin/keys', { tenant: 'hooli' });
    const headers = { authorization: `Bearer ${String(body['key'])}` };
    const linked = async (of: Record<string, string>): Promise<string> => {
      const reply = await one.post(IMAGES, images('a fox', { response_format: 'url' }), of);
      return ((await reply.json()) as { readonly data: readonly { readonly url: string }[] }).data[0]!.url;
    };
    const [gone, stays] = [await linked(headers), await linked(OTHER)];
    const opened = async (url: string): Promise<readonly number[]> =>
      Promise.all(
        [one, two].map(async (gateway) => (await fetch(url.replace('http://pictures.test', gateway.url))).status),
      );
    // The other hears of the tenant a moment later.
    await expect.poll(() => opened(gone)).toEqual([200, 200]);
    expect(await opened(stays)).toEqual([200, 200]);
    await shared(one, 3);
    expect((await admin(one.adminUrl, 'DELETE', '/admin/tenants/hooli')).status).toBe(200);
    expect((await admin(one.adminUrl, 'POST', '/admin/tenants/hooli/forget')).status).toBe(200);
    await expect.poll(() => opened(gone)).toEqual([404, 404]);
    await shared(two, 2);
    expect(await opened(stays)).toEqual([200, 200]);
    expect((await two.cache.stats()).map(({ scope }) => scope)).toEqual(['globex', 'house']);
  });

  test('frozen for some seconds under load: everybody is answered in time, hits from memory go on, and then it is shared again', async () => {
    const own = await startRedis('--appendonly', 'no');
    onTestFinished(own.close);
    const [one, two] = [await start({}, own.url), await start({}, own.url)];
    await one.post(IMAGES, images('known'));
    await shared(two, 1);
    own.freeze();
    onTestFinished(() => own.thaw());
    const endsAt = Date.now() + 3_000;
    let asked = 0;
    const asking = async (): Promise<void> => {
      while (Date.now() < endsAt || asked < 4) {
        asked += 1;
        const known = one.post(IMAGES, images('known'));
        const drawn = await two.post(IMAGES, images(`new ${asked}`), { 'idempotency-key': `k${asked}` });
        expect([drawn.status, statusOf(await known)]).toEqual([200, expect.stringMatching(/^Plantain; hit/)]);
        await drawn.arrayBuffer();
      }
    };
    await Promise.all([asking(), asking()]);
    expect(one.simulator.calls).toHaveLength(1);
    expect(two.logged()).toMatch(/its Redis does not answer/);
    own.thaw();
    await expect
      .poll(
        async () => {
          await one.post(IMAGES, images('after'), { 'cache-control': 'no-cache' });
          return statusOf(await two.post(IMAGES, images('after'), CACHED));
        },
        { interval: 500 },
      )
      .toMatch(/^Plantain; hit/);
  });

  test('with its bytes in an object store: the same picture, and nothing but heads in Redis', async () => {
    const fake = await startFakeS3();
    onTestFinished(fake.close);
    const s3 = { config: { cache: { bytes: 's3://pictures/cache/' } }, environment: environmentOf(fake) };
    const [one, two] = [await start(s3), await start(s3)];
    const picture = await pictureOf(await one.post(IMAGES, images('a fox')));
    await shared(two, 1);
    expect(await nativePictureOf(await two.post(NATIVE, native('a fox')))).toBe(picture);
    expect(two.simulator.calls).toHaveLength(0);
    expect([...fake.objects.keys()].every((path) => path.startsWith('/pictures/cache/live/'))).toBe(true);
    expect(await server.cli('KEYS', '*blob:*')).toBe('');
    expect(
      await scraped(two, 'plantain_store_op_duration_seconds_count', { store: 's3', op: 'blob', outcome: 'ok' }),
    ).toBeGreaterThan(0);
    const [heads, objects] = await Promise.all(
      ['redis', 's3'].map((tier) => scraped(two, 'plantain_cache_bytes', { tier })),
    );
    expect(heads).toBeGreaterThan(1000);
    expect(objects).toBeGreaterThan(10 * heads!);
    await two.cache.purge({ scope: 'acme' });
    expect(fake.objects.size).toBe(0);
  });

  test('an object store that refuses is told of at the start, with what to look at, and pictures are drawn all the same', async () => {
    const fake = await startFakeS3();
    onTestFinished(fake.close);
    const environment = { ...environmentOf(fake), AWS_SECRET_ACCESS_KEY: 'a-wrong-secret' };
    const gateway = await start({ config: { cache: { bytes: 's3://pictures/cache/' } }, environment });
    await expect.poll(() => gateway.logged()).toMatch(/SignatureDoesNotMatch.*AWS_SECRET_ACCESS_KEY/);
    expect(gateway.logged()).not.toContain('a-wrong-secret');
    expect((await gateway.post(IMAGES, images('a fox'))).status).toBe(200);
    expect(statusOf(await gateway.post(IMAGES, images('a fox')))).toMatch(/^Plantain; hit/);
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
