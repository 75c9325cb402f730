import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KEY, OTHER_KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { scraped } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, NativeReply, OpenAIError } from '../support/wire.ts';
import { openDirectory, openGateway } from '../support/open.ts';

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
const filesIn = (gateway: TestGateway, folder: string): string[] =>
  readdirSync(join(gateway.directory, 'cache', folder), { recursive: true, encoding: 'utf8' }).filter(
    (name) => folder !== 'blobs' || name.includes('/'),
  );

describe('a restart', () => {
  test('remembers: the first request after it is a hit in the other dialect, its age goes on, and then memory has it', async () => {
    const directory = openDirectory();
    const clock = { now: Date.now() };
    const options = { directory, now: () => clock.now };
    const before = await openGateway(options);
    const drawn = await before.post(IMAGES, images('a fox'));
    expect(statusOf(drawn)).toMatch(/^Plantain; fwd=miss; stored/);
    const picture = await pictureOf(drawn);
    await before.close();

    clock.now += 42_000;
    const after = await openGateway(options);
    const hit = await after.post(NATIVE, native('a fox'));
    expect(statusOf(hit)).toMatch(`Plantain; hit; ttl=${604_800 - 42};`);
    expect(hit.headers.get('age')).toBe('42');
    const part = (await bodyOf<NativeReply>(hit)).candidates[0]!.content.parts[0]!;
    expect(part.inlineData?.data).toBe(picture);
    expect(part.thoughtSignature).toHaveLength(5_000);
    const again = await after.post(IMAGES, images('a fox'));
    expect(statusOf(again)).toMatch(/^Plantain; hit/);
    expect(await pictureOf(again)).toBe(picture);
    expect(after.simulator.calls).toHaveLength(0);
    for (const tier of ['disk', 'memory'])
      expect(await scraped(after, 'plantain_cache_requests_total', { tier, result: 'hit' })).toBe(1);
    expect(await scraped(after, 'plantain_cache_bytes', { tier: 'disk' })).toBeGreaterThan(1000);
    expect(
      await scraped(after, 'plantain_store_op_duration_seconds_count', { store: 'disk', op: 'blob', outcome: 'ok' }),
    ).toBeGreaterThan(0);
  });

  test('knows an Idempotency-Key, its answer, and what it may not be used for', async () => {
    const directory = openDirectory();
    const ask = (gateway: TestGateway, prompt: string): Promise<Response> =>
      gateway.post(IMAGES, { prompt, image_size: '512' }, { 'idempotency-key': 'k1' });
    const before = await openGateway({ directory });
    const picture = await pictureOf(await ask(before, 'once'));
    await before.close();
    const after = await openGateway({ directory });
    const again = await ask(after, 'once');
    expect(again.headers.get('x-plantain-cost-usd')).toBe('0');
    expect(await pictureOf(again)).toBe(picture);
    const mismatch = await ask(after, 'another');
    expect((await bodyOf<OpenAIError>(mismatch)).error.code).toBe('idempotency_mismatch');
    expect(after.simulator.calls).toHaveLength(0);
  });

  test('forgets everything where pictures are kept in memory only, and writes nothing', async () => {
    const directory = openDirectory();
    const options = { directory, config: { cache: { store: 'memory' } } };
    const before = await openGateway(options);
    await before.post(IMAGES, images('a fox'));
    expect(statusOf(await before.post(IMAGES, images('a fox')))).toMatch(/hit/);
    await before.close();
    expect(readdirSync(directory)).not.toContain('cache');
    const after = await openGateway(options);
    expect(statusOf(await after.post(IMAGES, images('a fox')))).toMatch(/miss/);
  });
});

describe('what is left on disk', () => {
  // Of answers; what is kept for conversations has stories of its own.
  const config = { retention: { signatureDays: 0 } };

  test('is nothing of a request with no-store, nor of a bypass, nor of what is made of their pictures', async () => {
    const gateway = await openGateway({ config });
    const answers = await Promise.all([
      gateway.post(IMAGES, images('unkept'), { 'cache-control': 'no-store' }),
      gateway.post(IMAGES, images('unkept', { output_format: 'webp' }), { 'cache-control': 'no-store' }),
      gateway.post(IMAGES, { prompt: 'no seed', image_size: '512', output_format: 'webp' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await gateway.cache.stats()).toEqual([]);
    expect([...filesIn(gateway, 'tmp'), ...filesIn(gateway, 'blobs')]).toEqual([]);
  });

  test('is counted for its scope, renditions too, and gone for it alone when it is purged', async () => {
    const gateway = await openGateway({ config });
    const webp = images('a fox', { output_format: 'webp' });
    const first = await gateway.post(IMAGES, webp);
    const second = await gateway.post(IMAGES, webp, OTHER);
    expect(await pictureOf(second)).toBe(await pictureOf(first));
    const model = 'gemini-3.1-flash-image';
    // What memory has kept is written to disk behind the answer.
    await expect
      .poll(() => gateway.cache.stats())
      .toMatchObject([
        { scope: 'acme', model, entries: 2 },
        { scope: 'globex', model, entries: 2 },
      ]);
    expect(await gateway.cache.purge({ scope: 'acme' })).toMatchObject({ entries: 2 });
    expect(await gateway.cache.stats()).toMatchObject([{ scope: 'globex', model, entries: 2 }]);
    expect(statusOf(await gateway.post(IMAGES, webp, OTHER))).toMatch(/^Plantain; hit/);
    expect(statusOf(await gateway.post(IMAGES, webp))).toMatch(/^Plantain; fwd=miss; stored/);
  });

  test('is a rendition under the digest of its own bytes, found again without being made anew', async () => {
    const directory = openDirectory();
    const before = await openGateway({ directory, config });
    const webp = images('a fox', { output_format: 'webp' });
    const picture = await pictureOf(await before.post(IMAGES, webp));
    await before.close();
    const after = await openGateway({ directory, config });
    expect(await pictureOf(await after.post(IMAGES, webp))).toBe(picture);
    const [standing] = await after.cache.stats();
    expect(standing).toMatchObject({ entries: 2, hits: 2 });
  });
});

test('a model may have a cache policy of its own, which gives way to that of a tenant', async () => {
  const gateway = await openGateway({
    config: {
      models: ['gemini-3.1-flash-image', 'gemini-3-pro-image'].map((id) => ({
        id,
        targets: [{ upstream: 'vendor', model: id, price: { perImageUsd: 0.05 } }],
        ...(id === 'gemini-3.1-flash-image' && { cache: { when: 'never' } }),
        ...(id === 'gemini-3-pro-image' && { cache: { ttlSeconds: 60 } }),
      })),
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }], cache: { when: 'always', ttlSeconds: 90 } },
      ],
    },
  });
  expect(statusOf(await gateway.post(IMAGES, images('a fox')))).toBe('Plantain; fwd=bypass; detail="never"');
  const unseeded = { prompt: 'a fox', image_size: '512' };
  expect(statusOf(await gateway.post(IMAGES, unseeded, OTHER))).toMatch(/^Plantain; fwd=miss; stored/);
  const pro = { prompt: 'a fox', model: 'nano-banana-pro', seed: 1 };
  await gateway.post(IMAGES, pro);
  expect(statusOf(await gateway.post(IMAGES, pro))).toMatch(/^Plantain; hit; ttl=(60|59|5\d);/);
  await gateway.post(IMAGES, pro, OTHER);
  expect(statusOf(await gateway.post(IMAGES, pro, OTHER))).toMatch(/^Plantain; hit; ttl=(90|8\d);/);
});
