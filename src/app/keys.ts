import type { BudgetConfig, Config } from '../config.ts';
import { usdToNanos } from '../image/price.ts';
import type { KeyEntry } from '../tenants/authenticate.ts';
import type { Budget, Payer } from '../tenants/state.ts';

/** Every configured key with its tenant as this key sees it: with models and a cache of its own, and all who pay. */
export function tenantKeys({ tenants, organisations, budgets: everything }: Config): KeyEntry[] {
  const shared = new Map(organisations.map(({ id, budgets }) => [id, payer('organisation', id, budgets)]));
  const gateway = payer('everything', 'everything', everything);
  return tenants.flatMap(({ keys, organisation, budgets: own, ...tenant }) => {
    const budgets = own.map(inNanos);
    const above = [organisation === null ? undefined : shared.get(organisation), gateway];
    return keys.map(({ sha256, id, revoked, expiresAt, models, budgets: ofKey, cache }): KeyEntry => {
      const payers = [payer('key', id, ofKey), ...above];
      return {
        sha256,
        id,
        revoked,
        expiresAt: expiresAt ?? undefined,
        tenant: {
          ...tenant,
          budgets,
          models: models ?? tenant.models,
          cache: { ...tenant.cache, when: cache ?? tenant.cache.when },
          alongside: payers.filter((each) => each !== undefined),
        },
      };
    });
  });
}

/** The first key has the budget it was made with, and what was configured for everything. */
export function withEverything(entry: KeyEntry, { budgets }: Pick<Config, 'budgets'>): KeyEntry {
  return { ...entry, tenant: { ...entry.tenant, alongside: [payer('everything', 'everything', budgets)] } };
}

function payer(level: Payer['level'], id: string, budgets: readonly BudgetConfig[]): Payer {
  return { level, id, budgets: budgets.map(inNanos) };
}

function inNanos({ limitUsd, ...budget }: BudgetConfig): Budget {
  return { ...budget, limitNanos: usdToNanos(limitUsd) };
}
