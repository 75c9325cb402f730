import type { Change } from '../books.ts';
import { usd } from './finding.ts';
import type { Finding } from './finding.ts';

/** By the key of its account: nano-dollars. */
export type Limits = ReadonlyMap<string, number>;

/**
 * What was spent and held of a budget was never more than its limit, at any row of the ledger. A reply that cost more than
 * its worst case is charged truly: only by so much may a limit be passed, and not before.
 */
export function checkBudgets(history: readonly Change[], limits: Limits): Finding {
  const faults: string[] = [];
  const taken = new Map<string, { now: number; most: number; excess: number }>();
  const worst = new Map<string, number>();
  for (const { account, hold, kind, held, spent } of history) {
    const limit = limits.get(account);
    if (limit === undefined) continue;
    const own = taken.get(account) ?? { now: 0, most: 0, excess: 0 };
    taken.set(account, own);
    own.now += held + spent;
    own.most = Math.max(own.most, own.now);
    const place = `${account} ${hold}`;
    if (kind === 'reserve') worst.set(place, held);
    // What is settled late corrects a charge in full: together they may be more than was held.
    else if (spent > 0) own.excess += Math.max(0, spent - (worst.get(place) ?? 0));
    if (kind === 'reserve' ? own.now > limit : own.now > limit + own.excess)
      faults.push(`${account}: ${usd(own.now)} of ${usd(limit)} at a ${kind} of the hold ${hold}`);
  }
  for (const account of limits.keys())
    if (!taken.has(account)) faults.push(`nothing was ever taken from ${account}: the check saw no budget`);
  const figures = [...taken].map(([account, { most }]) => `${account} ${usd(most)} of ${usd(limits.get(account)!)}`);
  return { check: 'no budget was passed', figures: figures.join(', '), faults };
}
