import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { readUsage } from '../../src/tenants/ledger-usage.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { audit } from './audit.ts';
import { FOR_EVER } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

/** A data directory that was kept since schema 2, with a picture in the air when its process died. */
function keptLedger(): string {
  const file = join(temporaryDirectory(), 'ledger.db');
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL');
  db.exec(readFileSync(join(import.meta.dirname, 'kept/ledger-schema-2-money.sql'), 'utf8'));
  db.close();
  return file;
}

const SPENT = {
  '["acme","day","Europe/Berlin",null,"2026-11-20"]': 503_300_000,
  '["acme","day","Europe/Berlin",null,"2026-11-21"]': 120_000_000,
  '["acme","total","UTC",["gemini-3-pro-image"],"total"]': 434_000_000,
  '["everything","everything","month","UTC",null,"2026-11"]': 983_300_000,
  '["key","acme-1","month","UTC",null,"2026-11"]': 623_300_000,
};

test('a ledger of schema 2 opens, verifies, keeps every balance, and can be adjusted and rolled up', async () => {
  const file = keptLedger();
  const state = await openEmbeddedState({ file, now: () => Date.parse('2026-11-22T12:00:00Z') });
  expect(state.expired).toEqual({ holds: 1, nanos: 120_000_000 });
  const spent = async () => (await state.spent(Object.keys(SPENT))).map(({ spentNanos }) => spentNanos);
  expect(await spent()).toEqual(Object.values(SPENT));
  await state.settle('g', 67_000_000, 'ok', { pictures: 1, tokens: 9 });
  const to = { adjustment: 'a-1', id: 'e', nanos: 301_000_000, reason: 'as billed' };
  expect(await state.adjust(to)).toBe(1_000_000);
  const after = [504_300_000, 67_000_000, 435_000_000, 931_300_000, 571_300_000];
  expect(await spent()).toEqual(after);
  const byOutcome = () => {
    const db = openLedgerReader(file);
    try {
      expect(verifyLedger(db)).toMatchObject({ drifts: [], driftNanos: 0n });
      return readUsage(db, { by: ['day', 'outcome'], tenant: null, upstream: null, since: null, until: null });
    } finally {
      db.close();
    }
  };
  const usage = byOutcome();
  expect(usage.map(({ by, sums }) => [...by, sums.calls, sums.spentNanos])).toEqual([
    ['2026-11-20', 'adjusted', 1n, 301_000_000n],
    ['2026-11-20', 'ok', 2n, 201_000_000n],
    ['2026-11-20', 'no_image', 1n, 2_300_000n],
    ['2026-11-20', 'refunded', 1n, 0n],
    ['2026-11-20', 'upstream_busy', 1n, 0n],
    ['2026-11-21', 'ok', 2n, 317_000_000n],
    ['2026-11-21', 'unknown', 1n, 110_000_000n],
  ]);
  while (await state.rollUp({ before: FOR_EVER, unknownsBefore: FOR_EVER }, 2));
  expect(await spent()).toEqual(after);
  expect(byOutcome()).toEqual(usage);
  await state.close();
  expect(audit(file)).toEqual({ faults: [], rows: [], holds: new Map() });
});

test('its rows cannot be changed or removed after the step either', async () => {
  const file = keptLedger();
  await (await openEmbeddedState({ file, now: Date.now })).close();
  const db = new DatabaseSync(file);
  expect(() => db.exec('UPDATE ledger SET delta_spent = 1')).toThrow(/never changed/);
  expect(() => db.exec('DELETE FROM ledger')).toThrow(/never deleted/);
  db.close();
});
