import { GatewayError } from '../errors.ts';
import { refusal } from './budget.ts';
import type { Account, Balance } from './budget.ts';
import type { Hold } from './state.ts';

/** What holds of one step ask of one account, in nano-dollars. */
export interface Asked {
  readonly account: Account;
  readonly nanos: number;
}

/**
 * What is asked of each account by all of the holds together: they fit together or not at all. Throws GatewayError
 * `internal` for what is no amount.
 */
export function askedOf(holds: readonly Hold[]): readonly Asked[] {
  const sums = new Map<string, { readonly account: Account; nanos: number }>();
  for (const hold of holds) {
    nanoDollars(hold.worstNanos);
    for (const account of hold.accounts) {
      const sum = sums.get(account.key) ?? { account, nanos: 0 };
      sum.nanos = nanoDollars(sum.nanos + hold.worstNanos);
      sums.set(account.key, sum);
    }
  }
  return [...sums.values()];
}

/** Why the accounts cannot take what is asked; null when they can. `balanceOf` is asked in order, once for each. */
export function refusalOf(
  asked: readonly Asked[],
  balanceOf: (accountKey: string, index: number) => Balance,
): GatewayError | null {
  let refused: GatewayError | null = null;
  for (const [index, { account, nanos }] of asked.entries()) {
    const no = refusal(account, balanceOf(account.key, index), nanos);
    // Waiting helps against what others hold, but not where another account is exhausted: that is the answer.
    if (no?.failure === 'budget_exhausted') return no;
    refused ??= no;
  }
  return refused;
}

export function nanoDollars(nanos: number): number {
  if (Number.isSafeInteger(nanos) && nanos >= 0) return nanos;
  throw new GatewayError('internal', 'An amount of money is no whole number of nano-dollars.');
}
