import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { openEmbeddedLedger } from '../../src/tenants/embedded-ledger.ts';
import { auditLedger } from '../../src/tenants/ledger-audit.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { readUnknowns } from '../../src/tenants/ledger-unknowns.ts';
import { readUsage } from '../../src/tenants/ledger-usage.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import type { SpendState } from '../../src/tenants/state.ts';
import { audit } from './audit.ts';
import { direct } from './direct-state.ts';
import { FOR_EVER, freshAccounts, hold } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

const DAY = 86_400_000;
const BEGUN = Date.parse('2026-11-22T12:00:00Z');
const newFile = (): string => join(temporaryDirectory(), 'ledger.db');
const to = (id: string, nanos: number, adjustment = 'a-1', reason = 'bill 7') => ({ adjustment, id, nanos, reason });

/** A ledger whose clock the test sets. */
function opened(file = newFile()) {
  const clock = { now: BEGUN };
  const state: SpendState = direct(openEmbeddedLedger(file, clock.now), () => clock.now);
  return { file, clock, state };
}

function usageBy(file: string, ...by: readonly string[]) {
  const db = openLedgerReader(file);
  try {
    expect(verifyLedger(db).drifts).toEqual([]);
    const rows = readUsage(db, { by, tenant: null, upstream: null, since: null, until: null });
    return rows.map((row) => [...row.by, Number(row.sums.calls), Number(row.sums.spentNanos)]);
  } finally {
    db.close();
  }
}

describe('an adjustment', () => {
  test('I14: charges every account of a hold what it truly cost, more or less, and says why in a row of its own', async () => {
    const { file, state } = opened();
    const accounts = [...freshAccounts(1_000), ...freshAccounts(1_000)];
    const keys = accounts.map(({ key }) => key);
    const [one, other] = [hold(accounts, 50), hold(accounts, 50)];
    await state.reserve([one, other]);
    await state.settle(one.id, 40, 'ok');
    await state.release(other.id, 'upstream_busy');
    expect(await state.adjust(to(one.id, 55))).toBe(15);
    expect(await state.adjust(to(other.id, 7, 'a-2'))).toBe(7);
    expect(await state.adjust(to(one.id, 0, 'a-3'))).toBe(-55);
    expect(await state.spent(keys)).toEqual([0, 1].map(() => ({ spentNanos: 7, heldNanos: 0 })));
    expect(usageBy(file, 'outcome')).toEqual([
      ['upstream_busy', 1, 7],
      ['ok', 1, 0],
    ]);
    await state.close();
    const db = new DatabaseSync(file);
    expect(db.prepare("SELECT hold, delta_spent, adjustment, reason FROM ledger WHERE kind = 'adjust'").all()).toEqual([
      { hold: one.id, delta_spent: 15, adjustment: 'a-1', reason: 'bill 7' },
      { hold: other.id, delta_spent: 7, adjustment: 'a-2', reason: 'bill 7' },
      { hold: one.id, delta_spent: -55, adjustment: 'a-3', reason: 'bill 7' },
    ]);
    db.close();
    expect(audit(file).faults).toEqual([]);
  });

  test('is made once under its id, and what was unknown is known by it', async () => {
    const { file, state } = opened();
    const accounts = freshAccounts(1_000);
    const [one, other] = [hold(accounts, 50), hold(accounts, 50)];
    await state.reserve([one, other]);
    await state.settle(one.id, 50, 'unknown');
    expect(await state.adjust(to(one.id, 20))).toBe(-30);
    expect(await state.adjust(to(one.id, 20))).toBe(-30);
    expect(await state.adjust(to(one.id, 33))).toBe(-30);
    expect(await state.refund([one.id])).toEqual([0]);
    await state.release(other.id);
    await expect(state.adjust(to(other.id, 20))).rejects.toThrow(/a-1 was made to another hold/);
    expect(await state.spent([accounts[0]!.key])).toEqual([{ spentNanos: 20, heldNanos: 0 }]);
    expect(usageBy(file, 'outcome')).toEqual([
      ['adjusted', 1, 20],
      ['released', 1, 0],
    ]);
    await state.close();
  });

  test('has the last word: a settlement that comes after it changes nothing', async () => {
    const { file, state } = opened();
    const accounts = freshAccounts(1_000);
    const one = hold(accounts, 50);
    await state.reserve([one]);
    await state.close();
    const next = opened(file);
    expect(await next.state.adjust(to(one.id, 12))).toBe(-38);
    await next.state.settle(one.id, 44, 'ok');
    expect(await next.state.spent([accounts[0]!.key])).toEqual([{ spentNanos: 12, heldNanos: 0 }]);
    await next.state.close();
    expect(usageBy(file, 'outcome')).toEqual([['adjusted', 1, 12]]);
  });

  test('of what is in the air, of what never was, and without a reason is refused, and changes nothing', async () => {
    const { state } = opened();
    const accounts = freshAccounts(1_000);
    const one = hold(accounts, 50);
    await state.reserve([one]);
    for (const [asked, words] of [
      [to(one.id, 20), /still in the air/],
      [to('never', 20), /There is no hold never/],
      [to(one.id, 20, ''), /an id of its own/],
      [to(one.id, 20, 'a', ' '), /reason of 1 to 500/],
      [to(one.id, 20, 'a', 'x'.repeat(501)), /reason of 1 to 500/],
    ] as const)
      await expect(state.adjust(asked)).rejects.toMatchObject({ failure: 'invalid_request', message: words });
    await expect(state.adjust(to(one.id, -1))).rejects.toMatchObject({ failure: 'internal' });
    expect(await state.spent([accounts[0]!.key])).toEqual([{ spentNanos: 0, heldNanos: 50 }]);
    await state.close();
  });
});

describe('a roll-up', () => {
  /** A day of pictures, then another a month later. */
  async function twoDays() {
    const { file, clock, state } = opened();
    const accounts = freshAccounts(1_000);
    const user = { user: 'ada', tags: { job: '12' } };
    const old = [hold(accounts, 50, user), hold(accounts, 50, user), hold(accounts, 50), hold(accounts, 50, user)];
    await state.reserve(old);
    await state.settle(old[0]!.id, 40, 'ok');
    await state.settle(old[1]!.id, 30, 'no_image');
    await state.release(old[2]!.id, 'upstream_busy');
    await state.settle(old[3]!.id, 50, 'unknown');
    clock.now += 30 * DAY;
    const [young, flying] = [hold(accounts, 60, user), hold(accounts, 60)];
    await state.reserve([young, flying]);
    await state.settle(young.id, 45, 'ok');
    return { file, clock, state, key: accounts[0]!.key, old, young, flying };
  }
  const rollAll = async (state: SpendState, before: number, unknownsBefore = 0, most = 2): Promise<void> => {
    while (await state.rollUp({ before, unknownsBefore }, most));
  };

  test('takes what ended long ago, keeps every balance and the totals of each day, and forgets users and tags', async () => {
    const { file, state, key, old, young, flying } = await twoDays();
    const balances = await state.spent([key]);
    const totals = usageBy(file, 'day', 'outcome', 'key');
    await rollAll(state, BEGUN + DAY);
    expect(await state.spent([key])).toEqual(balances);
    expect(usageBy(file, 'day', 'outcome', 'key')).toEqual(totals);
    expect(usageBy(file, 'day', 'user', 'tag:job')).toEqual([
      ['2026-11-22', '', '', 3, 70],
      ['2026-11-22', 'ada', '12', 1, 50],
      ['2026-12-22', 'ada', '12', 1, 45],
      ['2026-12-22', '', '', 1, 0],
    ]);
    expect([...audit(file).holds.keys()].sort()).toEqual([old[3]!.id, young.id, flying.id].sort());
    expect(audit(file).faults).toEqual([]);
    await expect(state.settle(old[0]!.id, 1, 'ok')).rejects.toMatchObject({ failure: 'internal' });
    await state.settle(flying.id, 60, 'ok');
    await state.close();
    expect((await auditLedger(file)).rolledUp).toBe(6n);
  });

  test('leaves what is unknown until it is reconciled, or past its own limit', async () => {
    const { file, clock, state, old } = await twoDays();
    const unknowns = () => {
      const db = openLedgerReader(file);
      try {
        return readUnknowns(db, { upstream: null, since: null, until: null }).map((each) => each.hold);
      } finally {
        db.close();
      }
    };
    await rollAll(state, FOR_EVER, BEGUN);
    expect(unknowns()).toEqual([old[3]!.id]);
    expect(await state.refund([old[3]!.id])).toEqual([50]);
    // Its correction is new: the hold is as old as that.
    await rollAll(state, clock.now);
    expect(audit(file).holds.has(old[3]!.id)).toBe(true);
    await rollAll(state, FOR_EVER);
    expect(audit(file).holds.has(old[3]!.id)).toBe(false);
    await state.close();

    const other = await twoDays();
    await rollAll(other.state, BEGUN, BEGUN + 1);
    expect(audit(other.file).holds.size).toBe(5);
    await other.state.close();
  });

  test('that ends in the middle goes on after a restart, and is never half a step', async () => {
    const { file, state, key } = await twoDays();
    expect(await state.rollUp({ before: BEGUN + DAY, unknownsBefore: 0 }, 1)).toBe(true);
    await state.close();
    expect(audit(file).faults).toEqual([]);
    const { state: next } = opened(file);
    await rollAll(next, BEGUN + DAY, BEGUN + DAY, 1);
    expect(await next.spent([key])).toEqual([{ spentNanos: 225, heldNanos: 0 }]);
    await next.close();
    expect(usageBy(file)).toEqual([[6, 225]]);
    const db = new DatabaseSync(file);
    expect(db.prepare('SELECT reason, holds, rows, spent, account_spent FROM rollup ORDER BY spent').all()).toEqual(
      [0, 30, 40, 50].map((spent) => ({ reason: 'retention', holds: 1, rows: 2, spent, account_spent: spent })),
    );
    db.close();
  });

  test('is the one way in which a row can go: on record, and named', async () => {
    const { file, state, old } = await twoDays();
    await rollAll(state, BEGUN + DAY);
    await state.close();
    const db = new DatabaseSync(file);
    expect(() => db.exec('DELETE FROM ledger')).toThrow(/never deleted/);
    db.exec('BEGIN');
    db.exec(`INSERT INTO rolling VALUES ('${old[3]!.id}', 99, '2026-11-22', 1, 1, 2, 'ok', 0, 0, 0)`);
    expect(() => db.exec('DELETE FROM ledger')).toThrow(/never deleted/);
    db.exec('ROLLBACK');
    expect(() => db.exec('DELETE FROM rollup')).toThrow(/never deleted/);
    expect(() => db.exec('UPDATE rollup SET spent = 0')).toThrow(/never changed/);
    db.close();
  });

  test.each([
    ['an account', 'UPDATE base_account SET spent = spent + 5', 15n],
    ['usage', 'UPDATE base_usage SET spent = spent + 5', 30n],
    ['calls', 'UPDATE base_usage SET calls = calls + 1', 0n],
  ])('whose sums of %s were changed is found by a verification', async (_, sql, atMost) => {
    const { file, state } = await twoDays();
    await rollAll(state, BEGUN + DAY);
    await state.close();
    const stranger = new DatabaseSync(file);
    stranger.exec(sql);
    stranger.close();
    const { drifts, driftNanos } = await auditLedger(file);
    expect(drifts.join('\n')).toMatch(/^roll-ups: /m);
    expect(drifts.length).toBeGreaterThan(1);
    expect(driftNanos).toBeLessThanOrEqual(atMost);
  });
});
