import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { startInstance } from './lease-instances.ts';

const RUNS = process.env.PLANTAIN_TEST_LONG ? 60 : 4;
const WAYS = ['stored', 'stored and unread', 'unkept', 'left', 'failed', 'dies'] as const;

withRedis('instances that seek the same thing', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
  });
  afterAll(() => server.close());

  test('however each of them ends, and in whatever order they come: no two have one token, each is above those before it, and all who wait end', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ way: fc.constantFrom(...WAYS), afterMs: fc.nat(60), leaves: fc.nat(9).map((n) => n === 0) }),
          {
            minLength: 3,
            maxLength: 6,
          },
        ),
        async (plans) => {
          round += 1;
          const name = `acme:${round}`;
          const times = { leaseMs: 600, renewMs: 100, lookMs: 200 };
          const instances = await Promise.all(plans.map(() => startInstance(server.url, times)));
          let stored: string | null = null;
          const tokens: number[] = [];
          const ends = await Promise.all(
            plans.map(async ({ way, afterMs, leaves }, index) => {
              await new Promise((resolve) => setTimeout(resolve, afterMs));
              const instance = instances[index]!;
              const deserted = leaves ? AbortSignal.timeout(30) : new AbortController().signal;
              const turn = await instance.seek(name, { collect: () => Promise.resolve(stored), deserted });
              if (turn.kind !== 'lead' || turn.lease === null) return turn.kind;
              tokens.push(turn.lease.token);
              if (way === 'dies') {
                await instance.die();
                return way;
              }
              if (way === 'stored') stored = `of ${turn.lease.token}`;
              if (way === 'failed') await turn.lease.end({ failed: new GatewayError('no_image', 'only words') });
              else await turn.lease.end(way === 'stored and unread' ? 'stored' : way);
              return way;
            }),
          );
          expect(ends).toHaveLength(plans.length);
          expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
          for (const instance of instances) await instance.close();
        },
      ),
      { numRuns: RUNS },
    );
  }, 300_000);
});
