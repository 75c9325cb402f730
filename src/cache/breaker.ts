export interface BreakerOptions {
  /** Milliseconds that only ever rise. */
  readonly now: () => number;
  /** So many failures one after the other open it: one slow answer must not cost all those that would have been in time. */
  readonly tolerated: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** Called when it opens, and not again until it has closed. */
  readonly onDown: (cause: unknown) => void;
  readonly onUp: () => void;
}

/** Keeps callers from what has just failed, and lets one of them try from time to time, ever more rarely. */
export class Breaker {
  readonly #options: BreakerOptions;
  #down = false;
  #failures = 0;
  #pauseMs = 0;
  #retryAt = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Whether to try. Whoever is told so has to say how it went. */
  allows(): boolean {
    const now = this.#options.now();
    if (!this.#down) return true;
    if (now < this.#retryAt) return false;
    this.#pauseMs = Math.min(this.#pauseMs * 2, this.#options.longestPauseMs);
    this.#retryAt = now + this.#pauseMs;
    return true;
  }

  failed(cause: unknown): void {
    this.#failures += 1;
    if (this.#down || this.#failures < this.#options.tolerated) return;
    this.#down = true;
    this.#pauseMs = this.#options.firstPauseMs;
    this.#retryAt = this.#options.now() + this.#pauseMs;
    this.#options.onDown(cause);
  }

  succeeded(): void {
    this.#failures = 0;
    if (!this.#down) return;
    this.#down = false;
    this.#options.onUp();
  }
}
