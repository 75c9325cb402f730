import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openRedis } from '../../src/redis.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { readUsage } from '../../src/tenants/ledger-usage.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { openRedisState, prefixOf } from '../../src/tenants/redis-state.ts';
import type { RedisState } from '../../src/tenants/redis-state.ts';
import type { AuditEntry } from '../../src/tenants/registry-store.ts';
import { accountsFor } from '../../src/tenants/state.ts';
import type { Account, Hold } from '../../src/tenants/state.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { audit } from './audit.ts';
import { freshAccounts, hold } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

interface Instance extends RedisState {
  readonly file: string;
  readonly rows: readonly AuditEntry[];
}

withRedis('what an operator does to a ledger that instances share', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());
  const open_ = new Set<Instance>();
  afterEach(async () => {
    for (const each of open_) await each.close();
  });
  let realms = 0;
  const realm = () => `test-verbs-${realms}` as const;
  const keyOf = (name: string): string => `${prefixOf(realm())}${name}`;

  async function open(file = join(temporaryDirectory(), 'ledger.db')): Promise<Instance> {
    const redis = openRedis(server.url);
    const rows: AuditEntry[] = [];
    const quiet = (): void => undefined;
    const state = await openRedisState({
      redis,
      realm: realm(),
      file,
      now: Date.now,
      audit: async (entry) => void rows.push(entry),
      events: {
        buried: quiet,
        expired: quiet,
        settledLate: quiet,
        resynced: quiet,
        limited: quiet,
        noted: quiet,
        faulted: quiet,
      },
    });
    const instance: Instance = {
      ...state,
      file,
      rows,
      async close() {
        if (!open_.delete(instance)) return;
        await state.close();
        await redis.close();
      },
    };
    open_.add(instance);
    await expect.poll(() => state.trouble()).toBeNull();
    return instance;
  }

  async function two(): Promise<readonly [Instance, Instance]> {
    realms += 1;
    return [await open(), await open()];
  }

  function totals(file: string, tenant: string | null = null) {
    const db = openLedgerReader(file);
    try {
      expect(verifyLedger(db)).toMatchObject({ drifts: [], driftNanos: 0n });
      return readUsage(db, { by: ['tenant', 'outcome'], tenant, upstream: null, since: null, until: null });
    } finally {
      db.close();
    }
  }
  const saved = (file: string) => totals(file).reduce((sum, { sums }) => sum + Number(sums.cached), 0);
  const poll = <T>(what: () => T | Promise<T>) => expect.poll(what);
  const spent = async (state: RedisState, accounts: readonly Account[]) =>
    (await state.spent(accounts.map(({ key }) => key))).map(({ spentNanos }) => spentNanos);
  const mirrored = async (state: RedisState, accounts: readonly Account[]) =>
    (await state.lastKnown(accounts.map(({ key }) => key))).map(({ spentNanos }) => spentNanos);

  /** Everywhere: in Redis and in the file of each. */
  async function standsAt(states: readonly RedisState[], accounts: readonly Account[], nanos: readonly number[]) {
    for (const state of states) {
      await poll(() => spent(state, accounts)).toEqual(nanos);
      await poll(() => mirrored(state, accounts)).toEqual(nanos);
    }
  }

  async function drawn(state: RedisState, accounts: readonly Account[], nanos: number, over: Partial<Hold> = {}) {
    const one = hold(accounts, nanos, over);
    await state.reserve([one]);
    await state.settle(one.id, nanos, 'unknown');
    return one;
  }

  /** As a kill -9 leaves a directory: what is on disk now. */
  function asKilled({ file }: Instance): string {
    const copy = join(temporaryDirectory(), 'ledger.db');
    for (const end of ['', '-wal']) if (existsSync(`${file}${end}`)) copyFileSync(`${file}${end}`, `${copy}${end}`);
    return copy;
  }

  test('what the cache saved is counted once by each of them, after a kill too', async () => {
    const [one, other] = await two();
    const saving = { ...hold(freshAccounts(100), 1), how: 'cached', nanos: 5, ms: 7 } as const;
    for (let count = 0; count < 20; count += 1) (count % 2 === 0 ? one : other).save(saving);
    for (const { file } of [one, other]) await poll(() => saved(file)).toBe(20);
    const killed = asKilled(one);
    await one.close();
    const again = await open(killed);
    again.save(saving);
    for (const { file } of [again, other]) await poll(() => saved(file)).toBe(21);
  });

  test('a refund and an adjustment hold everywhere, once, whoever is asked, and are in the audit trail', async () => {
    const [one, other] = await two();
    const accounts = freshAccounts(1_000);
    const [first, second] = [await drawn(one, accounts, 100), await drawn(one, accounts, 100)];
    await standsAt([one, other], accounts, [200]);
    const ask = { at: 1, actor: 'admin:01234567', from: '', requestId: 'req_1', action: 'ledger.x', subject: 'ledger' };
    expect(await other.refund([first.id], ask)).toEqual([100]);
    expect(await other.refund([first.id], ask)).toEqual([0]);
    expect(await one.refund([first.id], ask)).toEqual([0]);
    await standsAt([one, other], accounts, [100]);
    const adjustment = { adjustment: 'november', id: second.id, nanos: 130, reason: 'bill 7' };
    expect(await other.adjust(adjustment, ask)).toBe(30);
    await other.adjust(adjustment, ask);
    await one.adjust(adjustment, ask);
    await standsAt([one, other], accounts, [130]);
    await Promise.all([
      one.adjust({ ...adjustment, adjustment: 'december', nanos: 7 }),
      other.adjust({ ...adjustment, adjustment: 'december', nanos: 7 }),
    ]);
    await standsAt([one, other], accounts, [7]);
    for (const { file } of [one, other]) expect(totals(file)).toHaveLength(2);
    expect(other.rows).toMatchObject([
      { ...ask, result: 'done', after: { refunded: [{ hold: first.id, nanos: 100 }] } },
      { ...ask, result: 'nothing_to_refund' },
      { ...ask, result: 'done', amountNanos: 30, after: { ...adjustment, changed: 30 } },
      { ...ask, result: 'done' },
    ]);
  });

  test('what is settled after it was given back elsewhere is charged, also by whom the news of that has not reached', async () => {
    for (const [refunder, settler] of [
      [0, 0],
      [0, 1],
      [1, 0],
    ] as const) {
      const instances = await two();
      const accounts = freshAccounts(1_000);
      const one = hold(accounts, 100);
      await instances[0].reserve([one]);
      await server.cli('ZADD', keyOf('open'), 'XX', '0', one.id);
      await instances[0].sweep();
      expect(await instances[refunder].refund([one.id])).toEqual([100]);
      await instances[settler].settle(one.id, 70, 'unknown');
      await standsAt(instances, accounts, [70]);
      const adjustment = { adjustment: 'november', id: one.id, nanos: 90, reason: 'bill 7' };
      expect(await instances[settler].adjust(adjustment)).toBe(20);
      await standsAt(instances, accounts, [90]);
      expect(await instances[refunder].refund([one.id])).toEqual([0]);
    }
  });

  test('a hold that Redis has forgotten is refunded and adjusted by what the instances know, once', async () => {
    const [one, other] = await two();
    const accounts = freshAccounts(1_000);
    const [first, second] = [await drawn(one, accounts, 100), await drawn(one, accounts, 50)];
    await standsAt([one, other], accounts, [150]);
    for (const { id } of [first, second]) expect(await server.cli('PEXPIRE', keyOf(`h:${id}`), '1')).toBe('1');
    await poll(() => server.cli('EXISTS', ...[first, second].map(({ id }) => keyOf(`h:${id}`)))).toBe('0');
    expect(await other.refund([first.id])).toEqual([100]);
    expect(await one.refund([first.id])).toEqual([0]);
    const adjustment = { adjustment: 'november', id: second.id, nanos: 60, reason: 'bill 7' };
    expect(await other.adjust(adjustment)).toBe(10);
    await one.adjust(adjustment);
    await standsAt([one, other], accounts, [60]);
  });

  test('an adjustment that a later one overruled stays so when it is asked for again, days after too', async () => {
    const [one, other] = await two();
    const accounts = freshAccounts(1_000);
    const { id } = await drawn(one, accounts, 100);
    await standsAt([one, other], accounts, [100]);
    const first = { adjustment: 'november', id, nanos: 50, reason: 'bill 7' };
    expect(await one.adjust(first)).toBe(-50);
    expect(await other.adjust({ ...first, adjustment: 'december', nanos: 80 })).toBe(30);
    await standsAt([one, other], accounts, [80]);
    expect(await server.cli('DEL', keyOf(`h:${id}`))).toBe('1');
    expect(await one.adjust(first)).toBe(-50);
    await standsAt([one, other], accounts, [80]);
    // The latest may be told again: a Redis that had lost it learns of it.
    await one.adjust({ ...first, adjustment: 'december', nanos: 80 });
    await standsAt([one, other], accounts, [80]);
  });

  test('a hold that is named twice is refunded once, and that is what is told', async () => {
    const [one, other] = await two();
    const accounts = freshAccounts(1_000);
    const [first, second] = [await drawn(one, accounts, 100), await drawn(one, accounts, 7)];
    await standsAt([one, other], accounts, [107]);
    expect(await other.refund([first.id, second.id, first.id])).toEqual([100, 7, 0]);
    await standsAt([one, other], accounts, [0]);
  });

  test('what each of them has rolled up for itself is told a Redis that was flushed, to the nano-dollar', async () => {
    realms += 1;
    const accounts = freshAccounts(1_000);
    // Only what is older than a day is ever rolled up.
    const past = Date.now() - 3 * 86_400_000;
    const files = [0, 1].map(() => join(temporaryDirectory(), 'ledger.db')) as [string, string];
    const alone = await openEmbeddedState({ file: files[0], now: () => past });
    for (let count = 0; count < 8; count += 1) {
      const old = hold(accounts, 10 + count);
      await alone.reserve([old]);
      await alone.settle(old.id, 10 + count, 'ok');
    }
    await alone.close();
    copyFileSync(...files);
    const [one, other] = [await open(files[0]), await open(files[1])];
    await drawn(other, accounts, 100);
    await standsAt([one, other], accounts, [208]);
    expect(await one.rollUp({ before: past + 1, unknownsBefore: 0 }, 5)).toBe(true);
    await other.rollUp({ before: past + 1, unknownsBefore: 0 }, 100);
    for (const { file } of [one, other]) expect(audit(file).rows.length).toBeLessThan(10);
    await standsAt([one, other], accounts, [208]);
    await server.cli('FLUSHALL');
    await poll(() => spent(one, accounts).catch(() => [])).toEqual([208]);
    await standsAt([one, other], accounts, [208]);
    for (const { file } of [one, other])
      expect(totals(file).reduce((sum, { sums }) => sum + sums.spentNanos, 0n)).toBe(208n);
  });

  test('a tenant that is forgotten by one is forgotten by all, also by one that took its balances over as sums', async () => {
    const [one, other] = await two();
    const budgets = [{ limitNanos: 1e9, per: 'total', timeZone: 'UTC', models: null }] as const;
    const payer = { id: 'globex', budgets, alongside: [{ level: 'key', id: 'globex-key-4711', budgets }] as const };
    const accounts = accountsFor(payer, 'pro', Date.now());
    const theirs = { tenant: 'globex', keyId: 'globex-key-4711', user: 'user-secret' };
    await drawn(one, accounts, 100, theirs);
    await drawn(other, freshAccounts(100), 7);
    await standsAt([one, other], accounts, [100, 100]);
    // It comes after the ledger of its balances is gone.
    await server.cli('DEL', keyOf('log'));
    const late = await open();
    await standsAt([late], accounts, [100, 100]);
    const before = totals(other.file, 'globex');

    await other.forget('globex');
    await standsAt([one, other, late], accounts, [0, 100]);
    for (const { file } of [one, other]) expect(totals(file, 'globex')).toEqual(before);
    const secrets = ['globex-key-4711', 'user-secret'];
    for (const { file } of [one, other, late]) {
      const db = openLedgerReader(file);
      const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
      const said = JSON.stringify(
        names.map(({ name }) => db.prepare(`SELECT * FROM "${String(name)}"`).all()),
        (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
      );
      db.close();
      for (const secret of secrets) expect(said).not.toContain(secret);
      totals(file);
    }
    await server.cli('FLUSHALL');
    await poll(() => spent(one, accounts).catch(() => [])).toEqual([0, 100]);
    await standsAt([one, other, late], accounts, [0, 100]);
  });
});
