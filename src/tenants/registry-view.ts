import type { View } from './registry.ts';
import { earlier } from './registry-keys.ts';
import type { KeyRecord, LineRecord, TenantRecord } from './registry-store.ts';
import { isCredit, keyBody, tenantBody } from './settings.ts';
import type { BudgetSetting, JsonMap, KeySettings, TenantSettings } from './settings.ts';
import { usdToNanos } from '../image/price.ts';

/** Whether a key works, and if not, why. */
export type KeyStatus = 'active' | 'expired' | 'revoked' | 'tenant_deleted' | 'tenant_missing' | 'organisation_missing';

/** A tenant with all that is known of it, or null. No secret is in it. */
export function tenantOf(view: View, id: string): JsonMap | null {
  const base = view.baseTenant(id);
  const made = view.get('tenant', id);
  if (base !== null)
    return { ...settled(base.settings, (rest, credit) => tenantBody(id, rest, credit)), configured: true };
  return made === null ? null : shownTenant(made);
}

export function shownTenant({ id, settings, creditNanos, createdAt, deletedAt }: TenantRecord): JsonMap {
  return {
    ...tenantBody(id, settings, creditNanos),
    configured: false,
    createdAt: timeOf(createdAt),
    ...(deletedAt !== null && { deletedAt: timeOf(deletedAt) }),
  };
}

/** A key with all that is known of it but itself, or null. */
export function keyOf(view: View, id: string): JsonMap | null {
  const base = view.baseKey(id);
  const key = view.get('key', id);
  if (base !== null) {
    const { tenant, key: configured } = base;
    const settings = settled(configured.settings, (rest, credit) => keyBody(tenant.id, rest, credit));
    const ends = endsOf(configured.expiresAt, configured.revoked, key);
    return { id, line: id, ...settings, configured: true, ...ends, status: statusOf(view, tenant.id, ends) };
  }
  const line = key === null ? null : view.get('line', key.line);
  return key === null || line === null || key.sha256 === null ? null : shownKey(view, key, line);
}

export function shownKey(view: View, key: KeyRecord, line: LineRecord): JsonMap {
  const ends = endsOf(null, false, key);
  return {
    id: key.id,
    line: line.id,
    ...keyBody(line.tenant, line.settings, line.creditNanos),
    configured: false,
    createdAt: timeOf(key.createdAt),
    ...ends,
    status: statusOf(view, line.tenant, ends),
  };
}

interface Ends {
  readonly [name: string]: string;
}

function endsOf(expiresAt: number | null, isRevoked: boolean, key: KeyRecord | null): Ends {
  const ends = earlier(expiresAt, key?.expiresAt ?? null);
  return {
    ...(ends !== null && { expires: timeOf(ends) }),
    ...((isRevoked || (key !== null && key.revokedAt !== null)) && {
      revoked: key?.revokedAt === null || key === null ? 'by the configuration' : timeOf(key.revokedAt),
    }),
    ...(key !== null && key.replacedBy !== null && { replacedBy: key.replacedBy }),
  };
}

function statusOf(view: View, tenantId: string, { expires, revoked }: Ends): KeyStatus {
  const made = view.get('tenant', tenantId);
  if (view.baseTenant(tenantId) === null) {
    if (made === null) return 'tenant_missing';
    if (made.deletedAt !== null) return 'tenant_deleted';
    if (!view.works(tenantId)) return 'organisation_missing';
  }
  if (revoked !== undefined) return 'revoked';
  return expires !== undefined && Date.parse(expires) <= view.now ? 'expired' : 'active';
}

/** Settings of the configuration, whose credit is one of the budgets. */
function settled<Settings extends TenantSettings | KeySettings>(
  settings: Settings,
  show: (settings: Settings, creditNanos: number | null) => JsonMap,
): JsonMap {
  const { budgets, creditNanos } = splitCredit(settings.budgets);
  return show({ ...settings, budgets }, creditNanos);
}

export function splitCredit(budgets: readonly BudgetSetting[]): {
  readonly budgets: readonly BudgetSetting[];
  readonly creditNanos: number | null;
} {
  const credit = budgets.find(isCredit);
  return {
    budgets: budgets.filter((budget) => budget !== credit),
    creditNanos: credit === undefined ? null : usdToNanos(credit.limitUsd),
  };
}

export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
