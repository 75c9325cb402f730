import { usdToNanos } from '../image/price.ts';
import { changeOf, configured, conflict, keepsOut, ownTenant, TOP_UP } from './registry-lookup.ts';
import type { Decide } from './registry-lookup.ts';
import type { TenantRecord } from './registry-store.ts';
import { shownTenant } from './registry-view.ts';
import { isMap, mergePatch, mistaken, tenantBody, valueOf } from './settings.ts';
import type { JsonMap, SettingsReader } from './settings.ts';

export function createTenant(reader: SettingsReader, sent: JsonMap): Decide {
  return (view) => {
    const { id, settings, creditUsd } = valueOf(reader.tenant(sent));
    if (id.startsWith('sk-'))
      throw mistaken('id', 'must not begin as a key does: it is in logs, metrics and the ledger');
    if (view.baseTenant(id) !== null) throw configured(`The tenant ${id}`);
    const known = view.get('tenant', id);
    if (known !== null && known.deletedAt === null) throw conflict('exists', `There is a tenant ${id} already.`, 'id');
    if (known !== null)
      throw conflict(
        'deleted',
        `A tenant ${id} was deleted: its spending and its pictures are kept under that id. Choose another.`,
        'id',
      );
    const { cache } = sent;
    if (!(isMap(cache) && 'scope' in cache) && view.hasScope(settings.cache.scope))
      throw conflict(
        'scope_taken',
        `Another tenant keeps its pictures under the scope ${id}, and they would share them: name a cache.scope, the same one if that is what you want.`,
        'cache.scope',
      );
    const creditNanos = creditUsd === null ? null : usdToNanos(creditUsd);
    const record: TenantRecord = { kind: 'tenant', id, settings, creditNanos, createdAt: view.now, deletedAt: null };
    return changeOf(`tenant ${id}`, [record], null, shownTenant(record), creditNanos);
  };
}

export function patchTenant(reader: SettingsReader, id: string, patch: JsonMap): Decide {
  return (view) => {
    const tenant = ownTenant(view, id);
    keepsOut(patch, { id: 'is the name of its budgets and its spending, and stays', creditUsd: TOP_UP });
    const sent = mergePatch(tenantBody(id, tenant.settings, tenant.creditNanos), patch);
    const { settings } = valueOf(reader.tenant(sent));
    const record = { ...tenant, settings };
    return changeOf(`tenant ${id}`, [record], shownTenant(tenant), shownTenant(record));
  };
}

/**
 * From then on its keys are refused. Its pictures in the air are finished and settled; the record stays, so that nobody
 * else gets its budgets and its pictures with its id.
 */
export function deleteTenant(id: string): Decide {
  return (view) => {
    const tenant = ownTenant(view, id);
    const record = { ...tenant, deletedAt: view.now };
    return changeOf(`tenant ${id}`, [record], shownTenant(tenant), shownTenant(record));
  };
}
