import type { Config } from '../config.ts';
import { nanosToUsd } from '../image/price.ts';
import type { KeyEntry } from '../tenants/authenticate.ts';
import type { Base, BaseTenant } from '../tenants/registry-keys.ts';

/** What the configuration says of tenants and keys; `first` where it names none. */
export function baseOf({ tenants, organisations, budgets }: Config, first: KeyEntry | null): Base {
  const configured = tenants.map(({ id, keys, ...settings }): BaseTenant => ({
    id,
    settings,
    keys: keys.map(({ sha256, id: keyId, revoked, expiresAt, ...ofKey }) => ({
      sha256,
      id: keyId,
      revoked,
      expiresAt,
      settings: { name: null, ...ofKey },
    })),
  }));
  return { tenants: first === null ? configured : [firstTenant(first)], organisations, budgets };
}

/** The first key has the budget it was made with, and what was configured for everything. */
function firstTenant({ sha256, id, tenant }: KeyEntry): BaseTenant {
  const budgets = tenant.budgets.map(({ limitNanos, ...budget }) => ({ ...budget, limitUsd: nanosToUsd(limitNanos) }));
  const { models, limits, cache } = tenant;
  return {
    id: tenant.id,
    settings: { models, limits, cache, budgets, organisation: null, safetyFloor: null },
    keys: [
      {
        sha256,
        id,
        revoked: false,
        expiresAt: null,
        settings: { name: null, models: null, budgets: [], cache: null },
      },
    ],
  };
}
