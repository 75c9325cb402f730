import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openRedis } from '../../src/redis.ts';
import type { Redis } from '../../src/redis.ts';
import { authenticate } from '../../src/tenants/authenticate.ts';
import { openLedgerThread } from '../../src/tenants/embedded-thread.ts';
import { createRedisRegistry } from '../../src/tenants/redis-registry.ts';
import { Registry } from '../../src/tenants/registry.ts';
import { registryCopy } from '../../src/tenants/registry-copy.ts';
import { addCredit } from '../../src/tenants/registry-credit.ts';
import { createKey, patchKey, revokeKey } from '../../src/tenants/registry-key-changes.ts';
import type { RegistryStore } from '../../src/tenants/registry-store.ts';
import { createTenant } from '../../src/tenants/registry-tenant-changes.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { EMPTY, keyIn, reader, registryContract, who } from './registry-contract.ts';
import { temporaryDirectory } from './temporary.ts';

interface Opened {
  readonly redis: Redis;
  readonly store: RegistryStore;
  close(): Promise<void>;
}

interface Instance {
  readonly registry: Registry;
  readonly store: RegistryStore;
  stop(): Promise<void>;
}

withRedis('the registry that instances share', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());

  const running = new Set<Instance>();
  afterEach(async () => {
    for (const each of running) await each.stop();
  });
  let realms = 0;
  const prefix = (): string => `test:{${realms}}`;

  /** `file`: of its copy, which an instance finds again when it is started anew. */
  async function openStore(file: string, isUp = true): Promise<Opened> {
    const redis = openRedis(server.url);
    if (isUp) await expect.poll(() => redis.trouble()).toBeNull();
    const thread = await openLedgerThread({ file, at: Date.now(), mirror: true });
    const copy = registryCopy(thread, new AbortController().signal);
    return {
      redis,
      store: createRedisRegistry({ redis, prefix: prefix(), copy, onRestored: () => undefined }),
      async close() {
        await redis.close();
        await thread.close();
      },
    };
  }

  registryContract(
    'Redis',
    async () => {
      realms += 1;
      const opened: Opened[] = [];
      const another = async (): Promise<RegistryStore> => {
        const one = await openStore(':memory:');
        opened.push(one);
        return one.store;
      };
      return {
        store: await another(),
        another,
        async close() {
          for (const each of opened) await each.close();
        },
      };
    },
    true,
  );

  async function instance(directory: string, isUp = true): Promise<Instance> {
    const { store, close } = await openStore(join(directory, 'ledger.db'), isUp);
    const registry = await Registry.open({ store, base: EMPTY, now: Date.now, onFault: () => undefined });
    const own: Instance = {
      registry,
      store,
      async stop() {
        running.delete(own);
        registry.close();
        await close();
      },
    };
    running.add(own);
    return own;
  }

  const answerTo = ({ registry }: Instance, key: string): string => {
    try {
      return authenticate(registry.roll.keys, [key], Date.now()).keyId;
    } catch (error) {
      return (error as Error).message;
    }
  };
  const change = ({ registry }: Instance, action: string, decide: Parameters<Registry['change']>[3]) =>
    registry.change(who, action, 'key', decide) as Promise<Readonly<Record<string, never>>>;
  const newKey = (one: Instance) => change(one, 'key.create', createKey(reader, { tenant: 'acme' }));
  /** As soon as Redis takes it. */
  const changed = (one: Instance, action: string, decide: Parameters<Registry['change']>[3]) =>
    expect
      .poll(
        () =>
          change(one, action, decide).then(
            () => 'done',
            () => 'not yet',
          ),
        { interval: 100 },
      )
      .toBe('done');
  const hears = (one: Instance, key: string) => expect.poll(() => answerTo(one, key), { interval: 20 });
  const recordsInRedis = async (): Promise<string> => server.cli('HVALS', `${prefix()}:records`);

  /** What Redis has now is what it has again after `restore`: a failover to a replica that had not heard the rest. */
  async function replica(): Promise<{ restore(): Promise<void> }> {
    const copies = async (from: string, to: string): Promise<void> => {
      const lua = `for _, name in ipairs({ 'records', 'revisions', 'revision', 'tokens', 'audit' }) do
        redis.call('COPY', ARGV[1] .. name, ARGV[2] .. name, 'REPLACE') end`;
      await server.cli('EVAL', lua, '0', from, to);
    };
    const aside = `saved:${prefix()}:`;
    await copies(`${prefix()}:`, aside);
    return { restore: () => copies(aside, `${prefix()}:`) };
  }

  async function twoWithAKey() {
    realms += 1;
    const directories = [temporaryDirectory(), temporaryDirectory()] as const;
    const [one, two] = [await instance(directories[0]), await instance(directories[1])];
    await change(one, 'tenant.create', createTenant(reader, { id: 'acme', creditUsd: 1 }));
    const made = await newKey(one);
    const [id, key] = [keyIn(made, 'id'), keyIn(made)];
    await hears(two, key).toBe(id);
    return { one, two, directories, id, key };
  }

  test('hears of a revocation even where its message is lost', async () => {
    const { one, two, id, key } = await twoWithAKey();
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await change(one, 'key.revoke', revokeKey(id));
    await hears(two, key).toMatch(/revoked/);
  });

  test('goes on from memory while Redis is away, refuses changes, and catches up when it is back', async () => {
    const { one, two, id, key } = await twoWithAKey();
    await server.stop();
    for (const each of [one, two]) expect(answerTo(each, key)).toBe(id);
    await expect(change(one, 'key.revoke', revokeKey(id))).rejects.toMatchObject({
      failure: 'unavailable',
      detail: { code: 'store_unavailable' },
    });
    for (const each of [one, two]) expect(answerTo(each, key)).toBe(id);
    await server.start();
    await changed(one, 'key.revoke', revokeKey(id));
    await hears(two, key).toMatch(/revoked/);
  });

  test('starts while Redis is down with what it knew last, and is up to date once Redis is back', async () => {
    const { one, two, directories, id, key } = await twoWithAKey();
    const last = await newKey(one);
    await change(one, 'key.revoke', revokeKey(keyIn(last, 'id')));
    await one.stop();
    await server.stop();
    const again = await instance(directories[0], false);
    expect(answerTo(again, key)).toBe(id);
    expect(answerTo(again, keyIn(last))).toMatch(/revoked/);
    await expect(change(again, 'key.revoke', revokeKey(id))).rejects.toMatchObject({ failure: 'unavailable' });
    await server.start();
    await changed(two, 'key.revoke', revokeKey(id));
    await hears(again, key).toMatch(/revoked/);
  });

  test('a Redis that was flushed is told everything again before it takes a change, and what was revoked stays so', async () => {
    const { one, two, directories, id, key } = await twoWithAKey();
    const kept = await newKey(two);
    await change(one, 'key.revoke', revokeKey(id));
    await hears(two, key).toMatch(/revoked/);
    await hears(one, keyIn(kept)).toBe(keyIn(kept, 'id'));
    await server.cli('FLUSHALL');
    const added = await change(one, 'credit.add', addCredit({ tenant: 'acme' }, 5));
    expect(added).toMatchObject({ creditUsd: 1.000000005 });
    const next = await newKey(two);
    await hears(one, keyIn(next)).toBe(keyIn(next, 'id'));
    for (const each of [one, two]) await each.stop();
    for (const directory of [...directories, temporaryDirectory()]) {
      const again = await instance(directory);
      expect(answerTo(again, key)).toMatch(/revoked/);
      for (const good of [kept, next]) expect(answerTo(again, keyIn(good))).toBe(keyIn(good, 'id'));
    }
  });

  test('an instance that finds Redis empty at its start puts back what it knew, whoever is there before it', async () => {
    const { one, two, directories, id, key } = await twoWithAKey();
    await change(one, 'key.revoke', revokeKey(id));
    await one.stop();
    await two.stop();
    await server.cli('FLUSHALL');
    const stranger = await instance(temporaryDirectory());
    await change(stranger, 'tenant.create', createTenant(reader, { id: 'zeta' }));
    for (let count = 0; count < 9; count += 1)
      await change(stranger, 'key.create', createKey(reader, { tenant: 'zeta' }));
    const again = await instance(directories[0]);
    for (const each of [again, stranger]) {
      await hears(each, key).toMatch(/revoked/);
      expect(each.registry.roll.tenantIds()).toEqual(['acme', 'zeta']);
    }
    await change(stranger, 'credit.add', addCredit({ tenant: 'acme' }, 5));
    await change(again, 'credit.add', addCredit({ tenant: 'acme' }, 5));
    expect((await stranger.store.load(0)).records.find(({ record }) => record.id === 'acme')?.record).toMatchObject({
      creditNanos: 1_000_000_010,
    });
  });

  test('a revocation that a failover lost comes back, though another change took its number and its record', async () => {
    const { one, two, id, key } = await twoWithAKey();
    await two.stop();
    const before = await replica();
    await change(one, 'key.revoke', revokeKey(id));
    expect(await recordsInRedis()).toMatch(/"revokedAt":\d/);
    // It hears nothing of the others any more, until it wants to change something itself.
    one.registry.close();
    await before.restore();
    const third = await instance(temporaryDirectory());
    const expires = '2099-01-01T00:00:00.000Z';
    for (let count = 0; count < 3; count += 1) await change(third, 'key.change', patchKey(reader, id, { expires }));
    expect(answerTo(third, key)).toBe(id);
    await change(one, 'credit.add', addCredit({ tenant: 'acme' }, 5));
    await hears(third, key).toMatch(/revoked/);
    for (const each of [one, third])
      await expect
        .poll(() => each.registry.roll.record('key', id))
        .toMatchObject({ expiresAt: Date.parse(expires), revokedAt: expect.any(Number) });
    expect(answerTo(one, key)).toMatch(/revoked/);
  });

  test('a change that Redis lost just before its instance ended comes back when that is started again', async () => {
    const { one, two, directories, id, key } = await twoWithAKey();
    await two.stop();
    const before = await replica();
    // Its messages do not reach it any more: it ends without having read what it wrote.
    one.registry.close();
    await change(one, 'key.revoke', revokeKey(id));
    await one.stop();
    await before.restore();
    const other = await instance(directories[1]);
    expect(answerTo(other, key)).toBe(id);
    const again = await instance(directories[0]);
    for (const each of [again, other]) await hears(each, key).toMatch(/revoked/);
  });

  test('every instance has the audit trail, each row once, and keeps it when Redis does not', async () => {
    const { one, two, directories, id } = await twoWithAKey();
    await expect(change(two, 'key.revoke', revokeKey('0123456789ab'))).rejects.toMatchObject({ status: 404 });
    await change(two, 'key.revoke', revokeKey(id));
    const actions = async (each: Instance) =>
      (await each.store.audit({ limit: 99, before: null, subject: null })).map(({ action, result }) => [
        action,
        result,
      ]);
    const all = [
      ['key.revoke', 'done'],
      ['key.revoke', 'not_found'],
      ['key.create', 'done'],
      ['tenant.create', 'done'],
    ];
    for (const each of [one, two, one]) expect(await actions(each)).toEqual(all);
    await server.cli('FLUSHALL');
    await change(one, 'credit.add', addCredit({ tenant: 'acme' }, 5));
    for (const each of [one, two]) expect(await actions(each)).toEqual([['credit.add', 'done'], ...all]);
    await one.stop();
    await server.stop();
    const again = await instance(directories[0], false);
    expect(await actions(again)).toEqual([['credit.add', 'done'], ...all]);
    await server.start();
  });
});
