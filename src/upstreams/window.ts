/** Counts of the last so many milliseconds, in ten slices: what is older than the whole is forgotten a slice at a time. */
export class Window<Name extends string> {
  readonly #sliceMs: number;
  readonly #slices = new Map<number, Record<Name, number>>();
  readonly #names: readonly Name[];

  constructor(windowMs: number, names: readonly Name[]) {
    this.#sliceMs = windowMs / SLICES;
    this.#names = names;
  }

  add(name: Name, nowMs: number): void {
    const index = this.#indexAt(nowMs);
    let slice = this.#slices.get(index);
    if (slice === undefined) {
      // Here too: there are windows that are hardly ever asked for their sums.
      this.#forget(index);
      this.#slices.set(index, (slice = this.#nothing()));
    }
    slice[name] += 1;
  }

  sums(nowMs: number): Readonly<Record<Name, number>> {
    this.#forget(this.#indexAt(nowMs));
    const sums = this.#nothing();
    for (const slice of this.#slices.values()) for (const name of this.#names) sums[name] += slice[name];
    return sums;
  }

  clear(): void {
    this.#slices.clear();
  }

  /** Slices that are held. */
  get size(): number {
    return this.#slices.size;
  }

  #forget(now: number): void {
    for (const index of this.#slices.keys()) if (index <= now - SLICES) this.#slices.delete(index);
  }

  #indexAt(nowMs: number): number {
    return Math.floor(nowMs / this.#sliceMs);
  }

  #nothing(): Record<Name, number> {
    return Object.fromEntries(this.#names.map((name) => [name, 0])) as Record<Name, number>;
  }
}

const SLICES = 10;
