import { createHash, randomBytes } from 'node:crypto';
import { usdToNanos } from '../image/price.ts';
import type { View } from './registry.ts';
import { earlier } from './registry-keys.ts';
import {
  changeOf,
  configured,
  conflict,
  freshKey,
  keepsOut,
  keyNamed,
  notFound,
  tenantNamed,
  TOP_UP,
} from './registry-lookup.ts';
import type { Decide, Owner } from './registry-lookup.ts';
import type { KeyRecord, LineRecord } from './registry-store.ts';
import { keyOf, shownKey, splitCredit, timeOf } from './registry-view.ts';
import { keyBody, mergePatch, mistaken, valueOf } from './settings.ts';
import type { JsonMap, SettingsReader } from './settings.ts';

/** As the configuration names a key: the first digits of its digest. */
const KEY_ID_DIGITS = 12;

/** The reply alone holds the key itself. */
export function createKey(reader: SettingsReader, sent: JsonMap): Decide {
  return (view) => {
    const tenant = tenantNamed(view, sent['tenant']);
    const { settings, expiresAt, creditUsd } = valueOf(reader.key(sent, tenant));
    const creditNanos = creditUsd === null ? null : usdToNanos(creditUsd);
    const { secret, id, sha256 } = newKey(view);
    const line: LineRecord = { kind: 'line', id, tenant: tenant.id, settings, creditNanos };
    const key = freshKey(view, { id, line: id, tenant: tenant.id, sha256, expiresAt });
    const shown = shownKey(view, key, line);
    return { ...changeOf(`key ${id}`, [line, key], null, shown, creditNanos), reply: { ...shown, key: secret } };
  };
}

/** Settings go for all keys of the line; `expires` and `revoked` for this one, which may be one of the configuration. */
export function patchKey(reader: SettingsReader, id: string, patch: JsonMap): Decide {
  return (view) => {
    const { revoked, expires, ...rest } = patch;
    const key = keyNamed(view, id);
    keepsOut(rest, {
      id: 'names it in the ledger, and stays',
      tenant: 'stays: make a key of the other tenant instead',
      creditUsd: TOP_UP,
    });
    if (revoked !== undefined && revoked !== true)
      throw mistaken('revoked', 'can only become true: make or rotate a key instead of bringing one back');
    const line = view.get('line', key.line);
    const settled = Object.keys(rest).length > 0 ? lineUnder(reader, view, line, key, rest) : null;
    let expiresAt = expires === null ? null : key.expiresAt;
    if (expires !== undefined && expires !== null) {
      const owner = { id: key.tenant, models: null };
      ({ expiresAt } = valueOf(reader.key({ tenant: owner.id, expires }, owner)));
    }
    const record = { ...key, expiresAt, revokedAt: revoked === true ? (key.revokedAt ?? view.now) : key.revokedAt };
    const records = settled === null ? [record] : [settled, record];
    return changeOf(`key ${id}`, records, keyOf(view, id), keyUnder(view, record, settled ?? line));
  };
}

export function revokeKey(id: string): Decide {
  return (view) => {
    const key = keyNamed(view, id);
    const record = { ...key, revokedAt: key.revokedAt ?? view.now };
    return changeOf(`key ${id}`, [record], keyOf(view, id), keyUnder(view, record, view.get('line', key.line)));
  };
}

/** A new key of the same line; the old one works for `overlapMs` more. */
export function rotateKey(id: string, overlapMs: number): Decide {
  return (view) => {
    const key = keyNamed(view, id);
    const before = keyOf(view, id);
    if (key.replacedBy !== null)
      throw conflict('replaced', `The key ${id} was rotated already: rotate ${key.replacedBy}, which took its place.`);
    if (before?.['status'] !== 'active') throw conflict('not_active', `The key ${id} works no more: make a new one.`);
    const known = view.get('line', key.line);
    const line = known ?? lineOfBase(view, key);
    const { secret, id: newId, sha256 } = newKey(view);
    const expiresAt = earlier(key.expiresAt, view.baseKey(id)?.key.expiresAt ?? null);
    const next = freshKey(view, { id: newId, line: line.id, tenant: key.tenant, sha256, expiresAt });
    const end = earlier(view.now + overlapMs, key.expiresAt);
    const old = { ...key, expiresAt: end, replacedBy: newId };
    const shown = shownKey(view, next, line);
    const replaces = { id, expires: timeOf(end ?? view.now) };
    const records = known === null ? [line, next, old] : [next, old];
    const credit = known === null ? line.creditNanos : null;
    const told = changeOf(`key ${line.id}`, records, before, { ...shown, replaces }, credit);
    return { ...told, reply: { ...shown, replaces, key: secret } };
  };
}

function newKey(view: View): { readonly secret: string; readonly id: string; readonly sha256: string } {
  for (;;) {
    const secret = `sk-plantain-${randomBytes(32).toString('base64url')}`;
    const sha256 = createHash('sha256').update(secret).digest('hex');
    const id = sha256.slice(0, KEY_ID_DIGITS);
    if (view.get('key', id) === null && view.baseKey(id) === null) return { secret, id, sha256 };
  }
}

function lineUnder(
  reader: SettingsReader,
  view: View,
  line: LineRecord | null,
  key: KeyRecord,
  patch: JsonMap,
): LineRecord {
  if (line === null || view.baseKey(key.id) !== null) throw configured(`What the key ${key.id} may do`);
  const owner: Owner = tenantNamed(view, line.tenant);
  const sent = mergePatch(keyBody(line.tenant, line.settings, line.creditNanos), patch);
  return { ...line, settings: valueOf(reader.key(sent, owner)).settings };
}

/** The line of a key of the configuration, with the settings it has there now. */
function lineOfBase(view: View, key: KeyRecord): LineRecord {
  const base = view.baseKey(key.id);
  if (base === null) throw notFound(`There is no key ${key.id}.`);
  const { budgets, creditNanos } = splitCredit(base.key.settings.budgets);
  const settings = { ...base.key.settings, budgets };
  return { kind: 'line', id: key.line, tenant: base.tenant.id, settings, creditNanos };
}

/** As it will be shown when the record is written. */
function keyUnder(view: View, key: KeyRecord, line: LineRecord | null): JsonMap {
  if (line !== null && view.baseKey(key.id) === null) return shownKey(view, key, line);
  const get: View['get'] = (kind, id) => (kind === 'key' && id === key.id ? (key as never) : view.get(kind, id));
  return keyOf({ ...view, get }, key.id) ?? {};
}
