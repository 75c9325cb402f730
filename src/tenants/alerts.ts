import type { Account } from './budget.ts';
import type { Standing } from './standings.ts';
import type { SpendState } from './state.ts';

/** A share of a budget is spent. */
export interface Alert {
  readonly account: Account;
  readonly spentNanos: number;
  /** The share: 0.8 is 80 % of the limit. */
  readonly threshold: number;
}

export interface WatchOptions {
  /** Rising; asked at each look, since they may change. None: nothing is told. */
  readonly thresholds: () => readonly number[];
  /** What stands now: the shares that are spent already were told before. */
  readonly standings: readonly Standing[];
  readonly onAlert: (alert: Alert) => void;
  /** A look failed; the next settlement looks again. */
  readonly onFault: (error: unknown) => void;
}

/** The highest threshold of an account that was told, and the most that was seen spent of it. */
interface Told {
  /** 0: none. */
  readonly share: number;
  readonly mostNanos: number;
}

/** What was begun in one period may be settled in the next: both are remembered, and one for a clock that went wrong. */
const PERIODS_KEPT = 3;

/**
 * The same state, watched: after a settlement is written it looks at the accounts that were charged, and tells each
 * threshold once for an account, which is a budget in one of its periods. The callers of the state neither wait for that
 * nor fail by it. What was told is kept in memory only.
 */
export function watchBudgets(state: SpendState, options: WatchOptions): SpendState {
  const { thresholds, standings, onAlert, onFault } = options;
  const told = new Map<string, Map<string, Told>>();
  const held = new Map<string, readonly Account[]>();
  const charged = new Map<string, Account>();
  let looking = false;

  /** The thresholds passed since this was last asked. */
  function passed({ account, balance }: Standing): readonly number[] {
    const { level, owner, per, timeZone, models, period, limitNanos } = account;
    const budget = JSON.stringify([level, owner, per, timeZone, models]);
    const periods = told.get(budget) ?? new Map<string, Told>();
    told.set(budget, periods);
    const reached = (spentNanos: number): readonly number[] =>
      thresholds().filter((threshold) => spentNanos >= Math.round(threshold * limitNanos));
    const { share, mostNanos } = periods.get(period) ?? { share: 0, mostNanos: 0 };
    // After a top-up the same share is more money, and is told anew.
    const before = reached(mostNanos).filter((threshold) => threshold <= share);
    const now = reached(balance.spentNanos);
    const most = Math.max(before.at(-1) ?? 0, now.at(-1) ?? 0);
    periods.set(period, { share: most, mostNanos: Math.max(mostNanos, balance.spentNanos) });
    const [oldest] = periods.keys();
    if (periods.size > PERIODS_KEPT && oldest !== undefined) periods.delete(oldest);
    return now.filter((threshold) => threshold > (before.at(-1) ?? 0));
  }

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    const accounts = [...charged.values()];
    charged.clear();
    try {
      const balances = await state.spent(accounts.map(({ key }) => key));
      for (const [index, account] of accounts.entries()) {
        const balance = balances[index]!;
        for (const threshold of passed({ account, balance }))
          onAlert({ account, spentNanos: balance.spentNanos, threshold });
      }
    } catch (error) {
      for (const account of accounts) charged.set(account.key, account);
      onFault(error);
      return;
    } finally {
      looking = false;
    }
    if (charged.size > 0) await look();
  }

  for (const standing of standings) passed(standing);
  return {
    ...state,
    async reserve(...words) {
      await state.reserve(...words);
      for (const { id, accounts } of words[0]) if (accounts.length > 0) held.set(id, accounts);
    },
    async settle(...words) {
      await state.settle(...words);
      const [id] = words;
      const isWatched = thresholds().length > 0;
      for (const account of held.get(id) ?? []) if (isWatched) charged.set(account.key, account);
      held.delete(id);
      if (charged.size > 0) void look();
    },
    async release(...words) {
      await state.release(...words);
      held.delete(words[0]);
    },
  };
}
