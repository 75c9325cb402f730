import type { Ended, HoldState, Recorded } from './embedded-books.ts';
import type { SavedBatch } from './embedded-saved.ts';
import type { Adjustment } from './state.ts';

/*
 * Where several instances share a Redis, each of them keeps the whole ledger in its own file. These are the words in
 * which Redis and that file tell each other what happened; they are plain values, and travel as JSON.
 */

/** A change that was accepted: the verbs of the port, with all that was decided. */
export type Change =
  | { readonly verb: 'reserve'; readonly run: string; readonly holds: readonly Recorded[] }
  | { readonly verb: 'settle'; readonly id: string; readonly ended: Ended }
  | { readonly verb: 'release'; readonly id: string; readonly outcome: string }
  | { readonly verb: 'expire'; readonly ids: readonly string[] }
  /** `was`: what its hold was then, where the instance that did it told. */
  | { readonly verb: 'refund'; readonly id: string; readonly was?: 'expired' | 'settled' }
  | { readonly verb: 'adjust'; readonly adjustment: Adjustment }
  | { readonly verb: 'save'; readonly batch: SavedBatch }
  /** With the keys it ever drew with. */
  | { readonly verb: 'forget'; readonly tenant: string; readonly keys: readonly string[] }
  /** Balances were taken from elsewhere: to be read anew. */
  | { readonly verb: 'resync' };

/** `at` is in unix ms, by the clock of Redis. */
export interface Entry {
  readonly at: number;
  readonly change: Change;
}

/** How far a file has followed the ledger in Redis. */
export interface Position {
  readonly epoch: string;
  /** Of the last entry that was written down: its place in the stream, and its number. */
  readonly id: string;
  readonly number: number;
}

/** What this instance has still to tell Redis, however long that takes. */
export type Errand =
  | { readonly verb: 'settle'; readonly id: string; readonly ended: Ended }
  | { readonly verb: 'release'; readonly id: string; readonly outcome: string }
  | { readonly verb: 'refund'; readonly id: string }
  | { readonly verb: 'adjust'; readonly adjustment: Adjustment }
  | { readonly verb: 'save'; readonly batch: SavedBatch }
  /** A reserve whose answer never came. */
  | { readonly verb: 'withdraw'; readonly ids: readonly string[] };

/** A hold as a file knows it, for a Redis that may have lost it. */
export interface KnownHold {
  readonly hold: Recorded;
  /** Of which run of a process it is; '' when nobody knows any more. */
  readonly run: string;
  readonly at: number;
  readonly state: HoldState;
  readonly ended: Ended;
}

/** How everything stands in Redis at one place in its ledger. */
export interface Snapshot {
  readonly position: Position;
  readonly at: number;
  readonly accounts: readonly { readonly key: string; readonly spent: number; readonly held: number }[];
  readonly open: readonly { readonly hold: Recorded; readonly run: string; readonly at: number }[];
  /** What became of the holds that this file had open. One that is missing was lost. */
  readonly ended: readonly { readonly id: string; readonly state: HoldState; readonly ended: Ended }[];
}

/** What is done to the file by its thread. */
export type MirrorOperation =
  /** What was left by earlier runs; from now on this is a run of it too. */
  | { readonly verb: 'recall'; readonly run: string; readonly at: number }
  | { readonly verb: 'replay'; readonly entries: readonly Entry[]; readonly position: Position | null }
  | { readonly verb: 'adopt'; readonly snapshot: Snapshot }
  | { readonly verb: 'journal'; readonly errand: Errand }
  /** Redis knows of these errands; `entries` are the changes they made. */
  | { readonly verb: 'done'; readonly errands: readonly number[]; readonly entries: readonly Entry[] }
  | { readonly verb: 'buried'; readonly run: string }
  /** Holds begun at or after a time, and all that are open. */
  | { readonly verb: 'holds'; readonly since: number; readonly ids: readonly string[] | null }
  /** By how much an adjustment would change what was charged. */
  | { readonly verb: 'foresee'; readonly adjustment: Adjustment }
  /** What accounts were charged for holds begun before a time. */
  | { readonly verb: 'sums'; readonly before: number };

export interface Memory {
  readonly position: Position | null;
  readonly errands: readonly { readonly number: number; readonly errand: Errand }[];
  readonly runs: readonly string[];
  /** Nothing was ever written down here. */
  readonly empty: boolean;
}

/** What such an operation tells; each verb only what concerns it. */
export interface MirrorTold {
  readonly memory?: Memory;
  /** Of `journal`. */
  readonly errand?: number;
  /** Of `replay` and `adopt`: changes that could not be written down, since their hold was never known here. */
  readonly skipped?: number;
  /** Of `adopt`: nano-dollars that were spent where this file did not look. */
  readonly carriedNanos?: number;
  readonly holds?: readonly KnownHold[];
  /** Of `foresee`. */
  readonly foreseenNanos?: number;
  /** Of `replay`, and of a copy of the registry: the file holds bytes of what was forgotten. */
  readonly forgot?: boolean;
  readonly sums?: readonly { readonly key: string; readonly nanos: number }[];
}
