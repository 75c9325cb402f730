/** What a flight came to: the answer, when it landed, and the bytes it holds. */
export interface Landing<T> {
  readonly value: T;
  readonly at: number;
  readonly bytes: number;
}

export interface Orphan {
  readonly name: string;
  /** Whose it is: the tenant whose money is in it. */
  readonly owner: string;
  /** How many callers may still come back for it. */
  owed: number;
  /** Null while it is in the air: it is bounded then by what the gateway lets up, and by the work's own deadline. */
  readonly landing: Landing<unknown> | null;
}

export interface OrphansOptions {
  readonly now: () => number;
  readonly keepMs: number;
  readonly maxCount: number;
  readonly maxBytes: number;
}

/**
 * Flights that owe an answer to callers who left: any number in the air, and of the landed only so many, so many bytes
 * and for so long. The one that was left first is adopted first. Of the owner who keeps the most, the one kept longest
 * makes room: whoever has less than an equal share loses nothing to those who have more.
 */
export class Orphans<O extends Orphan> {
  readonly #options: OrphansOptions;
  readonly #byName = new Map<string, Set<O>>();
  readonly #landed = new Map<O, NodeJS.Timeout>();
  #bytes = 0;

  constructor(options: OrphansOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#landed.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** To be called when a caller leaves and again when the flight lands. */
  keep(orphan: O): void {
    const named = this.#byName.get(orphan.name) ?? new Set();
    this.#byName.set(orphan.name, named.add(orphan));
    if (orphan.landing === null || this.#landed.has(orphan)) return;

    const { maxCount, maxBytes } = this.#options;
    const leftMs = this.#leftMs(orphan.landing);
    if (leftMs <= 0 || orphan.landing.bytes > maxBytes || maxCount < 1) return this.forget(orphan);
    this.#landed.set(orphan, setTimeout(() => this.forget(orphan), leftMs).unref());
    this.#bytes += orphan.landing.bytes;
    for (;;) {
      const tooMany = this.#landed.size > maxCount;
      if (!tooMany && this.#bytes <= maxBytes) return;
      this.#makeRoom(tooMany ? () => 1 : ({ bytes }) => bytes);
    }
  }

  /** Forgets the oldest of the owner who has the most of what is `weighed`. */
  #makeRoom(weighed: (landing: Landing<unknown>) => number): void {
    const shares = new Map<string, { weight: number; readonly oldest: O }>();
    for (const orphan of this.#landed.keys()) {
      const share = shares.get(orphan.owner) ?? { weight: 0, oldest: orphan };
      share.weight += orphan.landing === null ? 0 : weighed(orphan.landing);
      shares.set(orphan.owner, share);
    }
    const [largest] = [...shares.values()].toSorted((one, other) => other.weight - one.weight);
    if (largest !== undefined) this.forget(largest.oldest);
  }

  /** Pays one debt of the name's oldest orphan: the taker is served by it, and nobody else in its place. */
  take(name: string): O | undefined {
    for (const orphan of this.#byName.get(name) ?? []) {
      // The timer frees memory, the clock decides: a busy event loop runs timers late.
      if (orphan.landing !== null && this.#leftMs(orphan.landing) <= 0) {
        this.forget(orphan);
        continue;
      }
      if (orphan.owed === 1) this.forget(orphan);
      else orphan.owed -= 1;
      return orphan;
    }
    return undefined;
  }

  /** How many debts of that name are still to be paid. */
  owed(name: string): number {
    const alive = (this.#byName.get(name) ?? new Set())
      .values()
      .filter(({ landing }) => landing === null || this.#leftMs(landing) > 0);
    return alive.reduce((sum, { owed }) => sum + owed, 0);
  }

  /** Writes off what it still owes. */
  forget(orphan: O): void {
    orphan.owed = 0;
    const named = this.#byName.get(orphan.name);
    named?.delete(orphan);
    if (named?.size === 0) this.#byName.delete(orphan.name);

    const timer = this.#landed.get(orphan);
    if (timer === undefined || orphan.landing === null) return;
    clearTimeout(timer);
    this.#landed.delete(orphan);
    this.#bytes -= orphan.landing.bytes;
  }

  #leftMs(landing: Landing<unknown>): number {
    return landing.at + this.#options.keepMs - this.#options.now();
  }
}
