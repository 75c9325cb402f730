import type { Account, Balance } from '../../src/tenants/budget.ts';
import type { Hold } from '../../src/tenants/state.ts';

interface Entry {
  readonly worst: number;
  readonly accounts: readonly Account[];
  state: 'held' | 'settled' | 'released' | 'expired';
  /** What it is charged now. */
  charged: number;
}

export type Verdict = 'ok' | 'budget_exhausted' | 'budget_reserved';

/** What a SpendState must do, said as plainly as can be: every balance is summed up anew from the holds. */
export class SpendModel {
  readonly #holds = new Map<string, Entry>();
  /** By how much holds have cost more than was set aside for them. */
  #excess = new Map<string, number>();

  balance(key: string): Balance {
    let spentNanos = 0;
    let heldNanos = 0;
    for (const { accounts, state, charged, worst } of this.#holds.values()) {
      if (!accounts.some((account) => account.key === key)) continue;
      spentNanos += charged;
      if (state === 'held') heldNanos += worst;
    }
    return { spentNanos, heldNanos };
  }

  excess(key: string): number {
    return this.#excess.get(key) ?? 0;
  }

  reserve(holds: readonly Hold[]): Verdict {
    const accounts = new Map(holds.flatMap((hold) => hold.accounts).map((account) => [account.key, account]));
    let verdict: Verdict = 'ok';
    for (const [key, { limitNanos }] of accounts) {
      const asked = holds
        .filter((hold) => hold.accounts.some((account) => account.key === key))
        .reduce((sum, { worstNanos }) => sum + worstNanos, 0);
      const { spentNanos, heldNanos } = this.balance(key);
      if (spentNanos + asked > limitNanos) return 'budget_exhausted';
      if (spentNanos + heldNanos + asked > limitNanos) verdict = 'budget_reserved';
    }
    if (verdict === 'ok')
      for (const { id, worstNanos, accounts } of holds)
        this.#holds.set(id, { worst: worstNanos, accounts, state: 'held', charged: 0 });
    return verdict;
  }

  settle(id: string, nanos: number): void {
    const entry = this.#holds.get(id)!;
    if (entry.state === 'settled') return;
    const covered = entry.state === 'released' ? 0 : entry.worst;
    for (const { key } of entry.accounts) this.#excess.set(key, this.excess(key) + Math.max(0, nanos - covered));
    entry.state = 'settled';
    entry.charged = nanos;
  }

  release(id: string): void {
    const entry = this.#holds.get(id)!;
    if (entry.state === 'held') entry.state = 'released';
  }

  crash(): void {
    for (const entry of this.#holds.values())
      if (entry.state === 'held') {
        entry.state = 'expired';
        entry.charged = entry.worst;
      }
  }
}
