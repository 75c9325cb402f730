import { createHash } from 'node:crypto';
import type { Model } from '../image/model.ts';
import { isHeaderSafe, secretNames } from './environment.ts';
import type { ReadSecret } from './environment.ts';
import type { Report } from './mistakes.ts';
import { modelId } from './models.ts';
import type { TenantFile } from './schema/tenant.ts';
import type { KeyConfig, TenantConfig } from './shape.ts';
import type { Path, PathOf } from './source.ts';

/** Hex digits of a key's digest that name it: enough to tell keys apart, useless for finding them. */
const KEY_ID_DIGITS = 12;

export function readTenants(
  files: readonly TenantFile[],
  models: readonly Model[],
  readSecret: ReadSecret,
  report: Report,
  pathOf: PathOf,
): readonly TenantConfig[] {
  const ids = new Set<string>();
  const owners = new Map<string, string>();

  function readKey(key: TenantFile['keys'][number], tenant: string): readonly KeyConfig[] {
    const path = pathOf(key);
    const mistake = (name: string, message: string): void => report.mistake([...path, name], message);
    const expiresAt = key.expires === undefined ? null : readTime(key.expires);
    if (Number.isNaN(expiresAt)) mistake('expires', 'there is no such day');
    const sha256 = digestOf(key, readSecret, mistake);
    if (sha256 === null) return [];
    const owner = owners.get(sha256);
    if (owner !== undefined)
      report.mistake(path, `${owner === tenant ? 'this tenant' : `the tenant ${owner}`} has this key already`);
    owners.set(sha256, owner ?? tenant);
    return [{ sha256, id: sha256.slice(0, KEY_ID_DIGITS), revoked: key.revoked, expiresAt }];
  }

  function readModels(names: readonly string[] | undefined, path: Path): readonly string[] | null {
    if (names === undefined) return null;
    const found = names.flatMap((name, index) => modelId(models, name, [...path, 'models', index], report) ?? []);
    return [...new Set(found)];
  }

  return files.map((file): TenantConfig => {
    const path = pathOf(file);
    if (ids.has(file.id)) report.mistake([...path, 'id'], `another tenant is called ${file.id} already`);
    ids.add(file.id);
    return {
      id: file.id,
      keys: file.keys.flatMap((key) => readKey(key, file.id)),
      models: readModels(file.models, path),
      budgets: file.budgets.map((budget) => {
        const { limitUsd, per, timeZone } = budget;
        if (!isTimeZone(timeZone))
          report.mistake(
            [...pathOf(budget), 'timeZone'],
            `${JSON.stringify(timeZone)} is no time zone; write one such as UTC or Europe/Berlin`,
          );
        return { limitUsd, per, timeZone, models: readModels(budget.models, pathOf(budget)) };
      }),
      cache: {
        scope: file.cache.scope ?? file.id,
        when: file.cache.when ?? null,
        ttlSeconds: file.cache.ttlSeconds ?? null,
      },
    };
  });
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

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
