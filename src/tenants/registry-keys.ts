import { usdToNanos } from '../image/price.ts';
import type { KeyEntry, Tenant } from './authenticate.ts';
import type { Budget, Payer } from './budget.ts';
import { creditBudget } from './settings.ts';
import type { BudgetSetting, KeySettings, TenantSettings } from './settings.ts';

/** What the configuration says of tenants and keys. It wins by id over what was made at run time. */
export interface Base {
  readonly tenants: readonly BaseTenant[];
  readonly organisations: readonly { readonly id: string; readonly budgets: readonly BudgetSetting[] }[];
  /** For everything that is spent. */
  readonly budgets: readonly BudgetSetting[];
}

export interface BaseTenant {
  readonly id: string;
  /** The credit is one of the budgets. */
  readonly settings: TenantSettings;
  readonly keys: readonly BaseKey[];
}

export interface BaseKey {
  readonly id: string;
  readonly sha256: string;
  readonly revoked: boolean;
  readonly expiresAt: number | null;
  readonly settings: KeySettings;
}

/** Settings and the credit beside their budgets. */
export interface Prepaid<Settings> {
  readonly id: string;
  readonly settings: Settings;
  readonly creditNanos: number | null;
}

/** How settings become what a request is measured by. */
export interface Resolver {
  /** Whether the organisation it names is one of the configuration's: without it budgets that were meant to hold would not. */
  fits(settings: TenantSettings): boolean;
  /** A tenant as all of its keys see it. */
  tenant(tenant: Prepaid<TenantSettings>): Tenant;
  /** A tenant as the keys of this line see it. */
  narrowed(tenant: Tenant, line: Prepaid<KeySettings>): Tenant;
}

export function createResolver({ organisations, budgets }: Base): Resolver {
  const shared = new Map(organisations.map((each) => [each.id, payer('organisation', each.id, each.budgets, null)]));
  const everything = payer('everything', 'everything', budgets, null);
  return {
    fits: ({ organisation }) => organisation === null || shared.has(organisation),
    tenant({ id, settings, creditNanos }) {
      const { organisation, budgets: own, ...plain } = settings;
      const above = [organisation === null ? undefined : shared.get(organisation), everything];
      return {
        id,
        ...plain,
        budgets: inNanos(own, creditNanos),
        alongside: above.filter((each) => each !== undefined),
      };
    },
    narrowed(tenant, { id, settings, creditNanos }) {
      const { models, cache } = settings;
      return {
        ...tenant,
        // A tenant may have lost models that its keys were given before.
        models: models === null ? tenant.models : models.filter((model) => tenant.models?.includes(model) ?? true),
        cache: { ...tenant.cache, when: cache ?? tenant.cache.when },
        alongside: [payer('key', id, settings.budgets, creditNanos), ...(tenant.alongside ?? [])],
      };
    },
  };
}

export function entryOf(
  key: Pick<KeyEntry, 'sha256' | 'id'> & { readonly revoked: boolean; readonly expiresAt: number | null },
  tenant: Tenant,
): KeyEntry {
  const { sha256, id, revoked, expiresAt } = key;
  return { sha256, id, revoked, expiresAt: expiresAt ?? undefined, tenant };
}

/** The earlier of two ends; null: there is none. */
export function earlier(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}

function payer(
  level: Payer['level'],
  id: string,
  budgets: readonly BudgetSetting[],
  creditNanos: number | null,
): Payer {
  return { level, id, budgets: inNanos(budgets, creditNanos) };
}

function inNanos(budgets: readonly BudgetSetting[], creditNanos: number | null): readonly Budget[] {
  const read = budgets.map(({ limitUsd, ...budget }): Budget => ({ ...budget, limitNanos: usdToNanos(limitUsd) }));
  return creditNanos === null ? read : [...read, creditBudget(creditNanos)];
}
