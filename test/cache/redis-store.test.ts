import { afterAll, beforeAll } from 'vitest';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { pinsContract } from './pins-contract.ts';
import { redisStore } from './redis-stores.ts';
import { storeContract } from './store-contract.ts';

withRedis('entries in Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
  });
  afterAll(() => server.close());

  storeContract('in Redis', (options) => redisStore(server.url, options));
  pinsContract('in Redis', (options) => redisStore(server.url, options));
});
