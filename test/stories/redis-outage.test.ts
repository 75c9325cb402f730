import { afterEach, expect, test } from 'vitest';
import { describeConfig } from '../../src/config.ts';
import { inDirectory } from '../config/in-directory.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { everythingSaid, newDirectory, startProcess } from '../support/process.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { scraped, spentNanos } from '../support/scrape.ts';

const IMAGES = '/v1/images/generations';
const { load } = inDirectory();

test('an address with a password is shown without it, and the environment’s stands over the file’s', () => {
  const config = load('state: redis://:s3cret@one:6379', {
    REDIS_URL: 'rediss://me:s3cret@two:6380/1',
    GEMINI_API_KEY: 'g',
  });
  expect(config.state).toEqual({ url: 'rediss://me:s3cret@two:6380/1', shown: 'rediss://me:***@two:6380/1' });
  expect(describeConfig(config)).toContain('state: rediss://me:***@two:6380/1');
  expect(describeConfig(config)).not.toContain('s3cret');
  for (const bad of ['http://s3cret', 's3cret', 'redis://s3cret@one'])
    for (const [file, environment] of [
      [`state: ${bad}`, {}],
      ['{}', { REDIS_URL: bad }],
    ] as const)
      expect(() => load(file, environment)).toThrow(/^(?!.*s3cret)(?=.*(state|REDIS_URL): must)/s);
});

withRedis('a gateway whose Redis fails', () => {
  const closing: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of closing.splice(0).toReversed()) await each.close();
  });
  async function start(): Promise<{ redis: RedisServer; gateway: TestGateway }> {
    const redis = await startRedis();
    closing.push(redis);
    const limits = { requestsPerMinute: 1_000, imagesPerMinute: 10, concurrentImages: 100 };
    const tenant = { id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: 1, per: 'day' }], limits };
    const gateway = await startGateway({
      config: { state: redis.url, tenants: [tenant] },
      simulator: { signatureBytes: 64 },
    });
    closing.push(gateway);
    await expect.poll(() => health(gateway)).toBe(200);
    return { redis, gateway };
  }
  const health = async ({ url }: TestGateway, path = '/readyz'): Promise<number> =>
    (await fetch(`${url}${path}`)).status;
  const draw = ({ post }: TestGateway, prompt: string): Promise<Response> =>
    post(IMAGES, { prompt, seed: 1, image_size: '512' });
  const inRedis = async (redis: RedisServer): Promise<string[]> => {
    const account = await redis.cli('KEYS', '{plantain}:live:a:*');
    return (await redis.cli('HMGET', account, 's', 'h')).split('\n');
  };

  test.each(['frozen', 'stopped'])(
    '%s in mid-flight: what is paid for is delivered, hits are served, new work waits, and it goes on by itself',
    async (how) => {
      const { redis, gateway } = await start();
      expect((await draw(gateway, 'before')).status).toBe(200);
      const land = keepAloft(gateway.simulator);
      const aloft = draw(gateway, 'aloft');
      await expect.poll(() => gateway.simulator.calls.length).toBe(2);
      if (how === 'frozen') redis.freeze();
      else await redis.stop();
      land();

      expect((await aloft).status).toBe(200);
      const refused = await draw(gateway, 'new work');
      expect(refused.status).toBe(503);
      expect([refused.headers.get('retry-after'), refused.headers.get('x-should-retry')]).toEqual(['2', 'true']);
      await expect.poll(() => health(gateway)).toBe(503);
      expect(await health(gateway, '/livez')).toBe(200);
      expect(await scraped(gateway, 'plantain_store_up')).toBe(0);
      for (const prompt of ['before', 'aloft']) {
        const hit = await draw(gateway, prompt);
        expect(hit.headers.get('cache-status')).toMatch(/^Plantain; hit/);
      }
      expect(await scraped(gateway, 'plantain_ledger_untold')).toBeGreaterThanOrEqual(1);
      expect(gateway.simulator.calls).toHaveLength(2);

      if (how === 'frozen') redis.thaw();
      else await redis.start();
      await expect.poll(() => health(gateway)).toBe(200);
      expect((await draw(gateway, 'new work')).status).toBe(200);
      await expect.poll(() => inRedis(redis)).toEqual(['150000000', '0']);
      expect(await spentNanos(gateway)).toBe(150_000_000);
      await expect.poll(() => scraped(gateway, 'plantain_ledger_untold')).toBe(0);
      expect(await scraped(gateway, 'plantain_store_op_duration_seconds_count', { op: 'reserve', outcome: 'ok' })).toBe(
        3,
      );
    },
    60_000,
  );

  test('what has landed has given its place in the air back, and is told in the headers', async () => {
    const { redis, gateway } = await start();
    expect((await draw(gateway, 'good')).status).toBe(200);
    const { status, headers } = await gateway.post(IMAGES, { prompt: 'three', n: 3, image_size: '512' });
    expect(status).toBe(200);
    // One drains in six seconds.
    expect(headers.get('x-ratelimit-remaining-images')).toMatch(/^[6-9]$/);
    await expect.poll(() => inRedis(redis)).toEqual(['200000000', '0']);
    expect(await redis.cli('KEYS', '{plantain}:live:air:*')).toBe('');
    expect(await redis.cli('EXISTS', '{plantain}:live:open')).toBe('0');
  });

  test('not there at the start, it is waited for without holding the start up; its password is told to nobody', async () => {
    const redis = await startRedis('--requirepass', 's3cret-word');
    closing.push(redis);
    const directory = newDirectory();
    await redis.stop();
    const env = { REDIS_URL: `redis://:s3cret-word@127.0.0.1:${redis.port}` };
    const gateway = startProcess({ directory, env });
    await gateway.ready();
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
    await redis.start();
    await expect.poll(async () => (await fetch(`${gateway.url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${gateway.operationsUrl}/metrics`)).text()).not.toContain('s3cret-word');
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    expect(gateway.stdout()).toContain('redis://:***@127.0.0.1');
    expect(everythingSaid()).not.toContain('s3cret-word');
  }, 60_000);
});
