import type { Loan, Regions } from '../wire/regions.ts';

/** Waits until so many bytes may be held; the returned function gives back all but so many of them. */
export type Admit = (bytes: number, signal: AbortSignal) => Promise<(kept?: number) => void>;

/** How long a reply that was read may be on its way to its caller before others get the room it counts for. */
const DELIVERY_MS = 1_000;

/**
 * Where one reply lies, and what it counts for: from before it comes until it is delivered. Not for longer than a second
 * after it was read: nobody who takes a picture slowly may keep those of others waiting, nor the first pictures of a
 * request its last ones.
 */
export class ReplyRoom {
  readonly #admit: Admit;
  readonly #loan: Loan;
  #kept = 0;
  #rooms: ((kept?: number) => void)[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor({ admit, regions }: { readonly admit: Admit; readonly regions: Regions }) {
    this.#admit = admit;
    this.#loan = regions.lend();
  }

  /** For who receives it, and gives it back when all is there: what was kept by then stays counted. */
  readonly admit = async (bytes: number, signal: AbortSignal): Promise<() => void> => {
    const giveBack = await this.#admit(bytes, signal);
    this.#rooms.push(giveBack);
    return () => giveBack(this.#kept);
  };

  readonly keep = (bytes: Uint8Array): Uint8Array => {
    this.#kept += bytes.length;
    return this.#loan.keep(bytes);
  };

  /** To be called when it was read, whatever came of that. */
  wasRead(): void {
    if (this.#kept === 0) this.#leave();
    else this.#timer = setTimeout(() => this.#leave(), DELIVERY_MS).unref();
  }

  /** Its memory too, for the next. */
  readonly giveBack = (): void => {
    this.#loan.giveBack();
    this.#leave();
  };

  #leave(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const giveBack of this.#rooms.splice(0)) giveBack();
  }
}
