import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { openRedis } from '../../src/redis.ts';
import { openRedisState } from '../../src/tenants/redis-state.ts';
import type { RedisState, RedisStateEvents } from '../../src/tenants/redis-state.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { describeSpendState } from './spend-state.ts';

const silent: RedisStateEvents = {
  buried: () => undefined,
  expired: () => undefined,
  settledLate: () => undefined,
  noted: () => undefined,
  faulted: () => undefined,
  resynced: () => undefined,
  limited: () => undefined,
};

withRedis('the state of several instances', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendfsync', 'no');
  });
  afterAll(() => server.close());

  async function open(): Promise<RedisState> {
    const redis = openRedis(server.url);
    const state = await openRedisState({
      redis,
      realm: `test-${randomUUID()}`,
      file: ':memory:',
      now: Date.now,
      audit: async () => undefined,
      events: silent,
    });
    return {
      ...state,
      async close() {
        await state.close();
        await redis.close();
      },
    };
  }

  describeSpendState('the contract, over Redis', open, { rollsUp: false });
});
