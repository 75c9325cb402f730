import { afterEach, describe, expect, test } from 'vitest';
import { createSentReader } from '../../src/config/run-time.ts';
import { BUILT_IN_MODELS } from '../../src/image/model.ts';
import { authenticate } from '../../src/tenants/authenticate.ts';
import { Registry } from '../../src/tenants/registry.ts';
import type { Actor } from '../../src/tenants/registry.ts';
import { addCredit } from '../../src/tenants/registry-credit.ts';
import { createKey, revokeKey, rotateKey } from '../../src/tenants/registry-key-changes.ts';
import type { Base } from '../../src/tenants/registry-keys.ts';
import type { AuditRow, RegistryStore, TenantRecord } from '../../src/tenants/registry-store.ts';
import type { JsonMap } from '../../src/tenants/settings.ts';
import { createTenant, deleteTenant } from '../../src/tenants/registry-tenant-changes.ts';

export const reader = createSentReader({
  models: BUILT_IN_MODELS,
  organisations: [{ id: 'conglomerate', budgets: [] }],
});
export const who: Actor = { actor: 'admin:01234567', from: '127.0.0.1', requestId: 'req_1' };
export const EMPTY: Base = { tenants: [], organisations: [{ id: 'conglomerate', budgets: [] }], budgets: [] };

export interface OpenedStore {
  readonly store: RegistryStore;
  /** Another instance over the same data, where there can be one. */
  readonly another?: () => Promise<RegistryStore>;
  close(): Promise<void>;
}

/** What only the reply to its making holds. */
export const keyIn = (reply: JsonMap, name: 'key' | 'id' = 'key'): string => reply[name] as string;

export function tenantRecord(id: string, creditNanos: number | null = null): TenantRecord {
  const settings = { models: null, organisation: null, budgets: [], limits: null, safetyFloor: null };
  return {
    kind: 'tenant',
    id,
    settings: { ...settings, cache: { scope: id, when: null, ttlSeconds: null } },
    creditNanos,
    createdAt: 1,
    deletedAt: null,
  };
}

/** What every store of the registry does, and the registry over it; `shared`: that of several instances. */
export function registryContract(name: string, open: () => Promise<OpenedStore>, shared: boolean): void {
  const opened: { close(): void | Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) await each.close();
  });

  async function openStore(): Promise<OpenedStore> {
    const store = await open();
    opened.push(store);
    return store;
  }

  async function openRegistry(store: RegistryStore, base: Base = EMPTY): Promise<Registry> {
    const onFault = (error: unknown): void => {
      throw error;
    };
    const registry = await Registry.open({ store, base, now: Date.now, onFault });
    opened.push(registry);
    return registry;
  }

  const entry = (over: Partial<AuditRow> = {}) => ({
    at: 1_795_000_000_000,
    ...who,
    action: 'tenant.create',
    subject: 'tenant acme',
    before: null,
    after: { id: 'acme', label: 'Ünïcode "quoted"' },
    amountNanos: null,
    result: 'done',
    ...over,
  });

  describe(`the registry in ${name}`, () => {
    test('keeps what is written, and tells only what is newer than is known', async () => {
      const { store } = await openStore();
      expect(await store.load(0)).toEqual({ revision: 0, records: [] });
      const acme = tenantRecord('acme');
      const expected = [{ kind: 'tenant', id: 'acme', revision: 0 }] as const;
      expect(await store.write({ expected, records: [acme], audit: entry() })).toBe(1);
      expect(await store.write({ expected: [], records: [tenantRecord('zeta')], audit: entry() })).toBe(2);
      expect(await store.load(0)).toEqual({
        revision: 2,
        records: [
          { revision: 1, record: acme },
          { revision: 2, record: tenantRecord('zeta') },
        ],
      });
      expect(await store.load(1)).toMatchObject({ revision: 2, records: [{ record: { id: 'zeta' } }] });
      expect(await store.load(2)).toEqual({ revision: 2, records: [] });
    });

    test('writes nothing, not even a row of the audit, where a record is not as expected', async () => {
      const { store } = await openStore();
      const expected = [{ kind: 'tenant', id: 'acme', revision: 0 }] as const;
      await store.write({ expected, records: [tenantRecord('acme')], audit: entry() });
      const other = { expected, records: [tenantRecord('acme', 7), tenantRecord('zeta')], audit: entry() };
      expect(await store.write(other)).toBeNull();
      expect((await store.load(0)).records).toEqual([{ revision: 1, record: tenantRecord('acme') }]);
      expect(await store.audit({ limit: 9, before: null, subject: null })).toHaveLength(1);
    });

    test('has an audit trail that is read backwards, in pages, and by whom it is about', async () => {
      const { store } = await openStore();
      for (const [index, subject] of ['tenant a', 'tenant b', 'tenant a', 'tenant a'].entries())
        await store.write({ expected: [], records: [], audit: entry({ subject, amountNanos: index, at: 10 + index }) });
      const rows = await store.audit({ limit: 2, before: null, subject: null });
      expect(rows).toEqual([
        { ...entry({ amountNanos: 3, at: 13, subject: 'tenant a' }), seq: expect.any(String) },
        { ...entry({ amountNanos: 2, at: 12, subject: 'tenant a' }), seq: expect.any(String) },
      ]);
      const rest = await store.audit({ limit: 9, before: rows[1]!.seq, subject: null });
      expect(rest.map(({ amountNanos }) => amountNanos)).toEqual([1, 0]);
      const ofA = await store.audit({ limit: 2, before: rows[0]!.seq, subject: 'tenant a' });
      expect(ofA.map(({ amountNanos }) => amountNanos)).toEqual([2, 0]);
      expect(await store.audit({ limit: 9, before: '0', subject: null })).toEqual([]);
    });

    test('loses none of 200 top-ups at once: their rows add up to the limit', async () => {
      const { store } = await openStore();
      const registry = await openRegistry(store);
      await registry.change(who, 'tenant.create', 'tenant', createTenant(reader, { id: 'acme', creditUsd: 1 }));
      await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          registry.change(who, 'credit.add', 'tenant', addCredit({ tenant: 'acme' }, 1_000_000 + index)),
        ),
      );
      const limit = 1_000_000_000 + 200 * 1_000_000 + (199 * 200) / 2;
      expect(registry.roll.payers()).toMatchObject([{ id: 'acme', budgets: [{ limitNanos: limit, per: 'total' }] }]);
      const rows = await store.audit({ limit: 1_000, before: null, subject: 'tenant acme' });
      expect(rows).toHaveLength(201);
      expect(rows.reduce((sum, { amountNanos }) => sum + (amountNanos ?? 0), 0)).toBe(limit);
      const again = await openRegistry(store);
      expect(again.roll.payers()).toEqual(registry.roll.payers());
    });

    test('keeps no key, only digests', async () => {
      const { store } = await openStore();
      const registry = await openRegistry(store);
      await registry.change(who, 'tenant.create', 'tenant', createTenant(reader, { id: 'acme' }));
      const made = await registry.change(who, 'key.create', 'key', createKey(reader, { tenant: 'acme' }));
      const next = await registry.change(who, 'key.rotate', 'key', rotateKey(keyIn(made, 'id'), 1_000));
      const kept = JSON.stringify([await store.load(0), await store.audit({ limit: 9, before: null, subject: null })]);
      for (const key of [keyIn(made), keyIn(next)]) {
        expect(key).toMatch(/^sk-plantain-/);
        expect(kept).not.toContain(key.slice('sk-plantain-'.length));
      }
    });

    if (!shared) return;
    test('refuses nothing for want of what another instance has just made', async () => {
      const first = await openStore();
      const deaf = { ...(await first.another!()), watch: () => () => undefined };
      const [one, two] = [await openRegistry(first.store), await openRegistry(deaf)];
      await one.change(who, 'tenant.create', 'tenant', createTenant(reader, { id: 'acme' }));
      await two.change(who, 'key.create', 'key', createKey(reader, { tenant: 'acme' }));
      const refused = two.change(who, 'key.create', 'key', createKey(reader, { tenant: 'globex' }));
      await expect(refused).rejects.toMatchObject({ failure: 'invalid_request' });
      const trail = await first.store.audit({ limit: 9, before: null, subject: null });
      expect(trail.map(({ action, result }) => [action, result === 'done'])).toEqual([
        ['key.create', false],
        ['key.create', true],
        ['tenant.create', true],
      ]);
    });

    test('of two instances loses no change of either, and both know all of them', async () => {
      const first = await openStore();
      const [one, two] = [await openRegistry(first.store), await openRegistry(await first.another!())];
      await one.change(who, 'tenant.create', 'tenant', createTenant(reader, { id: 'acme', creditUsd: 1 }));
      const { id, key } = (await one.change(who, 'key.create', 'key', createKey(reader, { tenant: 'acme' }))) as {
        id: string;
        key: string;
      };
      const knows = (registry: Registry): boolean => {
        try {
          return authenticate(registry.roll.keys, [key], Date.now()).keyId === id;
        } catch {
          return false;
        }
      };
      expect(knows(one)).toBe(true);
      await expect.poll(() => knows(two), { interval: 10 }).toBe(true);
      await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          [one, two][index % 2]!.change(who, 'credit.add', 'tenant', addCredit({ tenant: 'acme' }, 1_000_000)),
        ),
      );
      for (const registry of [one, two])
        await expect
          .poll(() => registry.roll.payers(), { interval: 10 })
          .toMatchObject([{ id: 'acme', budgets: [{ limitNanos: 1_040_000_000 }] }]);
      await two.change(who, 'key.revoke', 'key', revokeKey(id));
      await expect.poll(() => knows(one), { interval: 10 }).toBe(false);
      const [made, refused] = await Promise.allSettled([
        one.change(who, 'tenant.delete', 'tenant', deleteTenant('acme')),
        two.change(who, 'key.create', 'key', createKey(reader, { tenant: 'acme' })),
      ]);
      // Whoever came first: no key works of a tenant that is deleted.
      expect(made.status).toBe('fulfilled');
      if (refused.status === 'fulfilled') {
        const late = keyIn(refused.value);
        await expect
          .poll(() => {
            try {
              return authenticate(one.roll.keys, [late], Date.now()).keyId;
            } catch (error) {
              return (error as Error).message;
            }
          })
          .toMatch(/revoked/);
      }
    });
  });
}
