import { Window } from './window.ts';

const WINDOW_MS = 10_000;
const MOST_RETRIED = 0.2;
const ALWAYS_RETRIED = 3;

/**
 * How many repetitions a gateway makes beside its first tries, whatever fails: a fifth of those of the last ten seconds, and
 * three at least. A vendor that is down is so not asked three times as often as one that is up.
 */
export class RetryBudget {
  readonly #tries = new Window(WINDOW_MS, ['first', 'again']);

  first(nowMs: number): void {
    this.#tries.add('first', nowMs);
  }

  /** Whether one may be made, which it then is. */
  spend(nowMs: number): boolean {
    const { first, again } = this.#tries.sums(nowMs);
    if (again >= Math.max(ALWAYS_RETRIED, MOST_RETRIED * first)) return false;
    this.#tries.add('again', nowMs);
    return true;
  }
}

const FIRST_BACK_OFF_MS = 500;
const LONGEST_BACK_OFF_MS = 8_000;

/**
 * Milliseconds to wait before repetition `number` (from 1): anything between nothing and a bound that doubles, so that those
 * who failed together do not come back together. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 * `random`: from 0 to 1.
 */
export function backOffMs(number: number, random: () => number): number {
  return Math.floor(random() * Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** (number - 1)));
}
