import { Window } from './window.ts';

export type BreakerState = 'closed' | 'open' | 'half_open';

export interface BreakerOptions {
  /** Off, it lets everybody through. */
  readonly isOn: boolean;
  /** Told once when it opens, and once when it has closed again. */
  readonly opened: () => void;
  readonly closed: () => void;
}

const WINDOW_MS = 10_000;
const LEAST_CALLS = 20;
const MOST_FAILED = 0.5;
/** From its opening until probes pass though there is somewhere else to go. */
const REST_MS = 10_000;
const PROBE_EVERY_MS = 1_000;

/**
 * Keeps calls from a target that fails: it opens when of 20 calls or more in ten seconds one half has failed. One probe a
 * second passes once it has rested, and from the first where nobody else could be asked; one that succeeds closes it.
 * A call that came to no picture is none that failed: only what says that the target itself is ill counts.
 */
export class TargetBreaker {
  readonly #options: BreakerOptions;
  readonly #calls = new Window(WINDOW_MS, ['good', 'failed']);
  #openedAt: number | null = null;
  #probedAt = Number.NEGATIVE_INFINITY;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  state(nowMs: number): BreakerState {
    if (this.#openedAt === null) return 'closed';
    return nowMs - this.#openedAt < REST_MS ? 'open' : 'half_open';
  }

  /** Whether a call may be made now. `isLast`: nobody else could be asked. */
  admits(nowMs: number, isLast: boolean): boolean {
    const state = this.state(nowMs);
    if (state === 'closed') return true;
    if ((state === 'open' && !isLast) || nowMs - this.#probedAt < PROBE_EVERY_MS) return false;
    this.#probedAt = nowMs;
    return true;
  }

  /** What became of a call that was admitted. */
  tell(isGood: boolean, nowMs: number): void {
    if (!this.#options.isOn) return;
    this.#calls.add(isGood ? 'good' : 'failed', nowMs);
    if (this.#openedAt !== null) {
      if (isGood) this.#close();
      else if (this.state(nowMs) === 'half_open') this.#openedAt = nowMs;
      return;
    }
    const { good, failed } = this.#calls.sums(nowMs);
    if (good + failed < LEAST_CALLS || failed < MOST_FAILED * (good + failed)) return;
    this.#openedAt = nowMs;
    this.#options.opened();
  }

  /** Milliseconds until the next probe may pass; 0: now. */
  nextProbeMs(nowMs: number): number {
    return this.#openedAt === null ? 0 : Math.max(0, this.#probedAt + PROBE_EVERY_MS - nowMs);
  }

  #close(): void {
    this.#openedAt = null;
    this.#calls.clear();
    this.#options.closed();
  }
}
