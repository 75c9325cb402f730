import { nanosToUsd } from '../../image/price.ts';
import { DIMENSIONS, isDimension } from '../../tenants/ledger-usage.ts';
import type { UsageQuery } from '../../tenants/ledger-usage.ts';
import type { AuditRow } from '../../tenants/registry-store.ts';
import { timeOf } from '../../tenants/registry-view.ts';
import type { JsonMap } from '../../tenants/settings.ts';
import { readLimit, readQuery, wrong } from './query.ts';
import type { AdminRoute, RouteParts } from './route.ts';

const DAY = /^\d{4}-\d\d-\d\d$/;
const MOST_DIMENSIONS = 8;

/** What the ledger and the audit trail say. */
export function ledgerRoutes({ usage, audit }: RouteParts): readonly AdminRoute[] {
  return [
    {
      path: '/admin/usage',
      methods: {
        async GET({ query, accept }) {
          const { format, ...asked } = readQuery(query, ['by', 'tenant', 'upstream', 'since', 'until', 'format']);
          const chosen = format ?? (/\btext\/csv\b/i.test(accept) ? 'csv' : 'json');
          if (chosen !== 'csv' && chosen !== 'json') throw wrong('format', 'must be json or csv');
          const body = await usage(readUsageQuery(asked), chosen);
          return { type: chosen === 'csv' ? 'text/csv; charset=utf-8' : 'application/json; charset=utf-8', body };
        },
      },
    },
    {
      path: '/admin/audit',
      methods: {
        async GET({ query }) {
          const { limit, before = null, subject = null } = readQuery(query, ['limit', 'before', 'subject']);
          if (before !== null && !/^[0-9-]{1,40}$/.test(before)) throw wrong('before', 'must be the "next" of a page');
          const size = readLimit(limit);
          const rows = await audit({ limit: size + 1, before, subject });
          const page = rows.slice(0, size);
          return { body: { audit: page.map(shown), next: rows.length > size ? (page.at(-1)?.seq ?? null) : null } };
        },
      },
    },
  ];
}

function readUsageQuery(asked: Readonly<Record<string, string | undefined>>): UsageQuery {
  const by = [...new Set((asked['by'] ?? 'tenant').split(',').map((name) => name.trim()))];
  if (by.length > MOST_DIMENSIONS || by.some((name) => !isDimension(name)))
    throw wrong('by', `must be a list of up to ${MOST_DIMENSIONS} of ${DIMENSIONS.join(', ')}`);
  return {
    by,
    tenant: asked['tenant'] ?? null,
    upstream: asked['upstream'] ?? null,
    since: readDay('since', asked['since']),
    until: readDay('until', asked['until']),
  };
}

function readDay(name: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  const time = DAY.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time) && timeOf(time).startsWith(text)) return text;
  throw wrong(name, 'must be a day such as 2026-11-22');
}

function shown({ at, amountNanos, ...row }: AuditRow): JsonMap {
  return { ...row, at: timeOf(at), amountUsd: amountNanos === null ? null : nanosToUsd(amountNanos) };
}
