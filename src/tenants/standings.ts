import { accountsOf } from './budget.ts';
import type { Account, Balance, Payer } from './budget.ts';
import type { SpendState } from './state.ts';

/** A budget in the period that runs now, and what it stands at. */
export interface Standing {
  readonly account: Account;
  readonly balance: Balance;
}

/** So many at a time, that the reserves of others get in between. */
const ACCOUNTS_A_READ = 500;

/** How all budgets of these payers stand in the periods that hold `at` (unix ms). Rejects as `SpendState.spent` does. */
export async function standingsOf(
  state: Pick<SpendState, 'spent'>,
  payers: readonly Payer[],
  at: number,
): Promise<readonly Standing[]> {
  const accounts = accountsOf(payers, at);
  const standings: Standing[] = [];
  for (let start = 0; start < accounts.length; start += ACCOUNTS_A_READ) {
    const some = accounts.slice(start, start + ACCOUNTS_A_READ);
    const balances = await state.spent(some.map(({ key }) => key));
    standings.push(...some.map((account, index) => ({ account, balance: balances[index]! })));
  }
  return standings;
}
