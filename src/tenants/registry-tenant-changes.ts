import { usdToNanos } from '../image/price.ts';
import { changeOf, configured, conflict, keepsOut, notFound, ownTenant, TOP_UP } from './registry-lookup.ts';
import type { Decide } from './registry-lookup.ts';
import type { TenantRecord } from './registry-store.ts';
import { shownTenant, timeOf } from './registry-view.ts';
import { isMap, mergePatch, mistaken, tenantBody, valueOf } from './settings.ts';
import type { JsonMap, SettingsReader, TenantSettings } from './settings.ts';
import type { View } from './registry.ts';

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
    mustShareKnowingly(view, sent, id, settings);
    const creditNanos = creditUsd === null ? null : usdToNanos(creditUsd);
    const record: TenantRecord = { kind: 'tenant', id, settings, creditNanos, createdAt: view.now, deletedAt: null };
    return changeOf(`tenant ${id}`, [record], null, shownTenant(record), creditNanos);
  };
}

/** Throws where a tenant that names no scope would get its own name for one, and share pictures with those who keep theirs there. */
function mustShareKnowingly(view: View, { cache }: JsonMap, id: string, { cache: { scope } }: TenantSettings): void {
  if ((isMap(cache) && 'scope' in cache) || !view.hasScope(scope)) return;
  throw conflict(
    'scope_taken',
    `Another tenant keeps its pictures under the scope ${id}, and they would share them: name a cache.scope, the same one if that is what you want.`,
    'cache.scope',
  );
}

export function patchTenant(reader: SettingsReader, id: string, patch: JsonMap): Decide {
  return (view) => {
    const tenant = ownTenant(view, id);
    keepsOut(patch, { id: 'is the name of its budgets and its spending, and stays', creditUsd: TOP_UP });
    const sent = mergePatch(tenantBody(id, tenant.settings, tenant.creditNanos), patch);
    const { settings } = valueOf(reader.tenant(sent));
    if (settings.cache.scope !== tenant.settings.cache.scope) mustShareKnowingly(view, sent, id, settings);
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

/**
 * Leaves of a deleted tenant that its id was used: its keys go, and its settings. So does what the audit trail says of
 * them. Who was never made here, and is not configured any more, can be forgotten too.
 */
export function forgetTenant(id: string): Decide {
  return (view) => {
    if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(id)) throw notFound('There is no such tenant.');
    if (view.baseTenant(id) !== null)
      throw conflict('configured', `The tenant ${id} is configured: take it out there first, and start again.`);
    const known = view.get('tenant', id);
    if (known !== null && known.deletedAt === null)
      throw conflict('not_deleted', `The tenant ${id} may still draw: delete it first, DELETE /admin/tenants/${id}.`);
    const { now } = view;
    const record: TenantRecord = {
      kind: 'tenant',
      id,
      settings: {
        models: null,
        organisation: null,
        budgets: [],
        limits: null,
        safetyFloor: null,
        cache: { scope: id, when: null, ttlSeconds: null },
      },
      creditNanos: null,
      createdAt: known?.createdAt ?? now,
      deletedAt: known?.deletedAt ?? now,
      forgottenAt: now,
    };
    const records = view.recordsOf(id).map(({ kind, id: name }) => ({ kind, id: name }));
    return {
      subject: `tenant ${id}`,
      records: [record],
      forgets: { tenant: id, records },
      before: null,
      after: null,
      amountNanos: null,
      reply: { id, forgottenAt: timeOf(now) },
    };
  };
}
