import type { Redis } from '../redis.ts';
import type { RateTaker, Taken } from './rate-counter.ts';
import { EMPTY, standing } from './rate-limit.ts';
import type { Bucket, Rate, Standing } from './rate-limit.ts';
import { SCRIPTS } from './redis-scripts.ts';

export interface RedisRateCounterOptions {
  readonly redis: Redis;
  readonly prefix: string;
  /** Counts while Redis does not: this instance alone then. */
  readonly local: RateTaker;
  /** The most names whose standing is remembered. */
  readonly capacity: number;
  /** Whole milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Every request waits for this, hits too. Three missed in a row, and nobody does any more. */
const DEADLINE_MS = 500;

/** One bucket for each name, shared by all instances. What Redis does not count in time is counted here. */
export class RedisRateCounter implements RateTaker {
  readonly #options: RedisRateCounterOptions;
  /** As Redis last said, or the local count where it says nothing. In the order of their last use. */
  readonly #last = new Map<string, Bucket | 'local'>();

  constructor(options: RedisRateCounterOptions) {
    this.#options = options;
  }

  async take(name: string, rate: Rate): Promise<Taken> {
    const { redis, prefix, local, now } = this.#options;
    const words = [name, String(rate.limit), String(rate.periodMs)];
    let reply: readonly unknown[];
    try {
      reply = (await redis.run(SCRIPTS.take, [prefix], words, DEADLINE_MS)) as readonly unknown[];
    } catch {
      this.#remember(name, 'local');
      return local.take(name, rate);
    }
    const bucket = { backlog: Number(reply[1]), at: now() };
    this.#remember(name, bucket);
    return { ...standing(bucket, rate, now()), waitMs: Number(reply[0]) };
  }

  standing(name: string, rate: Rate): Standing {
    const { local, now } = this.#options;
    const last = this.#last.get(name) ?? EMPTY;
    return last === 'local' ? local.standing(name, rate) : standing(last, rate, now());
  }

  #remember(name: string, last: Bucket | 'local'): void {
    this.#last.delete(name);
    this.#last.set(name, last);
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= this.#options.capacity) return;
      this.#last.delete(oldest);
    }
  }
}
