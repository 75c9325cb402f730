import type { Attribution, Saving } from './state.ts';

/** What was saved in one day, put down to one attribution. */
export interface SavedSum extends Attribution {
  /** Of UTC, `2026-11-22`. */
  readonly day: string;
  readonly how: Saving['how'];
  readonly calls: number;
  /** Nano-dollars. */
  readonly nanos: number;
  readonly ms: number;
}

export interface SavedTally {
  /** `at` in unix ms. */
  add(saving: Saving, at: number): void;
  /** All sums since the last time. */
  take(): readonly SavedSum[];
}

/** So many at a time name users and tags. Beyond it, which takes a disk that stalls, they are put down to the key. */
const MOST_FINE = 10_000;
const DAY_MS = 86_400_000;

/** Adds up in memory, as much as fits between two writes: what names no user or tags is bounded by the keys and models. */
export function savedTally(): SavedTally {
  let sums = new Map<string, { -readonly [Field in keyof SavedSum]: SavedSum[Field] }>();

  return {
    add({ how, nanos, ms, ...asked }, at) {
      const who = sums.size < MOST_FINE ? asked : { ...asked, user: null, tags: {} };
      const { tenant, keyId, model, upstream, tier, user, tags } = who;
      const today = Math.floor(at / DAY_MS);
      const name = JSON.stringify([today, how, tenant, keyId, model, upstream, tier, user, tags]);
      const sum = sums.get(name);
      if (sum === undefined) {
        const day = new Date(today * DAY_MS).toISOString().slice(0, 'yyyy-mm-dd'.length);
        sums.set(name, { day, how, tenant, keyId, model, upstream, tier, user, tags, calls: 1, nanos, ms });
      } else {
        sum.calls += 1;
        sum.nanos += nanos;
        sum.ms += ms;
      }
    },
    take() {
      const taken = [...sums.values()];
      sums = new Map();
      return taken;
    },
  };
}
