import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { audit } from './audit.ts';
import { tenantRecord, who } from './registry-contract.ts';
import { temporaryDirectory } from './temporary.ts';

/** A data directory that was kept since schema 2, with a picture in the air when its process died. */
function keptLedger(): string {
  const file = join(temporaryDirectory(), 'ledger.db');
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL');
  db.exec(readFileSync(join(import.meta.dirname, 'kept/ledger-schema-2.sql'), 'utf8'));
  db.close();
  return file;
}

test('a ledger of schema 2 opens, verifies, keeps every balance, and takes tenants and keys', async () => {
  const file = keptLedger();
  const state = await openEmbeddedState({ file, now: () => Date.parse('2026-11-27T12:00:00Z') });
  expect(state.expired).toEqual({ holds: 1, nanos: 120_000_000 });
  const accounts = [
    '["key","0123456789ab","total","UTC",null,"total"]',
    '["globex","total","UTC",["gemini-3-pro-image"],"total"]',
  ];
  expect((await state.spent(accounts)).map(({ spentNanos }) => spentNanos)).toEqual([312_000_000, 250_000_000]);
  const entry = { at: 1, ...who, action: 'tenant.create', subject: 'tenant acme', before: null, after: null };
  const row = { ...entry, amountNanos: null, result: 'done' };
  expect(await state.registry.write({ expected: [], records: [tenantRecord('acme')], audit: row })).toBe(1);
  await state.close();

  expect(audit(file).faults).toEqual([]);
  const db = openLedgerReader(file);
  expect(verifyLedger(db)).toMatchObject({ drifts: [], driftNanos: 0n, rows: 13n });
  db.close();
  const again = await openEmbeddedState({ file, now: Date.now });
  expect((await again.registry.load(0)).records).toEqual([{ revision: 1, record: tenantRecord('acme') }]);
  await again.close();
});

test('a reader says of it what brings it up to date', () => {
  expect(() => openLedgerReader(keptLedger())).toThrow(/older Plantain \(schema 2\): start this one on it once/);
});
