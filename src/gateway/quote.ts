import { keyName } from '../cache/key.ts';
import type { BypassReason } from '../cache/policy.ts';
import { weigh } from '../draw/weigh.ts';
import type { GatewayParts } from '../gateway.ts';
import { expectedNanos, nanosToUsd, worstCaseNanos } from '../image/price.ts';
import { refusal } from '../tenants/budget.ts';
import type { Account, Balance } from '../tenants/budget.ts';
import { accountsFor } from '../tenants/state.ts';
import { collects, ownerKey, planRequest } from './plan.ts';
import type { Asking, PicturePlan } from './plan.ts';

/** What a request would cost and whether it would hit, as it is told: documented in README.md. */
export interface Quote {
  readonly object: 'quote';
  /** The house's id of the model routed to. */
  readonly model: string;
  readonly pictures: number;
  readonly hits: number;
  readonly joins: number;
  readonly to_draw: number;
  /** Of all that is to be drawn. `worst`: what would be set aside. */
  readonly cost_usd: { readonly expected: number; readonly worst: number };
  readonly cache: readonly PictureQuote[];
  readonly budget: readonly BudgetQuote[];
  readonly warnings: readonly string[];
}

type PictureQuote = {
  readonly status: 'hit' | 'join' | 'miss' | 'bypass';
  /** Why the store is not read; null when it is. */
  readonly reason: BypassReason | null;
};

type BudgetQuote = {
  readonly level: Account['level'];
  readonly per: Account['per'];
  /** The amounts of a budget that other tenants spend too are nobody's to read: null. */
  readonly limit_usd: number | null;
  readonly spent_usd: number | null;
  readonly held_usd: number | null;
  /** Whether the worst case would be admitted now. */
  readonly fits: boolean;
};

/** Plans a request exactly as it would be served, and goes no further: nothing is reserved, sent, stored or claimed. */
export async function quote(parts: GatewayParts, asking: Asking): Promise<Quote> {
  const { request, model, target, pictures } = await planRequest(parts, asking, 'check');
  const cache = pictures.map((picture) => lookAt(parts, asking, picture));
  const toDraw = pictures.filter((_, index) => cache[index]!.status === 'miss' || cache[index]!.status === 'bypass');
  const sum = (price: typeof worstCaseNanos): number =>
    toDraw.reduce((total, { draw }) => total + price(target.price, model, weigh(draw)), 0);
  const worst = sum(worstCaseNanos);
  const accounts = accountsFor(asking.caller.tenant, model.id, parts.now());
  const balances = await parts.state.spent(accounts.map(({ key }) => key));
  const count = (status: PictureQuote['status']): number => cache.filter((each) => each.status === status).length;
  return {
    object: 'quote',
    model: model.id,
    pictures: pictures.length,
    hits: count('hit'),
    joins: count('join'),
    to_draw: toDraw.length,
    cost_usd: { expected: nanosToUsd(sum(expectedNanos)), worst: nanosToUsd(worst) },
    cache,
    budget: accounts.map((account, index) => quoteBudget(account, balances[index]!, worst)),
    warnings: request.delivery.warnings,
  };
}

function lookAt({ flights }: GatewayParts, { caller }: Asking, picture: PicturePlan): PictureQuote {
  const { decision, key, hit } = picture;
  const reason = decision.bypass;
  if (hit !== null) return { status: 'hit', reason };
  const owner = ownerKey(picture, caller);
  const wouldJoin = decision.join
    ? flights.wouldJoin(keyName(key), { collects: collects(decision) })
    : owner !== null && flights.wouldAdopt(owner);
  if (wouldJoin) return { status: 'join', reason };
  return { status: reason === null ? 'miss' : 'bypass', reason };
}

function quoteBudget(account: Account, balance: Balance, worstNanos: number): BudgetQuote {
  const { level, per, limitNanos } = account;
  const isOwn = level === 'key' || level === 'tenant';
  const told = (nanos: number): number | null => (isOwn ? nanosToUsd(nanos) : null);
  return {
    level,
    per,
    limit_usd: told(limitNanos),
    spent_usd: told(balance.spentNanos),
    held_usd: told(balance.heldNanos),
    fits: worstNanos === 0 || refusal(account, balance, worstNanos) === null,
  };
}
