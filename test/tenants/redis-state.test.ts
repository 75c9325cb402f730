import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRedis } from '../../src/redis.ts';
import { limitImages } from '../../src/tenants/image-limits.ts';
import type { Limits } from '../../src/tenants/limits.ts';
import { perMinute } from '../../src/tenants/limits.ts';
import { RateCounter } from '../../src/tenants/rate-counter.ts';
import { RedisRateCounter } from '../../src/tenants/redis-rate-counter.ts';
import { openRedisState, prefixOf } from '../../src/tenants/redis-state.ts';
import type { Realm, RedisState, RedisStateEvents } from '../../src/tenants/redis-state.ts';
import type { SpendState } from '../../src/tenants/state.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { audit } from './audit.ts';
import { freshAccounts, history, hold, LONG, play, withoutRollUps } from './spend-history.ts';
import { describeSpendState } from './spend-state.ts';
import { temporaryDirectory } from './temporary.ts';

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

  async function open(
    options: { readonly file?: string; readonly realm?: Realm; readonly events?: Partial<RedisStateEvents> } = {},
  ): Promise<RedisState> {
    const { file = ':memory:', realm = `test-${randomUUID()}`, events = {} } = options;
    const redis = openRedis(server.url);
    const state = await openRedisState({
      redis,
      realm,
      file,
      now: Date.now,
      audit: async () => undefined,
      events: { ...silent, ...events },
    });
    return {
      ...state,
      async close() {
        await state.close();
        await redis.close();
      },
    };
  }

  describeSpendState('the contract, over Redis', () => open(), { rollsUp: false });

  /** Of some twenty steps and as many looks each: a million operations in all, or two in a hundred of that. */
  const HISTORIES = LONG ? 25_000 : 500;
  const LANES = 4;

  test('I1 to I6, I9, I11: after any history with lost leases the balances are the model’s, and each instance’s rows add up to them', async () => {
    const lane = async (): Promise<string> => {
      const realm: Realm = `test-${randomUUID()}`;
      const file = join(temporaryDirectory(), 'ledger.db');
      const [state, other] = [await open({ file, realm }), await open({ realm })];
      const redis = openRedis(server.url);
      await expect.poll(() => redis.trouble()).toBeNull();
      // Now one instance is asked, now the other: what one reserved the other may settle.
      let turn = 0;
      const either = (): RedisState => ((turn += 1) % 2 === 0 ? state : other);
      const both: SpendState = {
        reserve: (holds) => either().reserve(holds),
        settle: (...words) => either().settle(...words),
        release: (...words) => either().release(...words),
        save: (saving) => either().save(saving),
        adjust: (...words) => either().adjust(...words),
        refund: (...words) => either().refund(...words),
        rollUp: () => Promise.resolve(false),
        forget: (tenant) => either().forget(tenant),
        spent: (keys) => either().spent(keys),
        trouble: () => null,
        close: () => Promise.resolve(),
      };
      const loseLeases = async (): Promise<SpendState> => {
        const key = `${prefixOf(realm)}open`;
        const ids = (await redis.command(['ZRANGE', key, '0', '-1'], 5_000)) as readonly string[];
        if (ids.length > 0) await redis.command(['ZADD', key, 'XX', ...ids.flatMap((id) => ['0', id])], 5_000);
        await either().sweep();
        return both;
      };
      const property = fc.asyncProperty(history, (steps) =>
        play(withoutRollUps(steps), () => Promise.resolve(both), loseLeases),
      );
      await fc.assert(property, { numRuns: HISTORIES / LANES });
      await redis.close();
      await other.close();
      await state.close();
      return file;
    };
    // To read a long ledger takes this thread for longer than the other lanes' deadlines: all are done before.
    for (const file of await Promise.all(Array.from({ length: LANES }, lane))) {
      const { faults, rows } = audit(file);
      expect(faults).toEqual([]);
      expect(rows.length).toBeGreaterThan(HISTORIES / LANES);
    }
  }, 7_200_000);

  describe('limits on pictures', () => {
    const limits = (over: Partial<Limits>): Limits => ({
      requestsPerMinute: null,
      imagesPerMinute: null,
      concurrentImages: null,
      mode: 'enforce',
      ...over,
    });
    /** The same words, over Redis and in a process of its own. */
    async function both(limit: Limits) {
      const counted: Record<string, number>[] = [{}, {}];
      const count = (which: number) => (limiter: string, decision: string) => {
        const name = `${limiter} ${decision}`;
        counted[which]![name] = (counted[which]![name] ?? 0) + 1;
      };
      const shared = await open({ events: { limited: count(0) } });
      const alone = limitImages({
        state: { ...shared, reserve: () => Promise.resolve(), settle: () => Promise.resolve() },
        count: count(1),
        now: () => 0,
      });
      const tenant = randomUUID();
      const pictures = (number: number) => Array.from({ length: number }, () => hold([], 1, { tenant, limits: limit }));
      const words = (work: Promise<void>): Promise<unknown> =>
        work.then(
          () => 'ok',
          (error: { failure: string; message: string; detail: { param?: string } }) => [
            error.failure,
            error.message.replaceAll(/\d+ s\./g, 'N s.'),
            error.detail.param,
          ],
        );
      return { shared, alone, counted, pictures, words, tenant };
    }

    test.each([
      limits({ imagesPerMinute: 4 }),
      limits({ concurrentImages: 3 }),
      limits({ imagesPerMinute: 5, concurrentImages: 3 }),
      limits({ imagesPerMinute: 2, concurrentImages: 3, mode: 'shadow' }),
      limits({ imagesPerMinute: 1, concurrentImages: 1, mode: 'off' }),
    ])(
      '$mode, $imagesPerMinute a minute, $concurrentImages at once: refuse and count as one process does',
      async (limit) => {
        const { shared, alone, counted, pictures, words } = await both(limit);
        for (const number of [1, 2, 9, 1, 1, 3, 1]) {
          const asked = pictures(number);
          expect(await words(shared.reserve(asked))).toEqual(await words(alone.state.reserve(asked)));
        }
        expect(counted[0]).toEqual(counted[1]);
        await shared.close();
      },
    );

    test('are given back by what ends, once each, and are not used up by what the budget refuses', async () => {
      const { shared, pictures, words, tenant } = await both(limits({ imagesPerMinute: 6, concurrentImages: 2 }));
      const poor = freshAccounts(0);
      const refused = pictures(2).map((one) => ({ ...one, accounts: poor }));
      expect(await words(shared.reserve(refused))).toContain('budget_exhausted');
      const [one, two] = pictures(2);
      await shared.reserve([one!, two!]);
      expect(await words(shared.reserve(pictures(1)))).toContain('rate_limited');
      await shared.settle(one!.id, 1, 'ok');
      await shared.settle(one!.id, 1, 'ok');
      await shared.reserve(pictures(1));
      expect(await words(shared.reserve(pictures(1)))).toContain('rate_limited');
      await shared.release(two!.id);
      await shared.reserve(pictures(1));
      const { remaining } = shared.standing({ id: tenant, limits: limits({ imagesPerMinute: 6 }) })!;
      expect(remaining).toBeGreaterThanOrEqual(2);
      expect(remaining).toBeLessThanOrEqual(3);
      await shared.close();
    });
  });

  test('requests a minute are counted by all together, with the exact wait; by each alone while Redis is away', async () => {
    const redis = openRedis(server.url);
    await expect.poll(() => redis.trouble()).toBeNull();
    const now = (): number => Math.floor(performance.now());
    const local = new RateCounter({ capacity: 10, now });
    const prefix = prefixOf(`test-${randomUUID()}`);
    const [one, two] = [1, 2].map(() => new RedisRateCounter({ redis, prefix, local, capacity: 10, now }));
    const rate = perMinute(3);
    const waits = [];
    for (const counter of [one!, two!, one!, two!, one!]) waits.push((await counter.take('acme', rate)).waitMs);
    expect(waits.slice(0, 3)).toEqual([0, 0, 0]);
    for (const wait of waits.slice(3)) {
      expect(wait).toBeGreaterThan(15_000);
      expect(wait).toBeLessThanOrEqual(20_000);
    }
    expect(one!.standing('acme', rate)).toMatchObject({ limit: 3, remaining: 0 });
    expect(one!.standing('globex', rate)).toMatchObject({ limit: 3, remaining: 3 });
    await redis.close();
    const alone = [];
    for (let turn = 0; turn < 4; turn += 1) alone.push((await one!.take('acme', rate)).waitMs);
    expect(alone.slice(0, 3)).toEqual([0, 0, 0]);
    expect(alone[3]).toBeGreaterThan(15_000);
  });

  test('who comes takes over all accounts, and nobody waits while it looks through the keys of pictures', async () => {
    const realm: Realm = `test-${randomUUID()}`;
    const name = (key: string): string => `${prefixOf(realm)}${key}`;
    const looked = async (): Promise<number> =>
      Number(/^cmdstat_keys:calls=(\d+)/m.exec(await server.cli('INFO', 'commandstats'))?.[1] ?? 0);
    const first = await open({ realm });
    const [forever, daily] = [freshAccounts(100), freshAccounts(100, { per: 'day' })];
    const keys = [...forever, ...daily].map(({ key }) => key);
    for (const [accounts, nanos] of [
      [forever, 7],
      [daily, 5],
    ] as const) {
      const one = hold(accounts, nanos);
      await first.reserve([one]);
      await first.settle(one.id, nanos, 'ok');
    }
    const takesOver = async (): Promise<readonly number[]> => {
      const state = await open({ realm });
      const balances = await state.lastKnown(keys);
      await state.close();
      return balances.map(({ spentNanos }) => spentNanos);
    };
    const before = await looked();
    expect(await takesOver()).toEqual([7, 5]);
    expect(await looked()).toBe(before);

    // As a Redis is that has accounts from before there was the list: it is made once.
    const list = await server.cli('ZRANGE', name('accounts'), '0', '-1', 'WITHSCORES');
    await server.cli('DEL', name('accounts'), name('listed'));
    expect(await takesOver()).toEqual([7, 5]);
    expect(await server.cli('ZRANGE', name('accounts'), '0', '-1', 'WITHSCORES')).toBe(list);
    expect(await takesOver()).toEqual([7, 5]);
    expect(await looked()).toBe(before + 1);

    // What may be forgotten is not listed for ever either.
    await server.cli('ZADD', name('accounts'), '1', 'of a day long past');
    await first.sweep();
    expect(await server.cli('ZRANGE', name('accounts'), '0', '-1', 'WITHSCORES')).toBe(list);

    // One that an instance of an older version has begun since is listed with its next picture.
    await server.cli('ZREM', name('accounts'), ...daily.map(({ key }) => key));
    const next = hold(daily, 2);
    await first.reserve([next]);
    await first.settle(next.id, 2, 'ok');
    expect(await takesOver()).toEqual([7, 7]);
    await first.close();
  });

  test('after a connection that was lost Redis is asked which pictures it has not, and told of those alone', async () => {
    const realm: Realm = `test-${randomUUID()}`;
    const state = await open({ realm });
    const accounts = freshAccounts(100);
    const holds = Array.from({ length: 5 }, () => hold(accounts, 7));
    await state.reserve(holds);
    for (const { id } of holds.slice(1)) await state.settle(id, 3, 'ok');
    // Each that is told is looked for with one EXISTS.
    const told = async (): Promise<number> =>
      Number(/^cmdstat_exists:calls=(\d+)/m.exec(await server.cli('INFO', 'commandstats'))?.[1] ?? 0);
    const reconnect = async (): Promise<void> => {
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await expect.poll(() => state.trouble(), { interval: 1 }).not.toBeNull();
      await expect.poll(() => state.trouble()).toBeNull();
    };
    const spent = async () => (await state.spent(accounts.map(({ key }) => key)))[0];
    let before = await told();
    await reconnect();
    expect(await told()).toBe(before);
    expect(await spent()).toEqual({ spentNanos: 12, heldNanos: 7 });

    // One that is lost, and one that is open there though it has ended.
    const [open_, gone, reopened] = holds.map(({ id }) => `${prefixOf(realm)}h:${id}`);
    await server.cli('DEL', gone!);
    await server.cli('HSET', reopened!, 's', 'held', 'c', '0');
    before = await told();
    await reconnect();
    expect(await told()).toBe(before + 2);
    expect(await server.cli('HGET', open_!, 's')).toBe('held');
    for (const key of [gone, reopened]) expect(await server.cli('HMGET', key!, 's', 'c')).toBe('settled\n3');
    await state.close();
  });
});
