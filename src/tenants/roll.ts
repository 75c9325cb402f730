import { addToRing, removeFromRing } from './authenticate.ts';
import type { Caller, KeyEntry, KeyRing, Tenant } from './authenticate.ts';
import type { Payer } from './budget.ts';
import { createResolver, earlier, entryOf } from './registry-keys.ts';
import type { Base, BaseKey, BaseTenant, Resolver } from './registry-keys.ts';
import { isForgotten, nameOf } from './registry-store.ts';
import type { KeyRecord, RecordName, RegistryRecord, Stored } from './registry-store.ts';

export type RecordOf<Kind extends RegistryRecord['kind']> = Extract<RegistryRecord, { readonly kind: Kind }>;

export interface Misfit {
  readonly tenant: string;
  readonly why: string;
}

interface OwnedKey {
  readonly tenant: BaseTenant;
  readonly key: BaseKey;
}

/** The tenants and keys in force: those of the configuration, and under them those of the run time. */
export class Roll {
  /** Changed in place: whoever holds it sees every change at once. */
  readonly keys: KeyRing;
  #baseTenants: ReadonlyMap<string, BaseTenant>;
  #baseKeys = new Map<string, OwnedKey>();
  readonly #ring = new Map<string, readonly KeyEntry[]>();
  readonly #records = new Map<string, Stored>();
  /** Ids of the keys made at run time, by tenant. */
  #keysOf = new Map<string, Set<string>>();
  #entries = new Map<string, readonly KeyEntry[]>();
  #tenants = new Map<string, Tenant>();
  #baseDigests = new Set<string>();
  #resolver: Resolver;
  #payers: readonly Payer[] | null = null;

  constructor(base: Base) {
    this.keys = this.#ring;
    this.#resolver = createResolver(base);
    this.#baseTenants = new Map(base.tenants.map((tenant) => [tenant.id, tenant]));
    for (const tenant of base.tenants)
      for (const key of tenant.keys) {
        this.#baseKeys.set(key.id, { tenant, key });
        this.#baseDigests.add(key.sha256);
      }
    for (const id of this.baseTenants.keys()) this.#rebuild(id);
  }

  get baseTenants(): ReadonlyMap<string, BaseTenant> {
    return this.#baseTenants;
  }

  get baseKeys(): ReadonlyMap<string, OwnedKey> {
    return this.#baseKeys;
  }

  /**
   * From now on another configuration, over the same records of the run time: in one step, or not at all when it throws.
   * Throws Error as `addToRing` does.
   */
  rebase(base: Base): void {
    const next = new Roll(base);
    next.apply([...this.#records.values()]);
    this.#baseTenants = next.#baseTenants;
    this.#baseKeys = next.#baseKeys;
    this.#baseDigests = next.#baseDigests;
    this.#resolver = next.#resolver;
    this.#keysOf = next.#keysOf;
    this.#entries = next.#entries;
    this.#tenants = next.#tenants;
    this.#payers = null;
    this.#ring.clear();
    for (const [bucket, entries] of next.#ring) this.#ring.set(bucket, entries);
  }

  record<Kind extends RegistryRecord['kind']>(kind: Kind, id: string): RecordOf<Kind> | null {
    return (this.#records.get(nameOf({ kind, id }))?.record ?? null) as RecordOf<Kind> | null;
  }

  /** 0: there is no such record. */
  revisionOf(name: RecordName): number {
    return this.#records.get(nameOf(name))?.revision ?? 0;
  }

  /** Takes over what was written; what is known in a later state stays as it is. */
  apply(stored: readonly Stored[]): void {
    const changed = new Set<string>();
    for (const each of stored) {
      const { record, revision } = each;
      if (this.revisionOf(record) >= revision) continue;
      if (record.kind !== 'tenant' && isForgotten(each, this.#tenantOf(record))) continue;
      this.#records.set(nameOf(record), each);
      if (record.kind === 'tenant' && record.forgottenAt !== undefined) this.#forget(each);
      if (record.kind === 'key' && record.sha256 !== null) {
        const ids = this.#keysOf.get(record.tenant) ?? new Set();
        this.#keysOf.set(record.tenant, ids.add(record.id));
      }
      changed.add(record.kind === 'tenant' ? record.id : record.tenant);
      const base = record.kind === 'key' ? this.baseKeys.get(record.id) : undefined;
      if (base !== undefined) changed.add(base.tenant.id);
    }
    for (const tenant of changed) this.#rebuild(tenant);
  }

  /** Keys made for a tenant, or changed over those it was configured with, and their lines. */
  recordsOf(tenant: string): readonly RegistryRecord[] {
    return [...this.#records.values()].flatMap(({ record }) =>
      record.kind !== 'tenant' && record.tenant === tenant ? [record] : [],
    );
  }

  #tenantOf({ tenant }: { readonly tenant: string }): Stored | undefined {
    return this.#records.get(nameOf({ kind: 'tenant', id: tenant }));
  }

  #forget(tenant: Stored): void {
    for (const record of this.recordsOf(tenant.record.id)) {
      const name = nameOf(record);
      if (!isForgotten(this.#records.get(name)!, tenant)) continue;
      this.#records.delete(name);
      if (record.kind === 'key') this.#keysOf.get(tenant.record.id)?.delete(record.id);
    }
  }

  /** Who asked with that key, as it is now; null: it is revoked or has expired, or its tenant is gone. `now`: Unix ms. */
  caller(tenant: string, keyId: string, now: number): Caller | null {
    const entry = (this.#entries.get(tenant) ?? []).find(({ id }) => id === keyId);
    if (entry === undefined || entry.revoked === true || (entry.expiresAt ?? Infinity) <= now) return null;
    return this.has(tenant) ? { tenant: entry.tenant, keyId } : null;
  }

  /** Who a caller is by now; null: its key or its tenant is none any more. */
  callerNow({ tenant, keyId }: Pick<Caller, 'keyId'> & { readonly tenant: Pick<Tenant, 'id'> }): Caller | null {
    const entry = this.#entries.get(tenant.id)?.find(({ id }) => id === keyId);
    return entry === undefined || entry.revoked === true ? null : { tenant: entry.tenant, keyId };
  }

  /** Whether there is such a tenant, with all that its settings name. */
  works(tenant: string): boolean {
    return this.#tenants.has(tenant);
  }

  /** Whether a tenant, a deleted one too, keeps its pictures under this scope. */
  hasScope(scope: string): boolean {
    if (this.baseTenants.values().some(({ settings }) => settings.cache.scope === scope)) return true;
    return this.#records
      .values()
      .some(({ record }) => record.kind === 'tenant' && record.settings.cache.scope === scope);
  }

  /**
   * Where a tenant alone keeps its pictures: those of its scope, and under its own name the answers to its
   * Idempotency-Keys. Without those where others keep theirs too.
   */
  ownScopes(tenant: string): readonly string[] {
    const scope = (this.baseTenants.get(tenant) ?? this.record('tenant', tenant))?.settings.cache.scope ?? tenant;
    const others = [
      ...this.baseTenants.values(),
      ...this.#records.values().flatMap(({ record }) => (record.kind === 'tenant' ? [record] : [])),
    ].filter(({ id }) => id !== tenant);
    return [...new Set([scope, tenant])].filter((own) => !others.some(({ settings }) => settings.cache.scope === own));
  }

  /** Names of those who keep their pictures under this scope, and under each name what is that tenant's alone. */
  namesIn(scope: string): readonly string[] {
    const made = this.#records.values().flatMap(({ record }) => (record.kind === 'tenant' ? [record] : []));
    const all = [...this.baseTenants.values(), ...made].filter(({ settings }) => settings.cache.scope === scope);
    return [...new Set(all.map(({ id }) => id))].filter(
      (name) => name !== scope && this.ownScopes(name).includes(name),
    );
  }

  /** Whether there is a tenant of that id that is not deleted. */
  has(tenant: string): boolean {
    return this.baseTenants.has(tenant) || this.record('tenant', tenant)?.deletedAt === null;
  }

  /** Ids of all tenants that are not deleted, in their order. */
  tenantIds(): readonly string[] {
    const made = [...this.#records.values()].flatMap(({ record }) =>
      record.kind === 'tenant' && record.deletedAt === null ? [record.id] : [],
    );
    return [...new Set([...this.baseTenants.keys(), ...made])].sort();
  }

  /** Ids of all keys, or of a tenant's, in their order. */
  keyIds(tenant: string | null): readonly string[] {
    const base = [...this.baseKeys].flatMap(
      ([
        id,
        {
          tenant: { id: owner },
        },
      ]) => (tenant === null || owner === tenant ? [id] : []),
    );
    const made = tenant === null ? [...this.#keysOf.values()] : [this.#keysOf.get(tenant) ?? new Set<string>()];
    return [...new Set([...base, ...made.flatMap((ids) => [...ids])])].sort();
  }

  /** Everybody with a budget, each once. */
  payers(): readonly Payer[] {
    if (this.#payers !== null) return this.#payers;
    const payers = new Map<string, Payer>();
    const add = (payer: Payer): void => {
      if (payer.budgets.length > 0) payers.set(`${payer.level} ${payer.id}`, payer);
    };
    for (const [id, tenant] of this.#tenants) {
      add({ level: 'tenant', id, budgets: tenant.budgets });
      tenant.alongside?.forEach(add);
      // Of a line that the configuration and the run time both have a key of, the latter's: it may be topped up.
      for (const entry of this.#entries.get(id) ?? []) entry.tenant.alongside?.forEach(add);
    }
    return (this.#payers = [...payers.values()]);
  }

  /** Tenants whose keys are refused because the configuration lost what they need. */
  misfits(): readonly Misfit[] {
    const missing = [...this.#keysOf.keys()]
      .filter((id) => !this.baseTenants.has(id) && this.record('tenant', id) === null)
      .map((tenant) => ({ tenant, why: 'it is not in the configuration any more' }));
    const homeless = [...this.#records.values()].flatMap(({ record }) =>
      record.kind === 'tenant' && record.deletedAt === null && !this.works(record.id)
        ? [{ tenant: record.id, why: `the configuration has no organisation ${record.settings.organisation}` }]
        : [],
    );
    return [...missing, ...homeless];
  }

  #rebuild(id: string): void {
    this.#payers = null;
    for (const { sha256 } of this.#entries.get(id) ?? []) removeFromRing(this.#ring, sha256);
    this.#entries.delete(id);
    this.#tenants.delete(id);
    const base = this.baseTenants.get(id);
    const made = this.record('tenant', id);
    const settings = (base ?? made)?.settings;
    if (settings === undefined || !this.#resolver.fits(settings)) return;
    const creditNanos = base === undefined ? (made?.creditNanos ?? null) : null;
    const tenant = this.#resolver.tenant({ id, settings, creditNanos });
    const isDeleted = base === undefined && made !== null && made.deletedAt !== null;
    const entries = [...this.#baseEntries(base, tenant), ...this.#madeEntries(id, tenant, isDeleted)];
    for (const entry of entries) addToRing(this.#ring, entry);
    this.#entries.set(id, entries);
    if (!isDeleted) this.#tenants.set(id, tenant);
  }

  #baseEntries(base: BaseTenant | undefined, tenant: Tenant): readonly KeyEntry[] {
    return (base?.keys ?? []).map(({ id, sha256, revoked, expiresAt, settings }) => {
      const over = this.record('key', id);
      const ends = {
        revoked: revoked || (over !== null && over.revokedAt !== null),
        expiresAt: earlier(expiresAt, over?.expiresAt ?? null),
      };
      return entryOf({ id, sha256, ...ends }, this.#resolver.narrowed(tenant, { id, settings, creditNanos: null }));
    });
  }

  #madeEntries(id: string, tenant: Tenant, isDeleted: boolean): readonly KeyEntry[] {
    const lines = new Map<string, Tenant>();
    return [...(this.#keysOf.get(id) ?? [])].flatMap((keyId) => {
      const key = this.record('key', keyId);
      const line = key === null ? null : this.record('line', key.line);
      if (key === null || line === null || !this.#isOwn(key)) return [];
      const seen = lines.get(line.id) ?? this.#resolver.narrowed(tenant, line);
      lines.set(line.id, seen);
      const { sha256, expiresAt, revokedAt } = key;
      return [entryOf({ id: keyId, sha256, expiresAt, revoked: isDeleted || revokedAt !== null }, seen)];
    });
  }

  /** A key of the run time, and not the configuration's by now. */
  #isOwn(key: KeyRecord): key is KeyRecord & { readonly sha256: string } {
    return key.sha256 !== null && !this.#baseDigests.has(key.sha256);
  }
}
