import { GatewayError } from '../errors.ts';
import type { Change, View } from './registry.ts';
import type { KeyRecord, TenantRecord } from './registry-store.ts';
import { mistaken } from './settings.ts';
import type { JsonMap, JsonValue } from './settings.ts';

/** Decides a change on what is known; throws GatewayError with what is in its way. */
export type Decide = (view: View) => Change<JsonMap>;

/** A tenant as far as its keys depend on it. */
export interface Owner {
  readonly id: string;
  readonly models: readonly string[] | null;
}

/** A tenant that can be changed. */
export function ownTenant(view: View, id: string): TenantRecord {
  if (view.baseTenant(id) !== null) throw configured(`The tenant ${id}`);
  const tenant = view.get('tenant', id);
  if (tenant === null || tenant.deletedAt !== null) throw notFound(`There is no tenant ${id}.`);
  return tenant;
}

/** The tenant that a body names. */
export function tenantNamed(view: View, id: JsonValue | undefined): Owner {
  if (typeof id !== 'string') throw mistaken('tenant', 'must be the id of a tenant');
  const tenant = view.baseTenant(id) ?? view.get('tenant', id);
  if (tenant === null || ('deletedAt' in tenant && tenant.deletedAt !== null))
    throw mistaken(
      'tenant',
      `no tenant is called ${JSON.stringify(id.slice(0, 64))}: make it first, POST /admin/tenants`,
    );
  return { id, models: tenant.settings.models };
}

/** A key's record; over a key of the configuration that was never touched, a blank one. */
export function keyNamed(view: View, id: string): KeyRecord {
  const key = view.get('key', id);
  const base = view.baseKey(id);
  if (base !== null && key === null)
    return freshKey(view, { id, line: id, tenant: base.tenant.id, sha256: null, expiresAt: null });
  if (key === null || (key.sha256 === null && base === null)) throw notFound(`There is no key ${id}.`);
  return key;
}

export function freshKey(
  { now }: View,
  rest: Pick<KeyRecord, 'id' | 'line' | 'tenant' | 'sha256' | 'expiresAt'>,
): KeyRecord {
  return { kind: 'key', ...rest, createdAt: now, revokedAt: null, replacedBy: null };
}

/** A change whose reply is what there is after it. */
export function changeOf(
  subject: string,
  records: Change<JsonMap>['records'],
  before: JsonMap | null,
  after: JsonMap,
  amountNanos: number | null = null,
): Change<JsonMap> {
  return { subject, records, before, after, amountNanos, reply: after };
}

/** Settings that have a way of their own, or none, to be changed. */
export function keepsOut(patch: JsonMap, fixed: Readonly<Record<string, string>>): void {
  for (const [name, why] of Object.entries(fixed)) if (Object.hasOwn(patch, name)) throw mistaken(name, why);
}

export const TOP_UP = 'is changed by adding to it: POST /admin/credit';

export function notFound(message: string): GatewayError {
  return new GatewayError('invalid_request', message, { status: 404, code: 'not_found' });
}

export function conflict(code: string, message: string, param?: string): GatewayError {
  return new GatewayError('invalid_request', message, { status: 409, code, param });
}

export function configured(what: string): GatewayError {
  return conflict('configured', `${what} is set by the configuration: change it there, and start again.`);
}
