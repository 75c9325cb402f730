import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openRedis } from '../../src/redis.ts';
import type { Redis } from '../../src/redis.ts';
import { authenticate } from '../../src/tenants/authenticate.ts';
import { createRedisRegistry } from '../../src/tenants/redis-registry.ts';
import { Registry } from '../../src/tenants/registry.ts';
import { createKey, revokeKey } from '../../src/tenants/registry-key-changes.ts';
import type { RegistryStore } from '../../src/tenants/registry-store.ts';
import { createTenant } from '../../src/tenants/registry-tenant-changes.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { EMPTY, keyIn, reader, registryContract, who } from './registry-contract.ts';

withRedis('the registry that instances share', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());

  const clients: { close(): void | Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of clients.splice(0).toReversed()) await each.close();
  });
  let realms = 0;

  async function connect(): Promise<Redis> {
    const redis = openRedis(server.url);
    await expect.poll(() => redis.trouble(), { timeout: 10_000 }).toBeNull();
    return redis;
  }

  registryContract(
    'Redis',
    async () => {
      realms += 1;
      const prefix = `test:{${realms}}`;
      const redis = await connect();
      const others: Redis[] = [];
      return {
        store: createRedisRegistry({ redis, prefix }),
        async another() {
          const other = await connect();
          others.push(other);
          return createRedisRegistry({ redis: other, prefix });
        },
        async close() {
          for (const each of [redis, ...others]) await each.close();
        },
      };
    },
    true,
  );

  async function instance(over: (store: RegistryStore) => RegistryStore = (store) => store): Promise<Registry> {
    const redis = await connect();
    clients.push(redis);
    const store = over(createRedisRegistry({ redis, prefix: `test:{${realms}}` }));
    const registry = await Registry.open({ store, base: EMPTY, now: Date.now, onFault: () => undefined });
    clients.push(registry);
    return registry;
  }

  const answerTo = (registry: Registry, key: string): string => {
    try {
      return authenticate(registry.roll.keys, [key], Date.now()).keyId;
    } catch (error) {
      return (error as Error).message;
    }
  };

  async function twoWithAKey(): Promise<{ one: Registry; two: Registry; id: string; key: string }> {
    realms += 1;
    const [one, two] = [await instance(), await instance()];
    await one.change(who, 'tenant.create', 'tenant', createTenant(reader, { id: 'acme' }));
    const made = await one.change(who, 'key.create', 'key', createKey(reader, { tenant: 'acme' }));
    const [id, key] = [keyIn(made, 'id'), keyIn(made)];
    await expect.poll(() => answerTo(two, key), { timeout: 5_000 }).toBe(id);
    return { one, two, id, key };
  }

  test('hears of a revocation even where its message is lost', async () => {
    const { one, two, id, key } = await twoWithAKey();
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await one.change(who, 'key.revoke', 'key', revokeKey(id));
    await expect.poll(() => answerTo(two, key), { timeout: 5_000, interval: 20 }).toMatch(/revoked/);
  });

  test('goes on from memory while Redis is away, refuses changes, and catches up when it is back', async () => {
    const { one, two, id, key } = await twoWithAKey();
    await server.stop();
    for (const each of [one, two]) expect(answerTo(each, key)).toBe(id);
    await expect(one.change(who, 'key.revoke', 'key', revokeKey(id))).rejects.toMatchObject({
      failure: 'unavailable',
      detail: { code: 'store_unavailable' },
    });
    for (const each of [one, two]) expect(answerTo(each, key)).toBe(id);
    await server.start();
    await expect
      .poll(
        () =>
          one.change(who, 'key.revoke', 'key', revokeKey(id)).then(
            () => 'done',
            () => 'not yet',
          ),
        { timeout: 15_000, interval: 100 },
      )
      .toBe('done');
    await expect.poll(() => answerTo(two, key), { timeout: 15_000 }).toMatch(/revoked/);
  });

  test('a store that went back to an earlier state takes no change, and what was revoked stays so', async () => {
    const { one, id, key } = await twoWithAKey();
    await one.change(who, 'key.revoke', 'key', revokeKey(id));
    await server.cli('FLUSHALL');
    await expect(one.change(who, 'key.create', 'key', createKey(reader, { tenant: 'acme' }))).rejects.toMatchObject({
      detail: { code: 'store_went_back' },
    });
    expect(answerTo(one, key)).toMatch(/revoked/);
  });
});
