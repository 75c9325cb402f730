import { budgetsReader, modelsReader } from './budgets.ts';
import type { ReadBudgets } from './budgets.ts';
import { createReport } from './mistakes.ts';
import type { Mistake, Report } from './mistakes.ts';
import type { TenantFile } from './schema/tenant.ts';
import type { Config, KeySettings, TenantConfig, TenantSettings } from './shape.ts';
import type { PathOf } from './source.ts';
import { readKeySettings, readTenantSettings } from './tenants.ts';
import { readSchema, validator } from './validate.ts';

/** A tenant as it is sent at run time: as the configuration writes one, without its keys. */
type SentTenant = Omit<TenantFile, 'keys'>;
/** A key likewise, without its secret, and with its tenant. */
type SentKey = Pick<TenantFile['keys'][number], 'models' | 'budgets' | 'creditUsd' | 'cache' | 'expires'> & {
  readonly tenant: string;
  readonly name?: string | undefined;
};

/** What was sent, as the configuration would have it; or all of its mistakes. */
export type Sent<T> = { readonly value: T } | { readonly mistakes: readonly Pick<Mistake, 'path' | 'message'>[] };

/** `budgets` are without the credit. */
export interface SentTenantRead {
  readonly id: string;
  readonly settings: TenantSettings;
  readonly creditUsd: number | null;
}

export interface SentKeyRead {
  readonly settings: Omit<KeySettings, 'expiresAt'> & { readonly name: string | null };
  readonly expiresAt: number | null;
  readonly creditUsd: number | null;
}

export interface SentReader {
  /** May add defaults to what was sent, as the next one. */
  tenant(sent: unknown): Sent<SentTenantRead>;
  key(sent: unknown, tenant: Pick<TenantConfig, 'id' | 'models'>): Sent<SentKeyRead>;
}

/** Reads tenants and keys that come at run time by the same schema and the same rules as those of the configuration. */
export function createSentReader({ models, organisations }: Pick<Config, 'models' | 'organisations'>): SentReader {
  let form: ReturnType<typeof formOfSent> | null = null;

  function read<F, T>(
    form: (sent: unknown, report: Report) => { readonly file: F; readonly pathOf: PathOf } | null,
    sent: unknown,
    use: (file: F, readers: Parameters<typeof readTenantSettings>[2], report: Report) => T,
  ): Sent<T> {
    const report = createReport({ data: sent, syntaxErrors: [], lineOf: () => null });
    const found = form(sent, report);
    if (found === null) return { mistakes: report.mistakes };
    const readModels = modelsReader(models, report);
    const readBudgets = withoutCredit(budgetsReader(readModels, report, found.pathOf));
    const value = use(found.file, { readModels, readBudgets, organisations }, report);
    return report.mistakes.length > 0 ? { mistakes: report.mistakes } : { value };
  }

  return {
    tenant: (sent) =>
      read((form ??= formOfSent()).tenant, sent, (file, readers, report) => ({
        id: file.id,
        settings: readTenantSettings(file, [], readers, report),
        creditUsd: file.creditUsd ?? null,
      })),
    key: (sent, tenant) =>
      read((form ??= formOfSent()).key, sent, (file, readers, report) => {
        const { expiresAt, ...settings } = readKeySettings(file, [], tenant, readers, report);
        return { settings: { name: file.name ?? null, ...settings }, expiresAt, creditUsd: file.creditUsd ?? null };
      }),
  };
}

/** Credit stands among the budgets while they are checked, and is kept apart from them: top-ups add to it. */
function withoutCredit(readBudgets: ReadBudgets): ReadBudgets {
  return (file, path) => readBudgets(file, path).slice(0, file.budgets.length);
}

/** To compile it takes as long as all the rest of a change: done for the first of them. */
function formOfSent() {
  const { keys, ...settings } = schemaAt(readSchema(), 'tenants').properties;
  const tenant = schemaOf(settings, ['id']);
  const { key: _key, keyFrom: _keyFrom, sha256: _sha256, revoked: _revoked, ...ofKey } = itemsOf(keys).properties;
  const name = {
    type: 'string',
    pattern: '^[^\\p{C}]{1,100}$',
    errorMessage: 'must be 1 to 100 characters, none of them a control character',
  };
  const key = schemaOf({ tenant: settings['id'], name, ...ofKey }, ['tenant']);
  return { tenant: validator<SentTenant>(tenant), key: validator<SentKey>(key) };
}

interface SchemaOfObject {
  readonly properties: Readonly<Record<string, object>>;
}

function schemaAt(schema: object, list: string): SchemaOfObject {
  return itemsOf((schema as SchemaOfObject).properties[list]);
}

function itemsOf(list: object | undefined): SchemaOfObject {
  return (list as { readonly items: SchemaOfObject }).items;
}

function schemaOf(properties: Readonly<Record<string, object | undefined>>, required: readonly string[]): object {
  return { type: 'object', additionalProperties: false, properties, required };
}
