import { afterAll, beforeAll, describe } from 'vitest';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { redisStore } from './redis-stores.ts';
import { staleContract, staleLaw } from './stale-contract.ts';
import { diskStore, memoryStore } from './stores.ts';

staleContract('in memory', memoryStore);
staleContract('on disk', diskStore);
describe('an entry', () => staleLaw(memoryStore));

withRedis('in Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
  });
  afterAll(() => server.close());

  staleContract('in Redis', () => redisStore(server.url));
});
