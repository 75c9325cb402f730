import type { Hold, SpendState } from './state.ts';

/**
 * The money of one request for several pictures, taken in one atomic step: either all that must be drawn is covered or
 * nothing is. Every picture has a ticket; once sealed, the step is taken when each ticket has been used or closed.
 */
export class Reservation {
  readonly #state: Pick<SpendState, 'reserve'>;
  readonly #holds: Hold[] = [];
  readonly #reserved = Promise.withResolvers<void>();
  #open = 0;
  #sealed = false;

  constructor(state: Pick<SpendState, 'reserve'>) {
    this.#state = state;
    // When it fails and no ticket waits for it, nobody lost anything.
    this.#reserved.promise.catch(() => undefined);
  }

  /** Resolves when the money for all that must be drawn is held; at once where that is nothing. Rejects as `take` does. */
  get taken(): Promise<void> {
    return this.#reserved.promise;
  }

  ticket(): Ticket {
    this.#open += 1;
    let used = false;
    let alone = false;
    const leave = (): void => {
      if (used) return;
      used = true;
      this.#open -= 1;
      this.#flush();
    };
    return {
      take: (hold) => {
        if (used || alone) return this.#state.reserve([hold]);
        this.#holds.push(hold);
        leave();
        return this.#reserved.promise;
      },
      close: leave,
      detach: () => {
        alone = true;
        leave();
      },
    };
  }

  /** No more tickets: from now on the last one in takes the step. */
  seal(): void {
    this.#sealed = true;
    this.#flush();
  }

  #flush(): void {
    if (!this.#sealed || this.#open > 0) return;
    this.#reserved.resolve(this.#holds.length === 0 ? undefined : this.#state.reserve(this.#holds));
  }
}

export interface Ticket {
  /** Resolves when the money is held; rejects with the tenant's own refusal. */
  take(hold: Hold): Promise<void>;
  /** No money is needed after all. Has no effect after `take`. */
  close(): void;
  /** Somebody else draws this picture: should it come back to this caller later, it takes its money alone. */
  detach(): void;
}
