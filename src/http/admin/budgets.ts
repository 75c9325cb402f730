import { nanosToUsd, usdToNanos } from '../../image/price.ts';
import { LEVELS } from '../../tenants/budget.ts';
import type { Account, Balance, Level, Payer } from '../../tenants/budget.ts';
import { addCredit } from '../../tenants/registry-credit.ts';
import type { CreditOwner } from '../../tenants/registry-credit.ts';
import { isCredit, mistaken } from '../../tenants/settings.ts';
import { standingsOf } from '../../tenants/standings.ts';
import type { JsonMap } from '../../tenants/settings.ts';
import { bodyOf } from './body.ts';
import { noMore } from './keys.ts';
import { pageOf, readLimit, readQuery, wrong } from './query.ts';
import type { AdminRoute, RouteParts } from './route.ts';
import { subjectOf } from './subject.ts';

/** How budgets and prepaid credit stand, and what is added to the latter. */
export function budgetRoutes(parts: RouteParts): readonly AdminRoute[] {
  const { registry, now, balances } = parts;

  async function standings(some: readonly Payer[]): Promise<readonly JsonMap[]> {
    const found = await standingsOf({ spent: balances }, some, now());
    return found.map(({ account, balance }) => standing(account, balance));
  }

  async function page(all: readonly Payer[], name: string, limit: string | undefined, after: string | undefined) {
    const sorted = all.toSorted((one, other) => (payerName(one) < payerName(other) ? -1 : 1));
    const { items, next } = pageOf(sorted, payerName, { limit: readLimit(limit), after });
    return { body: { [name]: await standings(items), next } };
  }

  return [
    {
      path: '/admin/budgets',
      methods: {
        async GET({ query }) {
          const { level, owner, limit, after } = readQuery(query, ['level', 'owner', 'limit', 'after']);
          if (level !== undefined && !LEVELS.some((known) => known === level))
            throw wrong('level', `must be one of ${LEVELS.join(', ')}`);
          const asked = registry.roll
            .payers()
            .filter(
              (payer) => (level === undefined || payer.level === level) && (owner === undefined || payer.id === owner),
            );
          return page(asked, 'budgets', limit, after);
        },
      },
    },
    {
      path: '/admin/credit',
      methods: {
        async GET({ query }) {
          const { tenant, key, limit, after } = readQuery(query, ['tenant', 'key', 'limit', 'after']);
          if (tenant !== undefined && key !== undefined) throw wrong('tenant', 'and key are for one of both');
          const line = key === undefined ? undefined : (registry.view().get('key', key)?.line ?? key);
          const asked = registry.roll.payers().flatMap((payer) => {
            const wanted =
              tenant === undefined && line === undefined
                ? payer.level === 'tenant' || payer.level === 'key'
                : payer.level === (line === undefined ? 'tenant' : 'key') && payer.id === (line ?? tenant);
            const budgets = payer.budgets.filter(isCredit);
            return wanted && budgets.length > 0 ? [{ ...payer, budgets }] : [];
          });
          return page(asked, 'credits', limit, after);
        },
        async POST({ body, query, who }) {
          readQuery(query, []);
          const sent = bodyOf(body);
          const { tenant, key } = sent;
          const subject = subjectOf(key === undefined ? 'tenant' : 'key', key ?? tenant);
          const added = await registry.change(who, 'credit.add', subject, (view) => {
            const { owner, nanos } = readTopUp(sent);
            const change = addCredit(owner, nanos)(view);
            return { ...change, reply: { of: change.subject } };
          });
          const [level = '', id = ''] = added.of.split(' ');
          const payer = registry.roll.payers().find((each) => each.level === level && each.id === id);
          const budgets = payer?.budgets.filter(isCredit) ?? [];
          const [stands] = payer === undefined ? [] : await standings([{ ...payer, budgets }]);
          return { body: stands ?? added };
        },
      },
    },
  ];
}

function payerName({ level, id }: Payer): string {
  return `${level}:${id}`;
}

function standing(account: Account, { spentNanos, heldNanos }: Balance): JsonMap {
  const { level, owner, per, timeZone, period, models, limitNanos } = account;
  return {
    level: level satisfies Level,
    owner,
    per,
    timeZone,
    period,
    models,
    limitUsd: nanosToUsd(limitNanos),
    spentUsd: nanosToUsd(spentNanos),
    heldUsd: nanosToUsd(heldNanos),
    leftUsd: nanosToUsd(limitNanos - spentNanos - heldNanos),
  };
}

function readTopUp(body: JsonMap): { readonly owner: CreditOwner; readonly nanos: number } {
  noMore(body, ['tenant', 'key', 'usd']);
  const { tenant, key, usd } = body;
  if ((tenant === undefined) === (key === undefined))
    throw mistaken('key', 'or tenant says whose credit it is: one of both');
  const nanos = typeof usd === 'number' ? usdToNanos(usd) : Number.NaN;
  if (!Number.isSafeInteger(nanos) || nanos === 0)
    throw mistaken('usd', 'must be a number of dollars, at least a nano-dollar; less than 0 takes credit back');
  if (key === undefined) {
    if (typeof tenant !== 'string') throw mistaken('tenant', 'must be the id of a tenant');
    return { owner: { tenant }, nanos };
  }
  if (typeof key !== 'string') throw mistaken('key', 'must be the id of a key');
  return { owner: { key }, nanos };
}
