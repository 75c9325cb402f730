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
    if (slice === undefined) this.#slices.set(index, (slice = this.#nothing()));
    slice[name] += 1;
  }

  sums(nowMs: number): Readonly<Record<Name, number>> {
    const first = this.#indexAt(nowMs) - SLICES;
    const sums = this.#nothing();
    for (const [index, slice] of this.#slices) {
      if (index <= first) this.#slices.delete(index);
      else for (const name of this.#names) sums[name] += slice[name];
    }
    return sums;
  }

  clear(): void {
    this.#slices.clear();
  }

  #indexAt(nowMs: number): number {
    return Math.floor(nowMs / this.#sliceMs);
  }

  #nothing(): Record<Name, number> {
    return Object.fromEntries(this.#names.map((name) => [name, 0])) as Record<Name, number>;
  }
}

const SLICES = 10;
