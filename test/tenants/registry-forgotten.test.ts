import { afterEach, expect, test } from 'vitest';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { Registry } from '../../src/tenants/registry.ts';
import type { Base } from '../../src/tenants/registry-keys.ts';
import type { RegistryStore } from '../../src/tenants/registry-store.ts';
import { createTenant, deleteTenant, forgetTenant } from '../../src/tenants/registry-tenant-changes.ts';
import { EMPTY, reader, tenantRecord, who } from './registry-contract.ts';

const closing: { close(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).toReversed()) await each.close();
});

/** A store that several instances share, each of which hears of every change. */
async function shared(): Promise<{ readonly store: RegistryStore; readonly changed: () => void }> {
  const state = await openEmbeddedState({ file: ':memory:', now: Date.now });
  closing.push(state);
  const watchers = new Set<() => void>();
  return {
    store: {
      ...state.registry,
      watch(onChange) {
        watchers.add(onChange);
        return () => void watchers.delete(onChange);
      },
    },
    changed: () => watchers.forEach((each) => each()),
  };
}

async function open(store: RegistryStore, base: Base = EMPTY) {
  const onFault = (error: unknown): never => {
    throw error;
  };
  const registry = await Registry.open({ store, base, now: Date.now, onFault });
  closing.push(registry);
  const told: string[] = [];
  const tenants: string[] = [];
  const listen = (): void =>
    registry.onForgotten(({ tenant, scopes }) => {
      tenants.push(tenant);
      told.push(...scopes);
    });
  return { registry, told, tenants, listen };
}

const change = (registry: Registry, decide: ReturnType<typeof forgetTenant>) =>
  registry.change(who, 'tenant.forget', 'tenant', decide);

async function forget(registry: Registry, tenant: string): Promise<void> {
  await change(registry, deleteTenant(tenant));
  await change(registry, forgetTenant(tenant));
}

test('another instance hears of the scope that a forgotten tenant had, and of the one with its name', async () => {
  const { store, changed } = await shared();
  const [one, other] = [await open(store), await open(store)];
  other.listen();
  await change(one.registry, createTenant(reader, { id: 'globex', cache: { scope: 'pictures' } }));
  changed();
  await expect.poll(() => other.registry.roll.tenantIds()).toEqual(['globex']);
  await forget(one.registry, 'globex');
  changed();
  await expect.poll(() => other.told.toSorted()).toEqual(['globex', 'pictures']);
});

test('of a scope that others keep their pictures in nobody hears', async () => {
  const { store, changed } = await shared();
  const base = { ...EMPTY, tenants: [{ ...tenantRecord('acme'), keys: [] }] };
  const [one, other] = [await open(store, base), await open(store, base)];
  other.listen();
  await change(one.registry, createTenant(reader, { id: 'globex', cache: { scope: 'acme' } }));
  changed();
  await expect.poll(() => other.registry.roll.tenantIds()).toEqual(['acme', 'globex']);
  await forget(one.registry, 'globex');
  changed();
  await expect.poll(() => other.told).toEqual(['globex']);
});

test('a tenant whose very name others call their scope by is told of all the same: what is not in the cache is its own', async () => {
  const { store, changed } = await shared();
  const { settings, ...record } = tenantRecord('acme');
  const sharing = { ...settings, cache: { ...settings.cache, scope: 'globex' } };
  const base = { ...EMPTY, tenants: [{ ...record, settings: sharing, keys: [] }] };
  const [one, other] = [await open(store, base), await open(store, base)];
  other.listen();
  await change(one.registry, createTenant(reader, { id: 'globex', cache: { scope: 'globex' } }));
  changed();
  await expect.poll(() => other.registry.roll.tenantIds()).toEqual(['acme', 'globex']);
  await forget(one.registry, 'globex');
  changed();
  await expect.poll(() => other.tenants).toEqual(['globex']);
  expect(other.told).toEqual([]);
});

test('the very first change of all may be that a tenant is forgotten, who was configured before', async () => {
  const { store, changed } = await shared();
  const [one, other] = [await open(store), await open(store)];
  other.listen();
  await change(one.registry, forgetTenant('globex'));
  changed();
  await expect.poll(() => other.told).toEqual(['globex']);
});

test('what was forgotten while an instance was down it hears as soon as it listens, by the scope that it knew', async () => {
  const { store } = await shared();
  const { registry } = await open(store);
  await change(registry, createTenant(reader, { id: 'globex', cache: { scope: 'pictures' } }));
  const recalled = await store.load(0);
  await forget(registry, 'globex');
  const late = await open({ ...store, recall: () => Promise.resolve(recalled) });
  expect(late.told).toEqual([]);
  late.listen();
  expect(late.told.toSorted()).toEqual(['globex', 'pictures']);
});

test('a tenant that is configured again keeps its pictures, whenever it was forgotten', async () => {
  const { store } = await shared();
  const { registry } = await open(store);
  await change(registry, forgetTenant('acme'));
  const again = await open(store, { ...EMPTY, tenants: [{ ...tenantRecord('acme'), keys: [] }] });
  again.listen();
  expect(again.told).toEqual([]);
});
