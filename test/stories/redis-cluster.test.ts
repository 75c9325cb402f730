import { afterEach, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const IMAGES = '/v1/images/generations';
const CLUSTER = ['--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no'] as const;

withRedis('a Redis that is a node of a cluster', () => {
  const closing: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of closing.splice(0).toReversed()) await each.close();
  });
  async function startNode(): Promise<RedisServer> {
    const redis = await startRedis(...CLUSTER);
    closing.push(redis);
    return redis;
  }
  async function startOn({ url }: RedisServer): Promise<TestGateway> {
    const limits = { requestsPerMinute: 100, imagesPerMinute: 100, concurrentImages: 10 };
    const tenant = { id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: 1, per: 'day' }], limits };
    const gateway = await startGateway({
      config: { state: url, cache: { store: url }, tenants: [tenant] },
      simulator: { signatureBytes: 64 },
    });
    closing.push(gateway);
    return gateway;
  }
  const isReady = async ({ url }: TestGateway): Promise<number> => (await fetch(`${url}/readyz`)).status;
  const warnings = ({ logged }: TestGateway): string[] =>
    logged()
      .split('\n')
      .filter((line) => /"level":[456]0/.test(line));

  test('has all keys in one slot: money, limits, leases, pictures, links and tasks work there', async () => {
    const redis = await startNode();
    await redis.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await expect.poll(() => redis.cli('CLUSTER', 'INFO')).toContain('cluster_state:ok');
    const [one, two] = [await startOn(redis), await startOn(redis)];
    for (const gateway of [one, two]) await expect.poll(() => isReady(gateway)).toBe(200);
    const body = { prompt: 'a fox', seed: 1, image_size: '512' };
    const replies = await Promise.all([one, two, one, two].map((gateway) => gateway.post(IMAGES, body)));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(one.simulator.calls.length + two.simulator.calls.length).toBe(1);
    const link = await two.post(IMAGES, { ...body, response_format: 'url' });
    expect(link.status).toBe(200);
    const task = await one.post(IMAGES, { prompt: 'a heron', image_size: '512' }, { prefer: 'respond-async' });
    expect(task.status).toBe(202);
    const at = new URL(task.headers.get('location')!, one.url);
    const stateOf = async (): Promise<unknown> =>
      ((await (await fetch(at, { headers: { authorization: `Bearer ${KEY}` } })).json()) as { status?: unknown })
        .status;
    await expect.poll(stateOf).toBe('completed');
    expect(warnings(one)).toEqual([]);
    expect(warnings(two)).toEqual([]);
  });

  test('and not the one that has that slot admits nobody, and says why', async () => {
    const redis = await startNode();
    await redis.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    const slot = await redis.cli('CLUSTER', 'KEYSLOT', '{plantain}');
    await redis.cli('CLUSTER', 'DELSLOTS', slot);
    const gateway = await startOn(redis);
    const reply = await gateway.post(IMAGES, { prompt: 'a fox', image_size: '512' });
    expect(reply.status).toBe(503);
    expect(gateway.simulator.calls).toHaveLength(0);
    expect(await isReady(gateway)).toBe(503);
    await expect
      .poll(async () => (await fetch(`${gateway.url}/readyz`)).json())
      .toMatchObject({ reason: 'Redis refuses what it is asked (CLUSTERDOWN)' });
    expect(gateway.logged().match(/Redis refuses what it is asked/g)).toHaveLength(1);
    await redis.cli('CLUSTER', 'ADDSLOTS', slot);
    await expect.poll(() => isReady(gateway)).toBe(200);
    expect((await gateway.post(IMAGES, { prompt: 'a fox', image_size: '512' })).status).toBe(200);
  });
});
