import { GatewayError } from '../errors.ts';
import { nanosToUsd } from '../image/price.ts';
import type { SafetyFloor } from '../image/safety.ts';
import type { Budget, Per } from './budget.ts';
import type { Limits } from './limits.ts';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonMap;
export interface JsonMap {
  readonly [name: string]: JsonValue;
}

/** A tenant's settings as a configuration has them: models by their ids, defaults filled in. Without its credit. */
export interface TenantSettings {
  readonly models: readonly string[] | null;
  readonly organisation: string | null;
  readonly budgets: readonly BudgetSetting[];
  readonly limits: Limits | null;
  readonly safetyFloor: SafetyFloor | null;
  readonly cache: {
    readonly scope: string;
    readonly when: CacheWhen | null;
    readonly ttlSeconds: number | null;
    readonly onDisconnect?: 'finish' | 'cancel' | undefined;
  };
}

export interface KeySettings {
  readonly models: readonly string[] | null;
  readonly budgets: readonly BudgetSetting[];
  readonly cache: CacheWhen | null;
  /** For people. */
  readonly name: string | null;
}

export interface BudgetSetting {
  readonly limitUsd: number;
  readonly per: Per;
  readonly timeZone: string;
  readonly models: readonly string[] | null;
}

type CacheWhen = 'repeatable' | 'always' | 'never';

/** What was sent, read; or all of its mistakes, by their paths in it. */
export type Read<T> = { readonly value: T } | { readonly mistakes: readonly SettingMistake[] };

export interface SettingMistake {
  readonly path: string;
  readonly message: string;
}

/** Reads what is sent at run time by the rules of the configuration. May fill defaults into what it is given. */
export interface SettingsReader {
  tenant(
    sent: unknown,
  ): Read<{ readonly id: string; readonly settings: TenantSettings; readonly creditUsd: number | null }>;
  key(
    sent: unknown,
    tenant: { readonly id: string; readonly models: readonly string[] | null },
  ): Read<{ readonly settings: KeySettings; readonly expiresAt: number | null; readonly creditUsd: number | null }>;
}

/** Settings that are none. */
export class SettingsError extends GatewayError {
  readonly mistakes: readonly SettingMistake[];

  constructor(mistakes: readonly SettingMistake[]) {
    const told = mistakes.slice(0, MOST_TOLD);
    const words = told.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    const more = mistakes.length > told.length ? [`and ${mistakes.length - told.length} more`] : [];
    super('invalid_request', `${[...words, ...more].join('; ')}.`, {
      code: 'invalid_settings',
      param: told[0]?.path || undefined,
    });
    this.name = 'SettingsError';
    this.mistakes = told;
  }
}

const MOST_TOLD = 50;

export function valueOf<T>(read: Read<T>): T {
  if ('value' in read) return read.value;
  throw new SettingsError(read.mistakes);
}

/** One setting that is wrong. */
export function mistaken(path: string, message: string): SettingsError {
  return new SettingsError([{ path, message }]);
}

/** As the configuration would write it, and as it may be sent again. */
export function tenantBody(id: string, settings: TenantSettings, creditNanos: number | null): JsonMap {
  const { models, organisation, budgets, limits, safetyFloor, cache } = settings;
  return {
    id,
    ...(models !== null && { models }),
    ...(organisation !== null && { organisation }),
    budgets: budgets.map(budgetBody),
    ...(creditNanos !== null && { creditUsd: nanosToUsd(creditNanos) }),
    ...(limits !== null && { limits: withoutNulls({ ...limits }) }),
    ...(safetyFloor !== null && { safety: { floor: safetyFloor } }),
    cache: withoutNulls({ ...cache }),
  };
}

/** The same of a key's settings. */
export function keyBody(tenant: string, settings: KeySettings, creditNanos: number | null): JsonMap {
  const { name, models, budgets, cache } = settings;
  return {
    tenant,
    ...(name !== null && { name }),
    ...(models !== null && { models }),
    budgets: budgets.map(budgetBody),
    ...(creditNanos !== null && { creditUsd: nanosToUsd(creditNanos) }),
    ...(cache !== null && { cache }),
  };
}

function budgetBody({ models, limitUsd, per, timeZone }: BudgetSetting): JsonMap {
  return { limitUsd, per, timeZone, ...(models !== null && { models }) };
}

function withoutNulls(map: Readonly<Record<string, JsonValue | undefined>>): JsonMap {
  const given = (entry: [string, JsonValue | undefined]): entry is [string, JsonValue] => (entry[1] ?? null) !== null;
  return Object.fromEntries(Object.entries(map).filter(given));
}

/** Prepaid credit is a budget per total, of all models. */
export function creditBudget(limitNanos: number): Budget {
  return { limitNanos, per: 'total', timeZone: 'UTC', models: null };
}

export function isCredit({ per, timeZone, models }: Pick<Budget, 'per' | 'timeZone' | 'models'>): boolean {
  return per === 'total' && timeZone === 'UTC' && models === null;
}

/** https://www.rfc-editor.org/rfc/rfc7396: null takes a setting away, a map changes the settings in it. */
export function mergePatch(target: JsonMap, patch: JsonMap): JsonMap {
  const merged = new Map(Object.entries(target));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, isMap(value) ? mergePatch(mapOf(merged.get(name)), value) : value);
  }
  return Object.fromEntries(merged);
}

export function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapOf(value: JsonValue | undefined): JsonMap {
  return isMap(value) ? value : {};
}
