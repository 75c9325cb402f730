import { createHash } from 'node:crypto';
import type { ReadBudgets, ReadModels } from './budgets.ts';
import { isHeaderSafe, secretNames } from './environment.ts';
import type { ReadSecret } from './environment.ts';
import { readLimits } from './limits.ts';
import type { Report } from './mistakes.ts';
import type { TenantFile } from './schema/tenant.ts';
import type { KeyConfig, KeySettings, OrganisationConfig, TenantConfig, TenantSettings } from './shape.ts';
import type { Path, PathOf } from './source.ts';

/** Hex digits of a key's digest that name it: enough to tell keys apart, useless for finding them. */
const KEY_ID_DIGITS = 12;

export interface SettingsReaders {
  readonly readModels: ReadModels;
  readonly readBudgets: ReadBudgets;
  readonly organisations: readonly OrganisationConfig[];
}

export interface TenantReaders extends SettingsReaders {
  readonly readSecret: ReadSecret;
  readonly pathOf: PathOf;
}

type TenantKeyFile = TenantFile['keys'][number];

export function readTenants(
  files: readonly TenantFile[],
  readers: TenantReaders,
  report: Report,
): readonly TenantConfig[] {
  const { readSecret, pathOf } = readers;
  const ids = new Set<string>();
  const owners = new Map<string, string>();

  function readKey(key: TenantKeyFile, tenant: string, tenantModels: readonly string[] | null): readonly KeyConfig[] {
    const path = pathOf(key);
    const sha256 = digestOf(key, readSecret, (name, message) => report.mistake([...path, name], message));
    const settings = readKeySettings(key, path, { id: tenant, models: tenantModels }, readers, report);
    if (sha256 === null) return [];
    const owner = owners.get(sha256);
    if (owner !== undefined)
      report.mistake(path, `${owner === tenant ? 'this tenant' : `the tenant ${owner}`} has this key already`);
    owners.set(sha256, owner ?? tenant);
    return [{ sha256, id: keyId(sha256), revoked: key.revoked, ...settings }];
  }

  const tenants = files.map((file): TenantConfig => {
    const path = pathOf(file);
    if (ids.has(file.id)) report.mistake([...path, 'id'], `another tenant is called ${file.id} already`);
    ids.add(file.id);
    const settings = readTenantSettings(file, path, readers, report);
    return {
      id: file.id,
      keys: file.keys.flatMap((key) => readKey(key, file.id, settings.models)),
      ...settings,
    };
  });
  warnOfShared(tenants, report);
  return tenants;
}

/** Who gets an answer for nothing, or at once, knows that another has asked for it. */
function warnOfShared(tenants: readonly TenantConfig[], report: Report): void {
  for (const [scope, sharing] of Map.groupBy(tenants, ({ cache }) => cache.scope))
    if (sharing.length > 1)
      report.warn(
        `The tenants ${sharing.map(({ id }) => id).join(', ')} share the cache scope ${scope}: each can tell what another has asked for.`,
      );
}

/** A tenant's settings, which stand at `path`. */
export function readTenantSettings(
  file: Omit<TenantFile, 'keys'>,
  path: Path,
  { readModels, readBudgets, organisations }: SettingsReaders,
  report: Report,
): TenantSettings {
  const organisation = file.organisation ?? null;
  const isKnown = organisation === null || organisations.some(({ id }) => id === organisation);
  if (!isKnown && !report.isPartial('organisations'))
    report.mistake([...path, 'organisation'], `no organisation is called ${organisation}: name it under organisations`);
  return {
    models: readModels(file.models, path),
    organisation,
    budgets: readBudgets(file, path),
    limits: readLimits(file.limits),
    safetyFloor: file.safety?.floor ?? null,
    cache: {
      scope: file.cache.scope ?? file.id,
      when: file.cache.when ?? null,
      ttlSeconds: file.cache.ttlSeconds ?? null,
      ...(file.cache.onDisconnect !== undefined && { onDisconnect: file.cache.onDisconnect }),
    },
  };
}

/** The settings of a tenant's key, which stand at `path`. */
export function readKeySettings(
  key: Pick<TenantKeyFile, 'models' | 'budgets' | 'creditUsd' | 'cache' | 'expires'>,
  path: Path,
  tenant: Pick<TenantConfig, 'id' | 'models'>,
  { readModels, readBudgets }: SettingsReaders,
  report: Report,
): KeySettings {
  const mistake = (name: string, message: string): void => report.mistake([...path, name], message);
  const expiresAt = key.expires === undefined ? null : readTime(key.expires);
  if (Number.isNaN(expiresAt)) mistake('expires', 'there is no such day');
  const models = readModels(key.models, path);
  const denied = models?.find((model) => tenant.models !== null && !tenant.models.includes(model));
  if (denied !== undefined) mistake('models', `the tenant ${tenant.id} may not use ${denied}, so none of its keys may`);
  return { expiresAt, models, budgets: readBudgets(key, path), cache: key.cache ?? null };
}

/** Names a key without giving it away. */
function keyId(sha256: string): string {
  return sha256.slice(0, KEY_ID_DIGITS);
}

function digestOf(
  key: TenantFile['keys'][number],
  readSecret: ReadSecret,
  mistake: (name: string, message: string) => void,
): string | null {
  if (key.sha256 !== undefined) return key.sha256.toLowerCase();
  if (key.key !== undefined) {
    if (!isHeaderSafe(key.key)) mistake('key', 'a key has no spaces, line breaks or characters beyond ASCII');
    return sha256Of(key.key);
  }
  if (key.keyFrom === undefined) return null;
  const secret = readSecret(key.keyFrom);
  if (secret === 'missing') mistake('keyFrom', `the environment variable ${secretNames(key.keyFrom)} is not set`);
  return typeof secret === 'string' ? null : sha256Of(secret.value);
}

/** Unix ms of an ISO 8601 time with its offset, or of a date; NaN for the 30th of February, which `Date` takes for March. */
function readTime(text: string): number {
  const day = new Date(`${text.slice(0, 10)}T00:00Z`);
  const exists = !Number.isNaN(day.getTime()) && text.startsWith(day.toISOString().slice(0, 10));
  return exists ? Date.parse(text) : Number.NaN;
}

function sha256Of(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
