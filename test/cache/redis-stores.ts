import { randomUUID } from 'node:crypto';
import { expect, onTestFinished } from 'vitest';
import { BytesInRedis } from '../../src/cache/redis-bytes.ts';
import { RedisStore } from '../../src/cache/redis-store.ts';
import type { RedisStoreOptions, RedisTrouble } from '../../src/cache/redis-options.ts';
import type { EvictionReason, Selection } from '../../src/cache/store.ts';
import { openRedis, openRedisBytes } from '../../src/redis.ts';
import type { Redis } from '../../src/redis.ts';
import { START } from './entries.ts';
import type { StoreUnderTest } from './stores.ts';

export interface RedisUnderTest extends StoreUnderTest<RedisStore> {
  readonly redis: Redis;
  readonly prefix: string;
  readonly troubles: RedisTrouble[];
  readonly news: Selection[];
}

export type RedisTestOptions = Partial<RedisStoreOptions>;

/** A store of its own in a Redis, unless `prefix` is that of another one. Closed when the test is done. */
export async function redisStore(url: string, options: RedisTestOptions = {}): Promise<RedisUnderTest> {
  const { maxBytes = 10_000_000, scopeBytes = maxBytes, prefix = `{plantain}:test:${randomUUID()}:` } = options;
  const clock = { now: START };
  const evicted: EvictionReason[] = [];
  const troubles: RedisTrouble[] = [];
  const news: Selection[] = [];
  const redis = openRedis(url);
  const connection = openRedisBytes(url);
  await expect.poll(() => redis.trouble()).toBeNull();
  await expect.poll(() => connection.trouble()).toBeNull();
  const store = new RedisStore({
    redis,
    bytes: new BytesInRedis(connection, prefix),
    now: () => clock.now,
    onEvict: (reason) => void evicted.push(reason),
    onNews: (selection) => void news.push(selection),
    onTrouble: (trouble) => void troubles.push(trouble),
    onOperation: () => undefined,
    // Time enough on a busy machine: what a deadline does has tests of its own.
    findMs: 20_000,
    keepMs: 20_000,
    maxWords: maxBytes,
    scopeWords: scopeBytes,
    ...options,
    prefix,
    maxBytes,
    scopeBytes,
  });
  onTestFinished(async () => {
    await store.close();
    await redis.close();
  });
  return { store, clock, evicted, redis, prefix, troubles, news };
}
