import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRedis } from '../../src/redis.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openRedisState, prefixOf } from '../../src/tenants/redis-state.ts';
import type { RedisState } from '../../src/tenants/redis-state.ts';
import { recordOf } from '../../src/tenants/redis-hold.ts';
import { RedisStore } from '../../src/tenants/redis-store.ts';
import type { Account } from '../../src/tenants/state.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { freshAccounts, hold } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

const REALM = 'test-long-loss';
const HOUR_MS = 3_600_000;

withRedis('when Redis is away from what instances know for long', () => {
  let server: RedisServer;
  const closing: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    // It keeps what it is told to keep, and no more.
    server = await startRedis('--appendonly', 'no');
  });
  afterEach(async () => {
    for (const each of closing.splice(0).toReversed()) await each.close();
    await server.close();
  });

  async function open(file = join(temporaryDirectory(), 'ledger.db')): Promise<RedisState & { readonly file: string }> {
    const redis = openRedis(server.url);
    const quiet = (): void => undefined;
    const events = {
      buried: quiet,
      expired: quiet,
      settledLate: quiet,
      resynced: quiet,
      limited: quiet,
      noted: quiet,
      faulted: quiet,
    };
    const audit = async (): Promise<void> => undefined;
    const state = await openRedisState({ redis, realm: REALM, file, now: Date.now, audit, events });
    let isOpen = true;
    const instance = {
      ...state,
      file,
      async close() {
        if (!isOpen) return;
        isOpen = false;
        await state.close();
        await redis.close();
      },
    };
    closing.push(instance);
    await ready(instance);
    return instance;
  }
  const ready = (state: RedisState) => expect.poll(() => state.trouble()).toBeNull();
  const balance = async (state: RedisState, [account]: readonly Account[]) => (await state.spent([account!.key]))[0];
  const mirrored = async (state: RedisState, [account]: readonly Account[]) =>
    (await state.lastKnown([account!.key]))[0];

  /** A picture of another instance that was begun so long ago. */
  async function drawnBefore(accounts: readonly Account[], nanos: number, ms: number): Promise<void> {
    const redis = openRedis(server.url);
    await expect.poll(() => redis.trouble()).toBeNull();
    const store = new RedisStore({ redis, prefix: prefixOf(REALM), deadlineMs: 5_000 });
    const ended = { nanos, outcome: 'ok', pictures: 1, tokens: 0 };
    const record = recordOf(hold(accounts, nanos));
    await store.assert([{ hold: record, run: randomUUID(), at: Date.now() - ms, state: 'settled', ended }]);
    await redis.close();
  }

  test('an old snapshot that is put in its place is told all that was spent since', async () => {
    const state = await open();
    const accounts = freshAccounts(1_000);
    await drawnBefore(accounts, 30, 0.9 * HOUR_MS);
    await server.cli('SAVE');
    await drawnBefore(accounts, 40, 0.8 * HOUR_MS);
    await drawnBefore(accounts, 50, 0.4 * HOUR_MS);
    const all = { spentNanos: 120, heldNanos: 0 };
    await expect.poll(() => mirrored(state, accounts)).toEqual(all);
    await server.stop();
    await server.start();
    await ready(state);
    await expect.poll(() => balance(state, accounts).catch(() => null)).toEqual(all);
    expect(await mirrored(state, accounts)).toEqual(all);
  });

  test('but not what came to it as a sum: that is in the snapshot', async () => {
    const accounts = freshAccounts(1_000);
    const file = join(temporaryDirectory(), 'ledger.db');
    const past = Date.now() - 10 * HOUR_MS;
    const alone = await openEmbeddedState({ file, now: () => past });
    const before = hold(accounts, 30);
    await alone.reserve([before]);
    await alone.settle(before.id, 30, 'ok');
    await alone.close();
    const state = await open(file);
    expect(await balance(state, accounts)).toEqual({ spentNanos: 30, heldNanos: 0 });
    await server.cli('SAVE');
    await drawnBefore(accounts, 40, 0);
    const all = { spentNanos: 70, heldNanos: 0 };
    await expect.poll(() => mirrored(state, accounts)).toEqual(all);
    await server.stop();
    await server.start();
    await ready(state);
    await expect.poll(() => balance(state, accounts).catch(() => null)).toEqual(all);
    await state.close();
    const again = await open(file);
    expect(await balance(again, accounts)).toEqual(all);
    expect(await mirrored(again, accounts)).toEqual(all);
  });

  /** A directory whose gateway ended before it could tell a settlement; its hold expired `ms` before it is opened again. */
  async function leftUntold(accounts: readonly Account[], ms: number): Promise<{ file: string; other: RedisState }> {
    const [one, other] = [await open(), await open()];
    const lost = hold(accounts, 40, { leaseMs: 200 });
    await one.reserve([lost]);
    await one.close();
    await expect.poll(async () => (await other.sweep()).holds + (await balance(other, accounts))!.spentNanos).toBe(40);
    await expect.poll(() => mirrored(other, accounts)).toEqual({ spentNanos: 40, heldNanos: 0 });
    const db = new DatabaseSync(one.file);
    const ended = { nanos: 25, outcome: 'ok', pictures: 1, tokens: 7 };
    db.prepare('INSERT INTO mirror_errand (errand) VALUES (?)').run(
      JSON.stringify({ verb: 'settle', id: lost.id, ended }),
    );
    db.prepare('UPDATE hold SET at = at - ? WHERE id = ?').run(ms, lost.id);
    db.close();
    await server.cli('DEL', `${prefixOf(REALM)}h:${lost.id}`);
    return { file: one.file, other };
  }

  test.for([
    ['days after its hold expired', 30],
    ['after others have told Redis of its hold in a sum', 2],
  ] as const)('a settlement that is told %s is charged once, and in its place', async ([, hours]) => {
    const accounts = freshAccounts(1_000);
    const { file, other } = await leftUntold(accounts, hours * HOUR_MS);
    const late = await open(file);
    await expect.poll(() => late.untold()).toBe(0);
    const all = { spentNanos: 25, heldNanos: 0 };
    expect(await balance(late, accounts)).toEqual(all);
    for (const each of [late, other]) await expect.poll(() => mirrored(each, accounts)).toEqual(all);
  });

  test('what an instance spent while it was a lone one is told when it comes back, once', async () => {
    const accounts = freshAccounts(1_000);
    const [one, other] = [await open(), await open()];
    const before = hold(accounts, 10);
    await one.reserve([before]);
    await one.settle(before.id, 10, 'ok');
    await one.close();
    const while_ = hold(accounts, 7);
    await other.reserve([while_]);
    await other.settle(while_.id, 7, 'ok');
    const long = Date.now() - 2 * HOUR_MS;
    const alone = await openEmbeddedState({ file: one.file, now: () => long });
    for (const nanos of [30, 40]) {
      const spent = hold(accounts, nanos);
      await alone.reserve([spent]);
      await alone.settle(spent.id, nanos, 'ok');
    }
    await alone.close();
    const all = { spentNanos: 87, heldNanos: 0 };
    for (let times = 0; times < 2; times += 1) {
      const back = await open(one.file);
      await expect.poll(() => balance(back, accounts)).toEqual(all);
      for (const each of [back, other]) await expect.poll(() => mirrored(each, accounts)).toEqual(all);
      await back.close();
    }
  });

  /** What became of the holds in a ledger, by how many. */
  function outcomes(file: string): Readonly<Record<string, number>> {
    const db = new DatabaseSync(file, { readOnly: true });
    const rows = db.prepare('SELECT outcome, count(*) AS count FROM hold GROUP BY outcome').all();
    db.close();
    return Object.fromEntries(rows.map(({ outcome, count }) => [String(outcome), Number(count)]));
  }

  test('what others drew a moment before Redis was flushed is in every ledger picture by picture, not as a sum', async () => {
    const [one, other] = [await open(), await open()];
    const accounts = freshAccounts(1_000);
    const draw = async (): Promise<void> => {
      const drawn = hold(accounts, 10);
      await other.reserve([drawn]);
      await other.settle(drawn.id, 10, 'ok');
    };
    await draw();
    for (const each of [one, other])
      await expect.poll(() => mirrored(each, accounts)).toMatchObject({ spentNanos: 10 });
    for (let count = 0; count < 5; count += 1) await draw();
    await server.cli('FLUSHALL');
    const all = { spentNanos: 60, heldNanos: 0 };
    await expect.poll(() => balance(one, accounts).catch(() => null)).toEqual(all);
    for (const { file, ...each } of [one, other]) {
      await expect.poll(() => mirrored(each, accounts)).toEqual(all);
      expect(outcomes(file)).toEqual({ ok: 6 });
    }
  });
});
