import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { readUsage } from '../../src/tenants/ledger-usage.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { accountsFor } from '../../src/tenants/state.ts';
import { audit } from './audit.ts';
import { hold } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

const at = Date.parse('2026-11-22T12:00:00Z');
const KEY_ID = 'globex-key-4711';
const total = [{ limitNanos: 1e9, per: 'total', timeZone: 'UTC', models: null }] as const;
const spender = (id: string, key: string) => ({
  id,
  budgets: total,
  alongside: [
    { level: 'key', id: key, budgets: total },
    { level: 'everything', id: 'everything', budgets: total },
  ] as const,
});
const accounts = {
  globex: accountsFor(spender('globex', KEY_ID), 'pro', at),
  acme: accountsFor(spender('acme', 'k1'), 'pro', at),
};
/** Everything in it that no other file may hold either. */
const SECRETS = [KEY_ID, 'user-secret-', 'tag-secret-', 'reason-secret'];

/** All bytes of a directory. */
function bytesOf(directory: string): string {
  return readdirSync(directory)
    .map((name) => readFileSync(join(directory, name), 'latin1'))
    .join('\n');
}

/** Two tenants of `count` pictures each, rolled up in part, adjusted and saved. */
async function busy(file: string, count: number) {
  const state = await openEmbeddedState({ file, now: () => at });
  for (let index = 0; index < count; index += 1) {
    const tags = { job: `tag-secret-${index}` };
    const theirs = hold(accounts.globex, 100, { tenant: 'globex', keyId: KEY_ID, user: `user-secret-${index}`, tags });
    const ours = hold(accounts.acme, 100, { user: `acme-user-${index}` });
    await Promise.all([state.reserve([theirs]), state.reserve([ours])]);
    const nanos = index % 90;
    await Promise.all([
      state.settle(theirs.id, nanos, index % 3 === 0 ? 'unknown' : 'ok'),
      state.settle(ours.id, nanos, 'ok'),
    ]);
    if (index % 50 === 0)
      await state.adjust({ adjustment: `adjust-${index}`, id: theirs.id, nanos: nanos + 1, reason: 'reason-secret' });
    state.save({ ...theirs, how: 'cached', nanos: 5, ms: 7 });
    if (index === count / 2) await state.rollUp({ before: at + 1, unknownsBefore: 0 }, count / 4);
  }
  return state;
}

function totals(file: string, tenant: string) {
  const db = openLedgerReader(file);
  try {
    expect(verifyLedger(db)).toMatchObject({ drifts: [], driftNanos: 0n });
    return readUsage(db, { by: ['day', 'model', 'outcome'], tenant, upstream: null, since: null, until: null });
  } finally {
    db.close();
  }
}

test('a tenant that is forgotten leaves its totals, and not a byte of its users, tags, keys and pictures', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'ledger.db');
  const state = await busy(file, 600);
  const keys = [...accounts.globex, ...accounts.acme].map(({ key }) => key);
  const balances = await state.spent(keys);
  await expect
    .poll(() => totals(file, 'globex').reduce((sum, { sums }) => sum + Number(sums.cached), 0), { timeout: 10_000 })
    .toBe(600);
  const [globex, acme] = [totals(file, 'globex'), totals(file, 'acme')];
  const holds = [...audit(file).holds.keys()].length;
  expect(holds).toBeGreaterThan(800);
  for (const secret of SECRETS) expect(bytesOf(directory)).toContain(secret);

  await state.forget('globex');
  const now = bytesOf(directory);
  expect(existsSync(`${file}-wal`)).toBe(true);
  for (const secret of SECRETS) expect(now).not.toContain(secret);
  expect(now).toContain('acme-user-599');
  expect(totals(file, 'globex')).toEqual(globex);
  expect(totals(file, 'acme')).toEqual(acme);
  expect(audit(file).faults).toEqual([]);
  // Of its own accounts the tenant's stay and its key's goes; what all share is as it was.
  const after = await state.spent(keys);
  expect(after).toEqual(balances.map((balance, index) => (index === 0 ? { spentNanos: 0, heldNanos: 0 } : balance)));
  await state.forget('globex');
  await state.forget('never-was');
  expect(totals(file, 'globex')).toEqual(globex);
  await state.close();
  for (const secret of SECRETS) expect(bytesOf(directory)).not.toContain(secret);
});

test('it is refused while the tenant has pictures in the air, and works when they have landed', async () => {
  const file = join(temporaryDirectory(), 'ledger.db');
  const state = await openEmbeddedState({ file, now: () => at });
  const flying = hold(accounts.globex, 100, { tenant: 'globex', keyId: KEY_ID });
  await state.reserve([flying, hold(accounts.acme, 100)]);
  await expect(state.forget('globex')).rejects.toMatchObject({
    failure: 'invalid_request',
    message: expect.stringMatching(/globex has pictures in the air/),
  });
  await state.settle(flying.id, 70, 'ok');
  await state.forget('globex');
  expect([...audit(file).holds.values()]).toEqual(['held']);
  await state.close();
});

test('a key that is called like a period, and a tenant that is called "key", lose nothing to one another', async () => {
  const file = join(temporaryDirectory(), 'ledger.db');
  const state = await openEmbeddedState({ file, now: () => at });
  const odd = accountsFor({ id: 'key', budgets: total }, 'pro', at);
  const day = accountsFor(spender('globex', 'total'), 'pro', at);
  const [first, second] = [hold(odd, 100, { tenant: 'key' }), hold(day, 100, { tenant: 'globex', keyId: 'total' })];
  await state.reserve([first, second]);
  await state.settle(first.id, 60, 'ok');
  await state.settle(second.id, 70, 'ok');
  await state.forget('globex');
  const spent = (await state.spent([odd[0]!.key, ...day.map(({ key }) => key)])).map(({ spentNanos }) => spentNanos);
  expect(spent).toEqual([60, 0, 70, 70]);
  await state.close();
  expect(audit(file).faults).toEqual([]);
});

test('somebody who reads the ledger meanwhile is waited for', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'ledger.db');
  const state = await busy(file, 20);
  const reader = new DatabaseSync(file, { readOnly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM ledger').get();
  let isDone = false;
  const forgotten = state.forget('globex').then(() => (isDone = true));
  await expect.poll(() => totals(file, 'globex').length).toBeGreaterThan(0);
  // A picture of another tenant is paid for meanwhile.
  const ours = hold(accounts.acme, 100);
  await state.reserve([ours]);
  await state.settle(ours.id, 70, 'ok');
  expect(isDone).toBe(false);
  reader.exec('COMMIT');
  reader.close();
  await forgotten;
  for (const secret of SECRETS) expect(bytesOf(directory)).not.toContain(secret);
  await state.close();
});
