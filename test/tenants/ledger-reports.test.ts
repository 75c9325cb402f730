import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openEmbeddedLedger } from '../../src/tenants/embedded-ledger.ts';
import type { EmbeddedLedger, Operation } from '../../src/tenants/embedded-ledger.ts';
import { auditLedger } from '../../src/tenants/ledger-audit.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { addUp, readUsage } from '../../src/tenants/ledger-usage.ts';
import type { UsageQuery, UsageRow } from '../../src/tenants/ledger-usage.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import type { Hold } from '../../src/tenants/state.ts';
import { freshAccounts, hold, LONG } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

const at = Date.parse('2026-11-22T12:00:00Z');
const newFile = (): string => join(temporaryDirectory(), 'ledger.db');

function tell(ledger: EmbeddedLedger, operations: readonly Operation[]): void {
  for (const result of ledger.commit(operations)) if ('failed' in result) throw result.failed;
}

const settle = (id: string, nanos: number, outcome = 'ok', when = at): Operation => ({
  verb: 'settle',
  id,
  ended: { nanos, outcome, pictures: outcome === 'ok' ? 1 : 0, tokens: 1_000 },
  at: when,
});

function usageOf(file: string, by: readonly string[], over: Partial<UsageQuery> = {}): readonly UsageRow[] {
  const db = openLedgerReader(file);
  try {
    return readUsage(db, { by, tenant: null, upstream: null, since: null, until: null, ...over });
  } finally {
    db.close();
  }
}

/** `by` joined, and what was spent on it. */
const spentBy = (rows: readonly UsageRow[]) =>
  Object.fromEntries(rows.map(({ by, sums }) => [by.join(), sums.spentNanos]));

describe('usage', () => {
  test('tells apart by everything a row is attributed to', () => {
    const file = newFile();
    const ledger = openEmbeddedLedger(file, at);
    const holds: readonly Hold[] = [
      hold([], 10, { user: 'u1', tags: { job: '1', team: 'web' } }),
      hold([], 10, { user: 'u2', tags: { team: 'web' }, model: 'flash', upstream: 'google', tier: '4K' }),
      hold([], 10, { tenant: 'globex', keyId: 'g1', tags: { team: 'ops' } }),
      hold([], 9, { tenant: 'globex', keyId: 'g1' }),
    ];
    tell(ledger, [
      { verb: 'reserve', holds: holds.slice(0, 2), at },
      { verb: 'reserve', holds: holds.slice(2), at: at + 86_400_000 },
      settle(holds[0]!.id, 5),
      settle(holds[1]!.id, 10, 'unknown'),
      settle(holds[2]!.id, 3, 'no_image', at + 86_400_000),
    ]);
    expect(spentBy(usageOf(file, ['tag:team']))).toEqual({ web: 15n, ops: 3n, '': 0n });
    expect(spentBy(usageOf(file, ['tenant', 'key']))).toEqual({ 'acme,k1': 15n, 'globex,g1': 3n });
    expect(spentBy(usageOf(file, ['user']))).toEqual({ u1: 5n, u2: 10n, '': 3n });
    expect(spentBy(usageOf(file, ['model', 'upstream', 'tier']))).toEqual({
      'pro,vendor,1K': 8n,
      'flash,google,4K': 10n,
    });
    expect(spentBy(usageOf(file, ['outcome']))).toEqual({ ok: 5n, unknown: 10n, no_image: 3n, in_air: 0n });
    expect(spentBy(usageOf(file, ['day']))).toEqual({ '2026-11-22': 15n, '2026-11-23': 3n });
    expect(spentBy(usageOf(file, ['tenant'], { since: '2026-11-23' }))).toEqual({ globex: 3n });
    expect(spentBy(usageOf(file, ['tenant'], { until: '2026-11-22' }))).toEqual({ acme: 15n });
    expect(spentBy(usageOf(file, ['key'], { tenant: 'globex' }))).toEqual({ g1: 3n });
    expect(spentBy(usageOf(file, ['key'], { upstream: 'google' }))).toEqual({ k1: 10n });
    expect(addUp(usageOf(file, []))).toMatchObject({
      calls: 4n,
      pictures: 1n,
      tokens: 3_000n,
      spentNanos: 18n,
      unknownNanos: 10n,
      heldNanos: 9n,
    });
    ledger.close();
  });

  test('counts an attempt once, on the day it was begun, by how it ended in the end', () => {
    const file = newFile();
    const first = openEmbeddedLedger(file, at);
    const late = hold([], 40);
    tell(first, [{ verb: 'reserve', holds: [late], at }]);
    first.close();
    const ledger = openEmbeddedLedger(file, at + 90_000_000);
    expect(spentBy(usageOf(file, ['day', 'outcome']))).toEqual({ '2026-11-22,unknown': 40n });
    tell(ledger, [settle(late.id, 15, 'ok', at + 90_000_000)]);
    expect(spentBy(usageOf(file, ['day', 'outcome']))).toEqual({ '2026-11-22,ok': 15n });
    ledger.close();
  });

  test('adds up to the rows, and they to the balances, after any history', () => {
    const one = fc.record({
      worst: fc.nat(50),
      cost: fc.nat(60),
      end: fc.constantFrom('settle', 'release', 'hold', 'late', 'refund', 'refund and settle'),
      tenant: fc.constantFrom('acme', 'globex'),
      user: fc.constantFrom(null, 'u1', '"; DROP TABLE ledger'),
      tags: fc.constantFrom({}, { team: 'web' }, { job: '7', team: 'web' }),
      outcome: fc.constantFrom('ok', 'unknown', 'blocked_output'),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 30 }), (history) => {
        const file = newFile();
        const accounts = freshAccounts(1_000_000);
        const begun = history.map(({ worst, end, tenant, user, tags, ...rest }, index) => ({
          ...rest,
          end,
          hold: hold(accounts, worst, { tenant, user, tags, leaseMs: end === 'hold' ? 10_000 : index % 2 }),
        }));
        const ledger = openEmbeddedLedger(file, at);
        const of = (...ends: readonly string[]) => begun.filter(({ end }) => ends.includes(end));
        tell(ledger, [
          { verb: 'reserve', holds: begun.map((each) => each.hold), at },
          ...of('settle').map((each) => settle(each.hold.id, each.cost, each.outcome)),
          ...of('release').map(({ hold: { id } }) => ({ verb: 'release', id, outcome: 'not_sent', at }) as const),
          { verb: 'expire', at: at + 1_000 },
          ...of('refund', 'refund and settle').map(
            ({ hold: { id } }) => ({ verb: 'refund', ids: [id], at: at + 2_000, ask: null }) as const,
          ),
          ...of('late', 'refund and settle').map((each) => settle(each.hold.id, each.cost, each.outcome)),
        ]);
        const [result] = ledger.commit([{ verb: 'spent', accountKeys: [accounts[0]!.key] }]);
        const [balance] = result !== undefined && 'told' in result ? (result.told.balances ?? []) : [];
        for (const by of [[], ['tenant'], ['user', 'tag:team'], ['day', 'outcome', 'tag:job']]) {
          const { spentNanos, heldNanos, calls } = addUp(usageOf(file, by));
          expect([Number(spentNanos), Number(heldNanos)]).toEqual([balance!.spentNanos, balance!.heldNanos]);
          expect(Number(calls)).toBe(history.length);
        }
        ledger.close();
        const db = openLedgerReader(file);
        expect(db.prepare('SELECT coalesce(sum(delta_spent), 0) AS spent FROM ledger').get()?.['spent']).toBe(
          BigInt(balance!.spentNanos),
        );
        expect(verifyLedger(db).drifts).toEqual([]);
        db.close();
      }),
      { numRuns: LONG ? 500 : 20 },
    );
  }, 600_000);

  const ROWS = LONG ? 1_000_000 : 100_000;
  test(`of ${ROWS} rows is there at once`, () => {
    const file = newFile();
    const ledger = openEmbeddedLedger(file, at);
    const accounts = freshAccounts(Number.MAX_SAFE_INTEGER);
    for (let row = 0; row < ROWS / 2; row += 1_000) {
      const when = at - (row % 90) * 86_400_000;
      const holds = Array.from({ length: 1_000 }, (_, index) =>
        hold(accounts, 100, { tenant: `t${index % 100}`, user: `u${(row + index) % 7_000}`, tags: { job: `${row}` } }),
      );
      tell(ledger, [{ verb: 'reserve', holds, at: when }, ...holds.map(({ id }) => settle(id, 60, 'ok', when))]);
    }
    const startedAt = performance.now();
    const rows = usageOf(file, ['tenant', 'model']);
    const tookMs = performance.now() - startedAt;
    if (process.env['PLANTAIN_TEST_TIMES'] !== undefined) console.log(`usage of ${ROWS} rows: ${tookMs.toFixed()} ms`);
    expect(rows).toHaveLength(100);
    expect(addUp(rows)).toMatchObject({ calls: BigInt(ROWS / 2), spentNanos: BigInt(ROWS / 2) * 60n });
    const verifiedAt = performance.now();
    const db = openLedgerReader(file);
    expect(verifyLedger(db)).toMatchObject({ rows: BigInt(ROWS), drifts: [] });
    db.close();
    if (process.env['PLANTAIN_TEST_TIMES'] !== undefined)
      console.log(`verify: ${(performance.now() - verifiedAt).toFixed()} ms`);
    ledger.close();
  }, 600_000);
});

describe('a verification', () => {
  const DAMAGE = {
    'a balance': ['UPDATE account SET spent = spent + 7', /^account .* nano-dollars spent/, 7n],
    'what is held': ['UPDATE account SET held = held + 3', /^account /, 3n],
    'a hold’s charge': ["UPDATE hold SET charged = charged + 9 WHERE state = 'settled'", /^hold .*: settled at 34/, 9n],
    'a hold’s state': ["UPDATE hold SET state = 'released' WHERE state = 'settled'", /^hold .*: released/, 0n],
    'a sum of usage': ['UPDATE usage SET spent = spent + 11', /^usage of 2026-11-22/, 11n],
    'a count of calls': ['UPDATE usage SET calls = calls + 1', /1 calls too many/, 0n],
    'a row too many': [
      `INSERT INTO ledger (at, attribution, hold, kind, delta_held, delta_spent, outcome, pictures, tokens)
       SELECT at, attribution, hold, 'refund', 0, -5, 'refunded', 0, 0 FROM ledger LIMIT 1`,
      /^hold /,
      null,
    ],
  } as const;

  test.each(Object.entries(DAMAGE))('finds %s that its rows do not bear out', async (_, [sql, words, nanos]) => {
    const file = newFile();
    const ledger = openEmbeddedLedger(file, at);
    const accounts = freshAccounts(1_000);
    const holds = [hold(accounts, 50), hold(accounts, 60)];
    tell(ledger, [{ verb: 'reserve', holds, at }, settle(holds[0]!.id, 25)]);
    ledger.close();
    const stranger = new DatabaseSync(file);
    stranger.exec(sql);
    stranger.close();
    const { drifts, driftNanos, rows } = await auditLedger(file);
    expect(drifts.join('\n')).toMatch(words);
    if (nanos !== null) expect(driftNanos).toBe(nanos);
    expect(rows).toBeGreaterThanOrEqual(3n);
  });
});
