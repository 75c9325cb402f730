import type { Account, Balance } from './budget.ts';
import type { Limits } from './limits.ts';
import type { Ask } from './registry-store.ts';
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

/** Whom something is put down to, in the usage report and in every row. */
export type Attribution = Pick<Hold, 'tenant' | 'keyId' | 'model' | 'upstream' | 'tier' | 'user' | 'tags'>;

/** A picture that cost its caller nothing: the cache had it, or another was having it drawn. No money moves. */
export interface Saving extends Attribution {
  readonly how: 'cached' | 'joined';
  /** Nano-dollars: what it cost when it was drawn. */
  readonly nanos: number;
  /** How long it took to draw. */
  readonly ms: number;
}

/** What an operator knows better than the ledger: what an attempt truly cost, as the vendor's bill says. */
export interface Adjustment {
  /** Its own: what was adjusted under it once is not adjusted again. */
  readonly adjustment: string;
  /** Which hold; it must have ended. */
  readonly id: string;
  /** Nano-dollars: what it cost, not by how much it differs. */
  readonly nanos: number;
  /** For whoever reads the row one day; 1 to 500 characters. */
  readonly reason: string;
}

/** Which holds are old enough to be rolled up. Unix ms. */
export interface RollUp {
  /** Those that ended before it. */
  readonly before: number;
  /** Those charged as unknown that were begun before it: a bill that explains them may come late. */
  readonly unknownsBefore: number;
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
export interface SpendState extends Bookkeeping {
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
  /**
   * Counts what the cache saved. Neither waits nor fails: sums are kept in memory, and written about once a second and at
   * the close. A crash loses the last of them, which is no money.
   */
  save(saving: Saving): void;
  /** Why nothing can be reserved now: with a ledger that is lost until the process is started anew, with a Redis until it is back. Null while all is well. */
  trouble(): string | null;
  /** Finishes what was asked and lets go of the store. Holds still open are charged in full at the next start. */
  close(): Promise<void>;
}

/**
 * What an operator does to the ledger. Nothing of it is patient: when the store fails it rejects with `unavailable`, and
 * may be asked again, for a repeated verb changes nothing. With `ask`, who asked is written to the audit trail in the same
 * step.
 */
export interface Bookkeeping {
  /**
   * Charges an ended hold what it truly cost: by how many nano-dollars that is more than it was charged, or less. Its word
   * is the last: a settlement that comes after it changes nothing. Rejects with `invalid_request`: no such hold (it was
   * rolled up, or never was), one that is still in the air, or an adjustment that was made to another hold.
   */
  adjust(adjustment: Adjustment, ask?: Ask | null): Promise<number>;
  /** Gives back what these holds were charged as unknown: the nano-dollars of each, 0 for any other. */
  refund(ids: readonly string[], ask?: Ask | null): Promise<readonly number[]>;
  /** Rolls up at most `most` of the old holds into what they came to; whether there are more. */
  rollUp(which: RollUp, most: number): Promise<boolean>;
  /**
   * Leaves nothing of a tenant but the totals of its days: its holds are rolled up, and what names its users, tags and keys
   * is gone, from the bytes of the store too. With its keys go their own budgets: a key that is used again begins anew.
   * Rejects with `invalid_request` while it has pictures in the air.
   */
  forget(tenant: string): Promise<void>;
}
