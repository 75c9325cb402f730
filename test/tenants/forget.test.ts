import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { authenticate } from '../../src/tenants/authenticate.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { readUsage } from '../../src/tenants/ledger-usage.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { Registry } from '../../src/tenants/registry.ts';
import { addCredit } from '../../src/tenants/registry-credit.ts';
import { createKey, rotateKey } from '../../src/tenants/registry-key-changes.ts';
import { createTenant, deleteTenant, forgetTenant } from '../../src/tenants/registry-tenant-changes.ts';
import { accountsFor } from '../../src/tenants/state.ts';
import { audit } from './audit.ts';
import { EMPTY, keyIn, reader, who } from './registry-contract.ts';
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
  await expect.poll(() => totals(file, 'globex').reduce((sum, { sums }) => sum + Number(sums.cached), 0)).toBe(600);
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

describe('a tenant that was made at run time', () => {
  const SAID = ['name-secret', 'user-secret', 'tag-secret', 'reason-secret', 'scope-secret', '4711.25', '8812.75'];

  /** It has drawn with a key that was rotated before, and all that can be said of it was said. */
  async function made(file: string) {
    const state = await openEmbeddedState({ file, now: () => at });
    const registry = await Registry.open({
      store: state.registry,
      base: EMPTY,
      now: () => at,
      onFault: () => undefined,
    });
    const settings = { id: 'globex', creditUsd: 8812.75, cache: { scope: 'scope-secret' } };
    await registry.change(who, 'tenant.create', 'tenant globex', createTenant(reader, settings));
    const budgets = [{ limitUsd: 4711.25, per: 'day' }];
    const sent = { tenant: 'globex', name: 'name-secret', budgets, creditUsd: 10 };
    const first = await registry.change(who, 'key.create', 'tenant globex', createKey(reader, sent));
    const line = keyIn(first, 'id');
    const second = await registry.change(who, 'key.rotate', `key ${line}`, rotateKey(line, 0));
    const id = keyIn(second, 'id');
    await registry.change(who, 'credit.add', `key ${line}`, addCredit({ key: id }, 7e9));
    await expect(registry.change(who, 'key.rotate', `key ${line}`, rotateKey(line, 0))).rejects.toThrow(/rotated/);
    for (const tenant of ['acme', 'initech'])
      await registry.change(
        who,
        'tenant.create',
        `tenant ${tenant}`,
        createTenant(reader, { id: tenant, creditUsd: 3 }),
      );

    const { tenant } = authenticate(registry.roll.keys, [keyIn(second)], at);
    const drawn = hold(accountsFor(tenant, 'pro', at), 100, {
      tenant: 'globex',
      keyId: id,
      user: 'user-secret',
      tags: { job: 'tag-secret' },
    });
    await state.reserve([drawn]);
    await state.settle(drawn.id, 100, 'unknown');
    const ask = { at, ...who, action: 'ledger.adjust', subject: 'ledger' };
    const adjustment = { adjustment: 'november', id: drawn.id, nanos: 70, reason: 'reason-secret' };
    await state.adjust(adjustment, ask);
    const secrets = [...SAID, line, id, drawn.id, ...[first, second].map((key) => keyIn(key))];
    return { state, registry, secrets, drawn, key: keyIn(second) };
  }

  const forgetIn = (registry: Registry) =>
    registry.change(who, 'tenant.forget', 'tenant globex', forgetTenant('globex'));

  test('leaves its id and its totals: not a byte of its settings, its keys, and what the audit trail said of them', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'ledger.db');
    const { state, registry, secrets, key } = await made(file);
    const kept = secrets.filter((secret) => !secret.startsWith('sk-'));
    for (const secret of kept) expect(bytesOf(directory)).toContain(secret);
    await expect(forgetIn(registry)).rejects.toMatchObject({ status: 409, detail: { code: 'not_deleted' } });
    await registry.change(who, 'tenant.delete', 'tenant globex', deleteTenant('globex'));
    const before = totals(file, 'globex');
    await forgetIn(registry);
    expect(totals(file, 'globex')).toEqual(before);
    await state.forget('globex');
    expect(totals(file, 'globex')).toEqual(before);
    for (const secret of secrets) expect(bytesOf(directory)).not.toContain(secret);
    expect(audit(file).faults).toEqual([]);

    expect(() => authenticate(registry.roll.keys, [key], at)).toThrow(/API key/);
    expect(registry.roll.tenantIds()).toEqual(['acme', 'initech']);
    const again = createTenant(reader, { id: 'globex' });
    await expect(registry.change(who, 'tenant.create', 'tenant', again)).rejects.toMatchObject({ status: 409 });
    const rows = await state.registry.audit({ limit: 99, before: null, subject: null });
    expect(rows.filter(({ action }) => action === 'tenant.forget')).toMatchObject([
      { subject: 'tenant globex', result: 'done', before: null, after: null },
      { subject: 'forgotten', result: 'not_deleted' },
    ]);
    expect(rows.find(({ action }) => action === 'ledger.adjust')).toMatchObject({ subject: 'ledger', after: null });
    expect(rows.filter(({ subject }) => subject === 'tenant acme')).toMatchObject([{ after: { creditUsd: 3 } }]);
    await forgetIn(registry);
    await state.forget('globex');
    registry.close();
    await state.close();
    for (const secret of secrets) expect(bytesOf(directory)).not.toContain(secret);

    const reopened = await openEmbeddedState({ file, now: () => at });
    const { records } = await reopened.registry.load(0);
    expect(
      records.map(({ record }) => [record.kind, record.id]).toSorted(([, one], [, other]) => (one! < other! ? -1 : 1)),
    ).toEqual([
      ['tenant', 'acme'],
      ['tenant', 'globex'],
      ['tenant', 'initech'],
    ]);
    await reopened.close();
  });

  test('is refused while it has pictures in the air, with nothing changed but a row that says so', async () => {
    const file = join(temporaryDirectory(), 'ledger.db');
    const { state, registry, drawn } = await made(file);
    await registry.change(who, 'tenant.delete', 'tenant globex', deleteTenant('globex'));
    const flying = { ...drawn, id: 'flying' };
    await state.reserve([flying]);
    const records = await state.registry.load(0);
    await expect(forgetIn(registry)).rejects.toMatchObject({ status: 409, detail: { code: 'in_the_air' } });
    expect(await state.registry.load(0)).toEqual(records);
    expect(await state.registry.audit({ limit: 1, before: null, subject: null })).toMatchObject([
      { action: 'tenant.forget', subject: 'tenant globex', result: 'in_the_air' },
    ]);
    await state.settle(flying.id, 1, 'ok');
    await forgetIn(registry);
    await state.forget('globex');
    expect(totals(file, 'globex')).toHaveLength(2);
    registry.close();
    await state.close();
  });

  test('cannot be taken out of the audit trail by anybody else', async () => {
    const file = join(temporaryDirectory(), 'ledger.db');
    const { state, registry } = await made(file);
    registry.close();
    await state.close();
    const db = new DatabaseSync(file);
    for (const sql of [
      "UPDATE audit SET subject = 'forgotten', before = NULL, after = NULL",
      'INSERT INTO wiping SELECT seq, seq FROM audit; UPDATE audit SET after = NULL',
      "INSERT INTO audit (at, actor, action, subject, source, request, result) VALUES (1, '', 'tenant.forget', 'tenant globex', '', '', 'done');" +
        "INSERT INTO wiping SELECT seq, (SELECT max(seq) FROM audit) FROM audit; UPDATE audit SET amount = 0, subject = 'forgotten', after = NULL",
      'DELETE FROM audit',
    ]) {
      db.exec('BEGIN');
      expect(() => db.exec(sql)).toThrow(/audit rows are never/);
      db.exec('ROLLBACK');
    }
    db.close();
  });
});

test('what was still to be told of its cache hits when it was forgotten names nobody, and counts', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'ledger.db');
  const state = await openEmbeddedState({ file, now: () => at });
  const onFault = (error: unknown): never => {
    throw error;
  };
  const registry = await Registry.open({ store: state.registry, base: EMPTY, now: () => at, onFault });
  await registry.change(who, 'tenant.forget', 'tenant', forgetTenant('globex'));
  await state.forget('globex');
  const tags = { job: 'tag-secret-late' };
  const hit = { ...hold(accounts.globex, 100), how: 'cached', nanos: 5, ms: 7, tenant: 'globex' } as const;
  state.save({ ...hit, keyId: KEY_ID, user: 'user-secret-late', tags });
  state.save({ ...hit, tenant: 'acme', user: 'acme-user' });
  await state.close();
  const bytes = bytesOf(directory);
  for (const secret of SECRETS) expect(bytes).not.toContain(secret);
  expect(bytes).toContain('acme-user');
  expect(totals(file, 'globex').map(({ sums }) => Number(sums.cached))).toEqual([1]);
});
