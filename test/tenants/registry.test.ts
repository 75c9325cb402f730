import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { authenticate, keyDigest } from '../../src/tenants/authenticate.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { Registry } from '../../src/tenants/registry.ts';
import { addCredit } from '../../src/tenants/registry-credit.ts';
import { createKey, patchKey, revokeKey, rotateKey } from '../../src/tenants/registry-key-changes.ts';
import type { Base, BaseTenant } from '../../src/tenants/registry-keys.ts';
import type { RegistryRecord, RegistryStore } from '../../src/tenants/registry-store.ts';
import type { JsonMap } from '../../src/tenants/settings.ts';
import { createTenant, patchTenant } from '../../src/tenants/registry-tenant-changes.ts';
import { keyOf } from '../../src/tenants/registry-view.ts';
import { EMPTY, keyIn, reader, registryContract, tenantRecord, who } from './registry-contract.ts';
import type { OpenedStore } from './registry-contract.ts';
import { temporaryDirectory } from './temporary.ts';

async function inDirectory(): Promise<OpenedStore> {
  const state = await openEmbeddedState({ file: join(temporaryDirectory(), 'ledger.db'), now: Date.now });
  return { store: state.registry, close: () => state.close() };
}
registryContract('a data directory', inDirectory, false);

async function inMemory(): Promise<RegistryStore> {
  return (await openEmbeddedState({ file: ':memory:', now: Date.now })).registry;
}

const over = (store: RegistryStore, base: Base): Promise<Registry> =>
  Registry.open({
    store,
    base,
    now: Date.now,
    onFault(error) {
      throw error;
    },
  });

function baseTenant(id: string, key: string, over_: Partial<BaseTenant['settings']> = {}): BaseTenant {
  const sha256 = keyDigest(key);
  const settings = { models: null, organisation: null, budgets: [], limits: null, safetyFloor: null };
  return {
    id,
    settings: { ...settings, cache: { scope: id, when: null, ttlSeconds: null }, ...over_ },
    keys: [
      {
        id: sha256.slice(0, 12),
        sha256,
        revoked: false,
        expiresAt: null,
        settings: { name: null, models: null, budgets: [], cache: null },
      },
    ],
  };
}

const make = async (registry: Registry, tenant: string): Promise<{ id: string; key: string }> =>
  (await registry.change(who, 'key.create', 'key', createKey(reader, { tenant }))) as { id: string; key: string };

const callerOf = (registry: Registry, key: string) => authenticate(registry.roll.keys, [key], Date.now());

describe('the configuration and the run time', () => {
  test('a tenant that moves into the configuration keeps its keys, and has its settings', async () => {
    const store = await inMemory();
    const before = await over(store, EMPTY);
    await before.change(who, 'tenant.create', 'tenant', createTenant(reader, { id: 'acme', creditUsd: 5 }));
    const { key, id } = await make(before, 'acme');
    const after = await over(store, { ...EMPTY, tenants: [baseTenant('acme', 'sk-acme', { models: ['only-this'] })] });
    expect(callerOf(after, key)).toMatchObject({ keyId: id, tenant: { models: ['only-this'], budgets: [] } });
    expect(callerOf(after, 'sk-acme').tenant.id).toBe('acme');
  });

  test('a key whose tenant is not there any more is refused, and told of', async () => {
    const store = await inMemory();
    const base = { ...EMPTY, tenants: [baseTenant('acme', 'sk-acme')] };
    const { key, id } = await make(await over(store, base), 'acme');
    const after = await over(store, EMPTY);
    expect(() => callerOf(after, key)).toThrow(/not known/);
    expect(after.roll.misfits()).toEqual([{ tenant: 'acme', why: expect.stringContaining('configuration') }]);
    expect(keyOf(after.view(), id)).toMatchObject({ status: 'tenant_missing' });
    expect(callerOf(await over(store, base), key).keyId).toBe(id);
  });

  test('a tenant shares the pictures of another only where it says so', async () => {
    const cache = { scope: 'shared', when: null, ttlSeconds: null };
    const registry = await over(await inMemory(), { ...EMPTY, tenants: [baseTenant('acme', 'sk-acme', { cache })] });
    const create = (sent: JsonMap) => registry.change(who, 'tenant.create', 'tenant', createTenant(reader, sent));
    await expect(create({ id: 'shared' })).rejects.toMatchObject({ detail: { code: 'scope_taken' } });
    await create({ id: 'zeta', cache: { scope: 'of-zeta' } });
    await expect(create({ id: 'of-zeta' })).rejects.toMatchObject({ detail: { code: 'scope_taken' } });
    expect(await create({ id: 'shared', cache: { scope: 'shared' } })).toMatchObject({ cache: { scope: 'shared' } });

    await create({ id: 'of-zeta', cache: { scope: 'mine' } });
    const patch = (sent: JsonMap) =>
      registry.change(who, 'tenant.change', 'tenant', patchTenant(reader, 'of-zeta', sent));
    for (const taken of [{ cache: null }, { cache: { scope: null } }])
      await expect(patch(taken)).rejects.toMatchObject({ detail: { code: 'scope_taken' } });
    expect(await patch({ cache: { scope: 'of-zeta' } })).toMatchObject({ cache: { scope: 'of-zeta' } });
    expect(await patch({ models: ['nano-banana-2'] })).toMatchObject({ cache: { scope: 'of-zeta' } });
  });

  test('a tenant whose organisation is gone is refused: its budgets would not hold', async () => {
    const store = await inMemory();
    const before = await over(store, EMPTY);
    const sent = { id: 'acme', organisation: 'conglomerate' };
    await before.change(who, 'tenant.create', 'tenant', createTenant(reader, sent));
    const { key, id } = await make(before, 'acme');
    expect(callerOf(before, key).keyId).toBe(id);
    const after = await over(store, { ...EMPTY, organisations: [] });
    expect(() => callerOf(after, key)).toThrow(/not known/);
    expect(after.roll.misfits()).toMatchObject([{ tenant: 'acme' }]);
    expect(keyOf(after.view(), id)).toMatchObject({ status: 'organisation_missing' });
  });

  test('a configured key that was revoked or given an end at run time stays so, wherever the configuration moves it', async () => {
    const store = await inMemory();
    const before = await over(store, {
      ...EMPTY,
      tenants: [baseTenant('acme', 'sk-acme'), baseTenant('zeta', 'sk-zeta')],
    });
    const [acme, zeta] = ['sk-acme', 'sk-zeta'].map((key) => keyDigest(key).slice(0, 12)) as [string, string];
    await before.change(who, 'key.revoke', 'key', revokeKey(acme));
    await before.change(who, 'key.change', 'key', patchKey(reader, zeta, { expires: '2020-01-01' }));
    const after = await over(store, {
      ...EMPTY,
      tenants: [baseTenant('new', 'sk-acme'), baseTenant('zeta', 'sk-zeta')],
    });
    for (const registry of [before, after]) {
      expect(() => callerOf(registry, 'sk-acme')).toThrow(/revoked/);
      expect(() => callerOf(registry, 'sk-zeta')).toThrow(/expired/);
    }
    await after.change(who, 'key.change', 'key', patchKey(reader, zeta, { expires: null }));
    expect(callerOf(after, 'sk-zeta').tenant.id).toBe('zeta');
  });

  test('a rotated key goes on after the one it replaced left the configuration', async () => {
    const store = await inMemory();
    const id = keyDigest('sk-acme').slice(0, 12);
    const before = await over(store, { ...EMPTY, tenants: [baseTenant('acme', 'sk-acme')] });
    const key = keyIn(await before.change(who, 'key.rotate', 'key', rotateKey(id, 1_000)));
    const after = await over(store, { ...EMPTY, tenants: [{ ...baseTenant('acme', 'sk-acme'), keys: [] }] });
    expect(callerOf(after, key).tenant.alongside).toMatchObject([{ level: 'key', id }, { level: 'everything' }]);
    expect(keyOf(after.view(), id)).toBeNull();
  });

  test('a key made at run time that is put into the configuration is the configuration’s', async () => {
    const store = await inMemory();
    const before = await over(store, { ...EMPTY, tenants: [baseTenant('acme', 'sk-acme')] });
    const { key, id } = await make(before, 'acme');
    const after = await over(store, { ...EMPTY, tenants: [baseTenant('zeta', key)] });
    expect(callerOf(after, key)).toMatchObject({ keyId: id, tenant: { id: 'zeta' } });
  });
});

test('10,000 tenants with a key each are there after a start, and a key is found without a search', async () => {
  const state = await openEmbeddedState({ file: ':memory:', now: Date.now });
  const digests = Array.from({ length: 10_000 }, (_, index) => keyDigest(`sk-${index}`));
  const records = digests.flatMap((sha256, index): RegistryRecord[] => {
    const [id, tenant] = [sha256.slice(0, 12), `tenant-${index}`];
    const settings = { name: null, models: null, budgets: [], cache: null };
    const ends = { createdAt: 1, expiresAt: null, revokedAt: null, replacedBy: null };
    return [
      tenantRecord(tenant, 5_000_000_000),
      { kind: 'line', id, tenant, settings, creditNanos: 1_000_000_000 },
      { kind: 'key', id, line: id, tenant, sha256, ...ends },
    ];
  });
  const entry = { at: 1, ...who, action: 'tenant.create', subject: 'all', before: null, after: null };
  await state.registry.write({ expected: [], records, audit: { ...entry, amountNanos: null, result: 'done' } });
  const registry = await over(state.registry, EMPTY);
  for (const index of [0, 5_000, 9_999]) expect(callerOf(registry, `sk-${index}`).tenant.id).toBe(`tenant-${index}`);
  expect(Math.max(...[...registry.roll.keys.values()].map((bucket) => bucket.length))).toBeLessThanOrEqual(2);
  expect(registry.roll.payers()).toHaveLength(20_000);
  await state.close();
}, 60_000);

test('credit that is not the sum of what was added is a fault of the ledger', async () => {
  const file = join(temporaryDirectory(), 'ledger.db');
  const state = await openEmbeddedState({ file, now: Date.now });
  const registry = await over(state.registry, EMPTY);
  await registry.change(who, 'tenant.create', 'tenant', createTenant(reader, { id: 'acme', creditUsd: 5 }));
  const made = await registry.change(who, 'key.create', 'key', createKey(reader, { tenant: 'acme', creditUsd: 2 }));
  await registry.change(who, 'key.rotate', 'key', rotateKey(keyIn(made, 'id'), 0));
  await registry.change(who, 'credit.add', 'key', addCredit({ key: keyIn(made, 'id') }, 500_000_000));
  await registry.change(who, 'credit.add', 'tenant', addCredit({ tenant: 'acme' }, -1_000_000_000));
  await state.close();
  const verified = () => {
    const db = openLedgerReader(file);
    try {
      return verifyLedger(db);
    } finally {
      db.close();
    }
  };
  expect(verified().drifts).toEqual([]);
  const db = new DatabaseSync(file);
  db.exec("UPDATE registry SET body = json_set(body, '$.creditNanos', 9000000000) WHERE kind = 'tenant'");
  db.close();
  expect(verified()).toMatchObject({
    drifts: [expect.stringMatching(/^credit of tenant acme: 9/)],
    driftNanos: 5_000_000_000n,
  });
});

test('a change that nobody could write changes nothing', async () => {
  const state = await openEmbeddedState({ file: ':memory:', now: Date.now });
  const registry = await over(state.registry, EMPTY);
  await registry.change(who, 'tenant.create', 'tenant', createTenant(reader, { id: 'acme' }));
  await state.close();
  await expect(make(registry, 'acme')).rejects.toMatchObject({ failure: 'unavailable' });
  expect(registry.roll.keyIds(null)).toEqual([]);
});

test('rows of the audit trail are never changed or removed', async () => {
  const file = join(temporaryDirectory(), 'ledger.db');
  const state = await openEmbeddedState({ file, now: Date.now });
  const registry = await over(state.registry, EMPTY);
  await registry.change(who, 'tenant.create', 'tenant', createTenant(reader, { id: 'acme' }));
  await state.close();
  const db = new DatabaseSync(file);
  expect(() => db.exec("UPDATE audit SET actor = 'nobody'")).toThrow(/never changed/);
  expect(() => db.exec('DELETE FROM audit')).toThrow(/never deleted/);
  db.close();
});
