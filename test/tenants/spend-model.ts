import type { Account, Balance } from '../../src/tenants/budget.ts';
import type { Hold } from '../../src/tenants/state.ts';

interface Entry {
  readonly worst: number;
  readonly accounts: readonly Account[];
  /** By the clock that leases are measured with. */
  readonly leaseUntil: number;
  state: 'held' | 'settled' | 'released' | 'expired';
  /** What it is charged now. */
  charged: number;
  /** Charged because nobody knows. */
  unknown: boolean;
  /** Nothing can be done to it any more. */
  rolledUp: boolean;
}

export type Verdict = 'ok' | 'budget_exhausted' | 'budget_reserved';

/** What a SpendState must do, said as plainly as can be: every balance is summed up anew from the holds. */
export class SpendModel {
  readonly #holds = new Map<string, Entry>();
  readonly #adjustments = new Map<string, { readonly id: string; readonly by: number }>();
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

  /** The accounts of a hold. */
  accountsOf(id: string): readonly Account[] {
    return this.#holds.get(id)?.accounts ?? [];
  }

  isRolledUp(id: string): boolean {
    return this.#holds.get(id)!.rolledUp;
  }

  reserve(holds: readonly Hold[], clock = 0): Verdict {
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
      for (const { id, worstNanos, accounts, leaseMs } of holds)
        this.#holds.set(id, {
          worst: worstNanos,
          accounts,
          leaseUntil: clock + leaseMs,
          state: 'held',
          charged: 0,
          unknown: false,
          rolledUp: false,
        });
    return verdict;
  }

  settle(id: string, nanos: number, outcome = 'ok'): void {
    const entry = this.#holds.get(id)!;
    if (entry.state === 'settled') return;
    this.#charge(entry, nanos);
    entry.unknown = outcome === 'unknown';
  }

  release(id: string): void {
    const entry = this.#holds.get(id)!;
    if (entry.state === 'held') entry.state = 'released';
  }

  /** What is given back. */
  refund(id: string): number {
    const entry = this.#holds.get(id)!;
    if (!entry.unknown) return 0;
    const { charged } = entry;
    entry.charged = 0;
    entry.unknown = false;
    return charged;
  }

  /** By how much it is charged more; null: it cannot be. */
  adjust(adjustment: string, id: string, nanos: number): number | null {
    const done = this.#adjustments.get(adjustment);
    if (done !== undefined) return done.id === id ? done.by : null;
    const entry = this.#holds.get(id)!;
    if (entry.state === 'held') return null;
    const by = nanos - entry.charged;
    this.#charge(entry, nanos);
    entry.unknown = false;
    this.#adjustments.set(adjustment, { id, by });
    return by;
  }

  /** All that has ended becomes sums, and its adjustments are forgotten; what is unknown stays if `butUnknown`. */
  rollUp(butUnknown: boolean): void {
    for (const [id, entry] of this.#holds)
      if (entry.state !== 'held' && !(butUnknown && entry.unknown)) {
        entry.rolledUp = true;
        for (const [adjustment, done] of this.#adjustments) if (done.id === id) this.#adjustments.delete(adjustment);
      }
  }

  /** What is held past its lease is charged in full. */
  lapse(clock: number): void {
    this.#expire(({ leaseUntil }) => leaseUntil <= clock);
  }

  crash(): void {
    this.#expire(() => true);
  }

  #charge(entry: Entry, nanos: number): void {
    const covered = entry.state === 'held' ? entry.worst : entry.charged;
    for (const { key } of entry.accounts) this.#excess.set(key, this.excess(key) + Math.max(0, nanos - covered));
    entry.state = 'settled';
    entry.charged = nanos;
  }

  #expire(isLost: (entry: Entry) => boolean): void {
    for (const entry of this.#holds.values())
      if (entry.state === 'held' && isLost(entry)) {
        entry.state = 'expired';
        entry.charged = entry.worst;
        entry.unknown = true;
      }
  }
}
