import type { CacheAdmin } from '../../cache/store.ts';
import type { Balance } from '../../tenants/budget.ts';
import type { UsageQuery } from '../../tenants/ledger-usage.ts';
import type { Actor, Registry } from '../../tenants/registry.ts';
import type { AuditQuery, AuditRow } from '../../tenants/registry-store.ts';
import type { SettingsReader } from '../../tenants/settings.ts';
import type { Bookkeeping } from '../../tenants/state.ts';

/** What the routes are over. */
export interface RouteParts {
  readonly registry: Registry;
  readonly reader: SettingsReader;
  readonly audit: (query: AuditQuery) => Promise<readonly AuditRow[]>;
  /** Of each account, in order. */
  readonly balances: (accountKeys: readonly string[]) => Promise<readonly Balance[]>;
  /** A report, written out. */
  readonly usage: (query: UsageQuery, format: 'json' | 'csv') => Promise<string>;
  readonly ledger: Pick<Bookkeeping, 'refund' | 'adjust' | 'forget'>;
  readonly cache: CacheAdmin;
  /** Unix ms. */
  readonly now: () => number;
}

export interface AdminRoute {
  /** `:id` is the one parameter there can be. */
  readonly path: string;
  readonly methods: Partial<Record<'GET' | 'POST' | 'PATCH' | 'DELETE', AdminHandler>>;
}

export type AdminHandler = (asked: Asked) => Promise<Answer>;

export interface Asked {
  /** Of the path; '' where it has none. */
  readonly id: string;
  readonly query: URLSearchParams;
  /** JSON, or undefined. */
  readonly body: unknown;
  readonly accept: string;
  readonly who: Actor;
}

export interface Answer {
  readonly status?: number;
  readonly type?: string;
  /** A text goes out as it is, anything else as JSON. */
  readonly body: string | object;
}
