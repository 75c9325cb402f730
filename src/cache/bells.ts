/** Wakes whoever waits for something by its name. */
export class Bells {
  readonly #hung = new Map<string, Set<Bell>>();

  hang(name: string, given: AbortSignal): Bell {
    const bells = this.#hung.get(name) ?? new Set();
    this.#hung.set(name, bells);
    const bell = new Bell(() => {
      given.removeEventListener('abort', ring);
      bells.delete(bell);
      if (bells.size === 0) this.#hung.delete(name);
    });
    const ring = (): void => bell.ring();
    given.addEventListener('abort', ring, { once: true });
    bells.add(bell);
    return bell;
  }

  ring(name: string): void {
    for (const bell of this.#hung.get(name) ?? []) bell.ring();
  }

  ringAll(): void {
    for (const name of this.#hung.keys()) this.ring(name);
  }
}

/** What rings between `reset` and `rung` is not missed. */
export class Bell {
  readonly takeDown: () => void;
  #next = Promise.withResolvers<void>();

  constructor(takeDown: () => void) {
    this.takeDown = takeDown;
  }

  ring(): void {
    this.#next.resolve();
  }

  reset(): void {
    this.#next = Promise.withResolvers<void>();
  }

  /** Resolves when it has rung since the last reset, or after so many ms. */
  async rung(withinMs: number): Promise<void> {
    const timer = setTimeout(() => this.#next.resolve(), withinMs);
    await this.#next.promise;
    clearTimeout(timer);
  }
}
