import { EMPTY, fill, standing, waitMs } from './rate-limit.ts';
import type { Bucket, Rate, Standing } from './rate-limit.ts';

export interface RateCounterOptions {
  /** The most names that are told apart. */
  readonly capacity: number;
  /** Whole milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

export interface Taken extends Standing {
  /** 0: it was accepted. Else nothing was taken, and the same is accepted so many milliseconds from now. */
  readonly waitMs: number;
}

/** Takes one of a name's rate, or nothing; in this process, or in a store that several share. */
export interface RateTaker {
  take(name: string, rate: Rate): Taken | Promise<Taken>;
  /** As far as is known without asking. */
  standing(name: string, rate: Rate): Standing;
}

/**
 * One bucket for each name. Bounded: when every place is taken by somebody who was here within a period, all others
 * share one bucket. Nobody can wash out what counts against him by coming under many names.
 */
export class RateCounter implements RateTaker {
  readonly #capacity: number;
  readonly #now: () => number;
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();
  #others = EMPTY;

  constructor({ capacity, now }: RateCounterOptions) {
    this.#capacity = capacity;
    this.#now = now;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one, or nothing. All names of one counter have one period. */
  take(name: string, rate: Rate): Taken {
    const now = this.#now();
    this.#forget(now - rate.periodMs);
    const own = this.#buckets.has(name) || this.#buckets.size < this.#capacity;
    const bucket = own ? (this.#buckets.get(name) ?? EMPTY) : this.#others;
    const wait = waitMs(bucket, rate, 1, now);
    if (wait > 0) return { ...standing(bucket, rate, now), waitMs: wait };
    const filled = fill(bucket, rate, 1, now);
    if (own) {
      this.#buckets.delete(name);
      this.#buckets.set(name, filled);
    } else {
      this.#others = filled;
    }
    return { ...standing(filled, rate, now), waitMs: 0 };
  }

  standing(name: string, rate: Rate): Standing {
    return standing(this.#buckets.get(name) ?? EMPTY, rate, this.#now());
  }

  /** A bucket that took nothing for a whole period is empty: it was never over its limit. */
  #forget(before: number): void {
    for (const [name, { at }] of this.#buckets) {
      if (at > before) return;
      this.#buckets.delete(name);
    }
  }
}
