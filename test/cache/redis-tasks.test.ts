import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { RedisTasks } from '../../src/cache/redis-tasks.ts';
import { openRedis } from '../../src/redis.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { redisStore } from './redis-stores.ts';

withRedis('the tasks of instances that share a Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
  });
  afterAll(() => server.close());
  const clock = { now: 1_795_000_000_000 };

  async function start(prefix: string, times: { sureMs?: number; aliveMs?: number } = {}): Promise<RedisTasks> {
    const redis = openRedis(server.url);
    await expect.poll(() => redis.trouble()).toBeNull();
    const tasks = new RedisTasks({ redis, prefix, now: () => clock.now, ...times });
    onTestFinished(async () => {
      tasks.close();
      await redis.close();
    });
    return tasks;
  }
  const row = (id: string, over: Partial<Parameters<RedisTasks['keep']>[0]> = {}) => ({
    id,
    tenant: 'acme',
    retry: null,
    record: `{"of":"${id}"}`,
    endsAt: clock.now + 60_000,
    ...over,
  });

  test('are found by any of them, by tenant and id, until they are dropped', async () => {
    const prefix = `{${randomUUID()}}:`;
    const [one, two] = [await start(prefix), await start(prefix)];
    expect(await one.keep(row('a', { retry: 'k' }))).toBe(true);
    expect(await two.find({ tenant: 'acme', id: 'a' })).toEqual({ record: '{"of":"a"}', isOrphaned: false });
    expect([await two.find({ tenant: 'globex', id: 'a' }), await two.find({ tenant: 'acme', id: 'b' })]).toEqual([
      null,
      null,
    ]);
    expect([await two.under('acme', 'k'), await two.under('globex', 'k')]).toEqual(['a', null]);
    two.drop({ tenant: 'acme', id: 'a' });
    await expect.poll(() => one.find({ tenant: 'acme', id: 'a' })).toBeNull();
  });

  test('are orphans when their instance is not heard of any more, which nobody says who was not heard of itself', async () => {
    const prefix = `{${randomUUID()}}:`;
    const one = await start(prefix, { aliveMs: 2_000 });
    await one.keep(row('a'));
    const sure = await start(prefix, { sureMs: 0 });
    const unsure = await start(prefix, { sureMs: 600_000 });
    expect(await sure.find({ tenant: 'acme', id: 'a' })).toMatchObject({ isOrphaned: false });
    one.close();
    await expect
      .poll(() => sure.find({ tenant: 'acme', id: 'a' }))
      .toMatchObject({
        isOrphaned: true,
      });
    expect(await unsure.find({ tenant: 'acme', id: 'a' })).toMatchObject({ isOrphaned: false });
  });

  test('are cancelled by word to all of them', async () => {
    const prefix = `{${randomUUID()}}:`;
    const [one, two] = [await start(prefix), await start(prefix)];
    const heard: unknown[] = [];
    onTestFinished(one.onCancel((place) => heard.push(place)));
    await expect.poll(() => server.cli('PUBSUB', 'NUMSUB', `${prefix}tasks:cancel`)).toMatch(/1$/);
    two.cancel({ tenant: 'acme', id: 'a' });
    await expect.poll(() => heard).toEqual([{ tenant: 'acme', id: 'a' }]);
  });

  test('make room for newer ones when they have ended, and go with the scope of their tenant', async () => {
    const { store, prefix } = await redisStore(server.url);
    const one = await start(prefix);
    await one.keep(row('old', { endsAt: clock.now - 1 }));
    await one.keep(row('new', { retry: 'k' }));
    expect(await one.find({ tenant: 'acme', id: 'old' })).toBeNull();
    await one.keep(row('theirs', { tenant: 'zeta' }));
    await store.purge({ scope: 'acme' });
    expect([await one.find({ tenant: 'acme', id: 'new' }), await one.under('acme', 'k')]).toEqual([null, null]);
    expect(await one.find({ tenant: 'zeta', id: 'theirs' })).not.toBeNull();
  });

  test('keep no Idempotency-Key longer than themselves', async () => {
    const prefix = `{${randomUUID()}}:`;
    const one = await start(prefix);
    const retries = (): Promise<string> => server.cli('HLEN', `${prefix}tasks-retry:acme`);
    await one.keep(row('old', { retry: 'a', endsAt: clock.now - 1 }));
    await one.keep(row('again', { retry: 'b', endsAt: clock.now - 1 }));
    await one.keep(row('newer', { retry: 'b' }));
    expect([await retries(), await one.under('acme', 'a'), await one.under('acme', 'b')]).toEqual(['1', null, 'newer']);
    one.drop({ tenant: 'acme', id: 'newer' });
    await expect.poll(retries).toBe('0');
  });

  test('are asked for again when Redis has lost them, or was not told of one', async () => {
    const prefix = `{${randomUUID()}}:`;
    const one = await start(prefix, { aliveMs: 2_000 });
    let lost = 0;
    onTestFinished(one.onLost(() => (lost += 1)));
    await expect.poll(() => server.cli('KEYS', `${prefix}alive:*`)).not.toBe('');
    await server.cli('FLUSHALL');
    await expect.poll(() => lost).toBe(1);
    server.freeze();
    onTestFinished(() => server.thaw());
    expect(await one.keep(row('a'))).toBe(false);
    server.thaw();
    await expect.poll(() => lost).toBeGreaterThan(1);
  });

  test('hear no word that they do not understand', async () => {
    const prefix = `{${randomUUID()}}:`;
    const one = await start(prefix);
    const heard: unknown[] = [];
    onTestFinished(one.onCancel((place) => heard.push(place)));
    await expect.poll(() => server.cli('PUBSUB', 'NUMSUB', `${prefix}tasks:cancel`)).toMatch(/1$/);
    for (const word of ['null', '{', '{"tenant":"acme"}', '[1]'])
      await server.cli('PUBLISH', `${prefix}tasks:cancel`, word);
    one.cancel({ tenant: 'acme', id: 'a' });
    await expect.poll(() => heard).toEqual([{ tenant: 'acme', id: 'a' }]);
  });

  test('are not known while Redis is away, and nothing is thrown', async () => {
    const prefix = `{${randomUUID()}}:`;
    const one = await start(prefix);
    server.freeze();
    onTestFinished(() => server.thaw());
    expect([await one.keep(row('a')), await one.find({ tenant: 'acme', id: 'a' })]).toEqual([false, 'unknown']);
    one.drop({ tenant: 'acme', id: 'a' });
    one.cancel({ tenant: 'acme', id: 'a' });
    server.thaw();
  });
});
