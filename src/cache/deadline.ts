import { StoreDown } from './store.ts';

/** A disk that is slower than this is a stalled one: 50 MB a second, beside the time for the operation itself. */
export const BYTES_A_MS = 50_000;

/** The work goes on, and may yet succeed. */
export class TooLate extends StoreDown {}

/** The outcome of the work if it comes in time, else TooLate: the work goes on, and nobody waits for it. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new TooLate(`the store took longer than ${ms} ms`)), ms);
  // Should it fail after all, there is nobody left to tell.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** So much work at one time and no more: the rest waits for its turn. */
export class Lane {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number) {
    this.#free = width;
  }

  /** `isWanted` is asked when the turn has come: whoever waits for it may have given up. */
  async run<T>(work: () => Promise<T>, isWanted: () => boolean = () => true): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((go) => this.#waiting.push(go));
    try {
      if (!isWanted()) throw new StoreDown('nobody waits for it any more');
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
