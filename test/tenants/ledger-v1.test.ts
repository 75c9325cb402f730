import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { readUsage } from '../../src/tenants/ledger-usage.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { audit } from './audit.ts';
import { freshAccounts, hold } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

/** A data directory that was kept since schema 1, with a picture in the air when its process died. */
function keptLedger(): string {
  const file = join(temporaryDirectory(), 'ledger.db');
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL');
  db.exec(readFileSync(join(import.meta.dirname, 'kept/ledger-schema-1.sql'), 'utf8'));
  db.close();
  return file;
}

const DAY = '["acme","day","Europe/Berlin",null,"2026-11-20"]';
const TOTAL = '["acme","total","UTC",["gemini-3-pro-image"],"total"]';

test('a ledger of schema 1 opens, verifies, keeps every balance and goes on', async () => {
  const file = keptLedger();
  const state = await openEmbeddedState({ file, now: () => Date.parse('2026-11-22T12:00:00Z') });
  expect(state.expired).toEqual({ holds: 1, nanos: 120_000_000 });
  const spent = await state.spent([DAY, TOTAL]);
  expect(spent.map(({ spentNanos }) => spentNanos)).toEqual([601_000_000, 434_000_000]);
  const next = hold(freshAccounts(100), 100, { upstream: 'google' });
  await state.reserve([next]);
  await state.settle(next.id, 70, 'ok', { pictures: 1, tokens: 9 });
  await state.settle('e', 134_000_000, 'ok', { pictures: 1, tokens: 9 });
  await state.close();

  expect(audit(file).faults).toEqual([]);
  const db = openLedgerReader(file);
  expect(verifyLedger(db)).toMatchObject({ drifts: [], driftNanos: 0n, rows: 21n });
  const rows = readUsage(db, { by: ['outcome'], tenant: null, upstream: null, since: null, until: null });
  db.close();
  expect(Object.fromEntries(rows.map(({ by: [outcome], sums }) => [outcome, [sums.calls, sums.spentNanos]]))).toEqual({
    ok: [2n, 134_000_070n],
    settled: [4n, 393_000_000n],
    unknown: [2n, 220_000_000n],
    released: [1n, 0n],
  });
});

test('its rows cannot be changed or removed after the step either', async () => {
  const file = keptLedger();
  await (await openEmbeddedState({ file, now: Date.now })).close();
  const db = new DatabaseSync(file);
  expect(() => db.exec('UPDATE ledger SET delta_spent = 1')).toThrow(/never changed/);
  expect(() => db.exec('DELETE FROM ledger')).toThrow(/never deleted/);
  db.close();
});

test('a reader says of an older ledger what brings it up to date', () => {
  expect(() => openLedgerReader(keptLedger())).toThrow(/older Plantain \(schema 1\): start this one on it once/);
});
