import type { Account, Balance } from './budget.ts';
import type { Limits } from './limits.ts';
import type { Tags } from './tags.ts';

export { accountsFor } from './budget.ts';
export type { Account, Balance, Budget, Level, Payer } from './budget.ts';
export type { Tags } from './tags.ts';

/** Money set aside for one attempt at one picture, from before its first byte goes up until its cost is known. */
export interface Hold {
  /** Never used twice. */
  readonly id: string;
  readonly tenant: string;
  readonly keyId: string;
  /** Canonical id. */
  readonly model: string;
  /** Who draws: the id of the upstream. */
  readonly upstream: string;
  /** The size that is drawn; null where the model has but one. */
  readonly tier: string | null;
  /** The caller's own name for its end user. */
  readonly user: string | null;
  readonly tags: Tags;
  /** How long it may last before it is taken for lost and expires. */
  readonly leaseMs: number;
  /** Nano-dollars: a true upper bound of what the attempt may cost. */
  readonly worstNanos: number;
  /** What its tenant may have drawn, as all of its holds say; null: as much as it likes. */
  readonly limits: Limits | null;
  /** Each of them must have room. May be empty: a tenant without budgets still has its rows in the ledger. */
  readonly accounts: readonly Account[];
}

/** What came of an attempt, counted for the usage report. */
export interface Made {
  readonly pictures: number;
  /** Of all modalities, in and out. */
  readonly tokens: number;
}

/**
 * Who may spend what, and the ledger of what was spent. For every account, at every moment, spent + held <= limit, as
 * long as nothing costs more than its worst case. A hold ends once:
 *
 *     held --settle--> settled          what it cost, even if that is more than the worst case
 *     held --release-> released         nothing
 *     held --crash---> expired          its worst case, outcome `unknown`: it may have been paid for
 *     held --lease is over--> expired   the same
 *     expired or released --settle--> settled: the truth, however late
 *
 * Everything else changes nothing: a repeated settle or release, and a release of what is no longer held.
 * When the store fails, every verb rejects with GatewayError `unavailable`: no new work is paid for.
 */
export interface SpendState {
  /**
   * Sets all of the money aside, or none, in one atomic step. All holds of a step are of one tenant. Resolves when that is on disk. It is the mark of dispatch
   * too: the caller may send from here on, and whatever is found held after a crash counts as sent.
   * Rejects with GatewayError `budget_exhausted`, `budget_reserved` or `unavailable`; then nothing was changed.
   */
  reserve(holds: readonly Hold[]): Promise<void>;
  /**
   * Charges what an attempt cost, in nano-dollars. Resolves when that is on disk, and tries until it is: an answer
   * should not wait for it. Rejects only when the state is closed or lost before; the hold then stays, and is charged
   * in full at the next start.
   */
  settle(id: string, actualNanos: number, outcome: string, made?: Made): Promise<void>;
  /** Gives back what cannot have cost anything, for the reason `outcome`, else `released`. As patient as `settle`. */
  release(id: string, outcome?: string): Promise<void>;
  /** The balance of each account, in order; zeros for one that was never used. */
  spent(accountKeys: readonly string[]): Promise<readonly Balance[]>;
  /** Why nothing can be reserved now: with a ledger that is lost until the process is started anew, with a Redis until it is back. Null while all is well. */
  trouble(): string | null;
  /** Finishes what was asked and lets go of the store. Holds still open are charged in full at the next start. */
  close(): Promise<void>;
}
