import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { reconcile } from '../../src/cli/reconcile.ts';
import { openRedis } from '../../src/redis.ts';
import { openRedisState } from '../../src/tenants/redis-state.ts';
import type { RedisState } from '../../src/tenants/redis-state.ts';
import { accountsFor } from '../../src/tenants/state.ts';
import type { Account, Hold } from '../../src/tenants/state.ts';
import { startProxy } from '../support/proxy.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { audit } from './audit.ts';
import { freshAccounts, hold } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

withRedis('when Redis fails', () => {
  let server: RedisServer;
  const closing: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    for (const each of closing.splice(0).toReversed()) await each.close();
    await server.close();
  });

  interface Instance extends RedisState {
    readonly file: string;
    readonly heard: string[];
  }
  /** One of several, with a ledger of its own. */
  async function open(file = join(temporaryDirectory(), 'ledger.db'), url = server.url): Promise<Instance> {
    const redis = openRedis(url);
    const heard: string[] = [];
    const opening = openRedisState({
      redis,
      realm: 'test-faults',
      file,
      now: Date.now,
      audit: async () => undefined,
      events: {
        buried: ({ holds, nanos }) => heard.push(`buried ${holds} ${nanos}`),
        expired: ({ holds, nanos }) => heard.push(`expired ${holds} ${nanos}`),
        settledLate: () => heard.push('late'),
        resynced: () => heard.push('resynced'),
        limited: () => undefined,
        noted: (_level, message) => heard.push(message),
        faulted: (message) => heard.push(message),
      },
    });
    const state = await opening.catch(async (error: unknown) => {
      await redis.close();
      throw error;
    });
    let closed = false;
    const instance: Instance = {
      ...state,
      file,
      heard,
      async close() {
        if (closed) return;
        closed = true;
        await state.close();
        await redis.close();
      },
    };
    closing.push(instance);
    return instance;
  }

  const balance = async (state: RedisState, [account]: readonly Account[]) => (await state.spent([account!.key]))[0];
  const mirrored = async (state: RedisState, [account]: readonly Account[]) =>
    (await state.lastKnown([account!.key]))[0];
  const failure = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'ok',
      (error: unknown) => (error as { failure?: string }).failure,
    );
  const ready = (...states: readonly RedisState[]): Promise<void> =>
    expect.poll(() => states.map((state) => state.trouble())).toEqual(states.map(() => null));

  async function spender(
    limit: number,
  ): Promise<{ one: Instance; two: Instance; accounts: readonly Account[]; held: Hold }> {
    const [one, two] = [await open(), await open()];
    await ready(one, two);
    const accounts = freshAccounts(limit);
    const [spent, held] = [hold(accounts, 30), hold(accounts, 40)];
    await two.reserve([spent]);
    await two.settle(spent.id, 30, 'ok');
    await one.reserve([held]);
    return { one, two, accounts, held };
  }

  test('every instance has the whole ledger in its own file, to the nano-dollar', async () => {
    const { one, two, accounts, held } = await spender(100);
    const stands = { spentNanos: 30, heldNanos: 40 };
    for (const state of [one, two]) await expect.poll(() => mirrored(state, accounts)).toEqual(stands);
    await one.settle(held.id, 35, 'ok', { pictures: 1, tokens: 7 });
    for (const state of [one, two]) {
      await expect.poll(() => mirrored(state, accounts)).toEqual({ spentNanos: 65, heldNanos: 0 });
      await state.close();
    }
    const [first, second] = [audit(one.file), audit(two.file)];
    expect([first.faults, second.faults]).toEqual([[], []]);
    const told = ({ rows }: typeof first): string[] =>
      rows.map(({ hold, kind, delta_spent }) => `${hold} ${kind} ${delta_spent}`).toSorted();
    expect(told(second)).toEqual(told(first));
  });

  test('flushed, nobody is admitted until it has been told what all of them know; then it goes on to the nano-dollar', async () => {
    const { one, two, accounts, held } = await spender(100);
    await server.cli('FLUSHALL');
    expect(await failure(one.reserve([hold(accounts, 90)]))).toBe('unavailable');
    expect(one.trouble()).toMatch(/lost its accounts/);
    await ready(one, two);
    expect(await balance(two, accounts)).toEqual({ spentNanos: 30, heldNanos: 40 });
    expect(await failure(two.reserve([hold(accounts, 31)]))).toBe('budget_reserved');
    expect(await failure(two.reserve([hold(accounts, 71)]))).toBe('budget_exhausted');
    await one.settle(held.id, 35, 'ok');
    await two.reserve([hold(accounts, 35)]);
    expect(await balance(one, accounts)).toEqual({ spentNanos: 65, heldNanos: 35 });
    for (const state of [one, two]) {
      await expect.poll(() => mirrored(state, accounts)).toEqual({ spentNanos: 65, heldNanos: 35 });
      await state.close();
      expect(audit(state.file).faults).toEqual([]);
    }
  });

  test('flushed under load, what is admitted in the end fits the budget', async () => {
    const { one, two, accounts } = await spender(1_000);
    const spend = async (state: RedisState): Promise<number> => {
      let spent = 0;
      for (let turn = 0; turn < 60; turn += 1) {
        const next = hold(accounts, 10);
        if ((await failure(state.reserve([next]))) !== 'ok') await new Promise((resolve) => setTimeout(resolve, 50));
        else {
          await state.settle(next.id, 10, 'ok');
          spent += 10;
        }
      }
      return spent;
    };
    const spending = Promise.all([spend(one), spend(two), spend(one), spend(two)]);
    await server.cli('FLUSHALL');
    const sum = (await spending).reduce((total, each) => total + each, 0);
    await ready(one, two);
    expect(sum + 30 + 40).toBeLessThanOrEqual(1_000);
    expect(await balance(one, accounts)).toEqual({ spentNanos: 30 + sum, heldNanos: 40 });
  }, 60_000);

  test('its scripts forgotten, nothing is noticed', async () => {
    const { one, accounts, held } = await spender(100);
    await server.cli('SCRIPT', 'FLUSH');
    await one.settle(held.id, 40, 'ok');
    expect(await balance(one, accounts)).toEqual({ spentNanos: 70, heldNanos: 0 });
  });

  test('killed and started with nothing on disk, it is told everything', async () => {
    await server.close();
    server = await startRedis('--appendonly', 'no');
    const { one, two, accounts, held } = await spender(100);
    await server.stop();
    expect(await failure(one.reserve([hold(accounts, 1)]))).toBe('unavailable');
    const settling = one.settle(held.id, 40, 'ok');
    await server.start();
    await ready(one, two);
    await settling;
    expect(await balance(two, accounts)).toEqual({ spentNanos: 70, heldNanos: 0 });
  }, 60_000);

  test('frozen, it costs each caller its deadline at most, and what nobody waited for is taken back', async () => {
    const { one, two, accounts, held } = await spender(100);
    server.freeze();
    const startedAt = performance.now();
    const tried = await Promise.all(Array.from({ length: 20 }, () => failure(one.reserve([hold(accounts, 1)]))));
    expect(new Set(tried)).toEqual(new Set(['unavailable']));
    for (let turn = 0; turn < 50; turn += 1)
      expect(await failure(one.reserve([hold(accounts, 1)]))).toBe('unavailable');
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(one.trouble()).not.toBeNull();
    const settling = one.settle(held.id, 40, 'ok');
    server.thaw();
    await ready(one, two);
    await settling;
    await expect.poll(() => balance(two, accounts)).toEqual({ spentNanos: 70, heldNanos: 0 });
  }, 60_000);

  test('full, it takes no new work, and writes down all that was spent', async () => {
    const { one, accounts, held } = await spender(100);
    await server.cli('CONFIG', 'SET', 'maxmemory', '1');
    expect(await failure(one.reserve([hold(accounts, 1)]))).toBe('unavailable');
    await one.settle(held.id, 33, 'ok');
    expect(await balance(one, accounts)).toEqual({ spentNanos: 63, heldNanos: 0 });
    await server.cli('CONFIG', 'SET', 'maxmemory', '0');
    await one.reserve([hold(accounts, 1)]);
  });

  test('failed over to a replica that had not heard the last of it, it is told that again, and nothing twice', async () => {
    const replica = await startRedis();
    const proxy = await startProxy(server.port);
    closing.push(replica, proxy);
    await replica.cli('REPLICAOF', '127.0.0.1', String(server.port));
    await expect.poll(() => replica.cli('INFO', 'replication')).toContain('master_link_status:up');
    const url = `redis://127.0.0.1:${proxy.port}`;
    const [one, two] = [await open(undefined, url), await open(undefined, url)];
    await ready(one, two);
    const accounts = freshAccounts(100);
    const [heard, unheard, open_] = [hold(accounts, 20), hold(accounts, 25), hold(accounts, 30)];
    await one.reserve([heard]);
    expect(await server.cli('WAIT', '1', '5000')).toBe('1');
    await replica.cli('REPLICAOF', 'NO', 'ONE');
    await one.settle(heard.id, 20, 'ok');
    await two.reserve([unheard]);
    await two.settle(unheard.id, 25, 'ok');
    await two.reserve([open_]);
    await expect.poll(() => mirrored(one, accounts)).toEqual({ spentNanos: 45, heldNanos: 30 });
    proxy.lead(replica.port);
    await server.stop();
    await expect.poll(() => one.heard.filter((each) => /agree/.test(each)).length).toBe(2);
    await expect.poll(() => two.heard.filter((each) => /agree/.test(each)).length).toBe(2);
    expect(await balance(one, accounts)).toEqual({ spentNanos: 45, heldNanos: 30 });
    expect(await failure(one.reserve([hold(accounts, 26)]))).toBe('budget_reserved');
    await two.settle(open_.id, 30, 'ok');
    expect(await balance(two, accounts)).toEqual({ spentNanos: 75, heldNanos: 0 });
  }, 60_000);

  test('a charge that could not be told is told by the next process on the same directory', async () => {
    const { one, two, accounts, held } = await spender(100);
    await server.stop();
    await expect.poll(() => one.trouble()).not.toBeNull();
    void one.settle(held.id, 21, 'ok');
    await expect.poll(() => one.untold()).toBe(1);
    await one.close();
    await server.start();
    const again = await open(one.file);
    await ready(again, two);
    await expect.poll(() => balance(two, accounts)).toEqual({ spentNanos: 51, heldNanos: 0 });
    expect(again.heard.filter((each) => each.startsWith('buried'))).toEqual([]);
  }, 60_000);

  test('what a dead run held is charged as unknown when its directory is used again, and by nobody else before its lease is over', async () => {
    const { one, two, accounts, held } = await spender(100);
    await one.close();
    await two.sweep();
    expect(await balance(two, accounts)).toEqual({ spentNanos: 30, heldNanos: 40 });
    const again = await open(one.file);
    await expect.poll(() => again.heard).toContain('buried 1 40');
    expect(await balance(two, accounts)).toEqual({ spentNanos: 70, heldNanos: 0 });
    await again.settle(held.id, 22, 'ok');
    expect(again.heard).toContain('late');
    expect(await balance(two, accounts)).toEqual({ spentNanos: 52, heldNanos: 0 });
  });

  test('what is held past its lease is charged once, by whoever looks first', async () => {
    const { one, two, accounts } = await spender(100);
    await one.reserve([hold(accounts, 5, { leaseMs: 1 }), hold(accounts, 6, { leaseMs: 1 })]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const swept = await Promise.all([one.sweep(), two.sweep()]);
    const told = [...one.heard, ...two.heard].filter((each) => each.startsWith('expired'));
    expect(told.map((each) => Number(each.split(' ')[2])).reduce((sum, each) => sum + each)).toBe(11);
    expect(swept.every(({ holds }) => holds <= 2)).toBe(true);
    expect(await balance(two, accounts)).toEqual({ spentNanos: 41, heldNanos: 40 });
  });

  test('one that joins later takes over what was spent before, and follows from there', async () => {
    const { one, accounts, held } = await spender(100);
    await server.cli('XTRIM', '{plantain}:test-faults:log', 'MAXLEN', '0');
    const late = await open();
    await ready(late);
    expect(late.heard).toContain('resynced');
    expect(await mirrored(late, accounts)).toEqual({ spentNanos: 30, heldNanos: 40 });
    await one.settle(held.id, 40, 'ok');
    await expect.poll(() => mirrored(late, accounts)).toEqual({ spentNanos: 70, heldNanos: 0 });
    await late.close();
    expect(audit(late.file).faults).toEqual([]);
  });

  test('an account of its own that a single process brings along is not forgotten', async () => {
    const { openEmbeddedState } = await import('../../src/tenants/embedded-state.ts');
    const file = join(temporaryDirectory(), 'ledger.db');
    const alone = await openEmbeddedState({ file, now: Date.now });
    const accounts = freshAccounts(100);
    const [spent, left] = [hold(accounts, 30), hold(accounts, 8)];
    await alone.reserve([spent, left]);
    await alone.settle(spent.id, 25, 'ok');
    await alone.close();
    const state = await open(file);
    await ready(state);
    expect(await balance(state, accounts)).toEqual({ spentNanos: 33, heldNanos: 0 });
    expect(await failure(state.reserve([hold(accounts, 68)]))).toBe('budget_exhausted');
  });

  test('a refund reaches all, once; the command line leaves a file that follows a Redis to a running gateway', async () => {
    const { one, two, accounts, held } = await spender(100);
    await one.settle(held.id, 40, 'unknown');
    await expect.poll(() => mirrored(two, accounts)).toEqual({ spentNanos: 70, heldNanos: 0 });
    await one.close();
    const surroundings = {
      environment: { DATA_DIR: dirname(one.file) },
      workingDirectory: dirname(one.file),
      print: () => undefined,
      note: () => undefined,
      input: () => Promise.resolve(''),
      confirm: null,
    };
    await expect(reconcile.run(['--refund', held.id], surroundings)).rejects.toThrow(
      /follows a Redis.*Nothing was changed/,
    );
    const again = await open(one.file);
    await ready(again);
    expect(await again.refund([held.id, 'nobody'])).toEqual([40, 0]);
    expect(await two.refund([held.id])).toEqual([0]);
    for (const state of [again, two]) {
      await expect.poll(() => balance(state, accounts)).toEqual({ spentNanos: 30, heldNanos: 0 });
      await expect.poll(() => mirrored(state, accounts)).toEqual({ spentNanos: 30, heldNanos: 0 });
    }
  });

  test('one that evicts is refused at the start, in words; one that is not there is waited for, and examined when it comes', async () => {
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(open()).rejects.toMatchObject({
      failure: 'unavailable',
      message: expect.stringMatching(/evicts keys.*allkeys-lru.*Set maxmemory-policy noeviction/),
    });
    await server.stop();
    const state = await open();
    expect(state.trouble()).toMatch(/sought|not reached/);
    expect(await failure(state.reserve([hold(freshAccounts(1), 1)]))).toBe('unavailable');
    await server.start();
    await ready(state);
    expect(state.heard).toContain('state: what a crash of Redis may lose of budgets and limits');
  }, 60_000);

  test('one without persistence is used, and said to be', async () => {
    await server.close();
    server = await startRedis('--appendonly', 'no');
    const state = await open();
    await ready(state);
    expect(state.heard).toContainEqual(expect.stringMatching(/keeps nothing on disk/));
  });

  test('nothing grows for ever: ended holds are forgotten, and so are accounts of periods long past', async () => {
    const [state] = [await open()];
    await ready(state);
    const total = freshAccounts(100);
    const budgets = [{ limitNanos: 100, per: 'month', timeZone: 'UTC', models: null }] as const;
    const month = accountsFor({ id: 'acme', budgets }, 'pro', Date.now());
    const one = hold([...total, ...month], 10);
    await state.reserve([one]);
    const ttl = async (key: string): Promise<number> =>
      Number(await server.cli('PTTL', `{plantain}:test-faults:${key}`));
    expect(await ttl(`h:${one.id}`)).toBe(-1);
    await state.settle(one.id, 10, 'ok');
    expect(await ttl(`h:${one.id}`)).toBeGreaterThan(80_000_000);
    expect(await ttl(`a:${total[0]!.key}`)).toBe(-1);
    expect(await ttl(`a:${month[0]!.key}`)).toBeGreaterThan(39 * 86_400_000);
    expect(await server.cli('KEYS', '*open')).toBe('');
    expect(await server.cli('KEYS', '*run:*')).toBe('');
  });
});
