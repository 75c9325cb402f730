import { BYTES_A_MS, Lane, within } from './deadline.ts';
import { matches } from './store.ts';
import type { Card, NewBlob, NewEntry, Selection } from './store.ts';

export interface BacklogOptions {
  /** How long a store may take for one small entry. */
  readonly keepMs: number;
  /** Whether it is kept. `isWanted`: not purged meanwhile. */
  readonly write: (name: string, entry: NewEntry, isWanted: () => boolean) => Promise<boolean>;
}

interface Writing {
  readonly name: string;
  readonly entry: NewEntry;
  isPurged: boolean;
  done: Promise<unknown>;
}

const MOST_WAITING_BYTES = 128 << 20;
const MOST_WAITING = 128;
/** For each of those that wait before it, beside the time for their bytes: some disks sync in 5 ms, others in 20. */
const EACH_MS = 20;
/** What a store writes in the time it takes for the smallest entry, and so what that counts as. */
const EACH_BYTES = 1 << 20;

/** Entries on their way into a slow store, one after the other, bounded in number and in bytes: they wait in memory. */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #lane = new Lane(1);
  readonly #writing = new Set<Writing>();
  #waitingBytes = 0;
  /** When it last was done with an entry, or began after it had none, on the clock of `performance`. */
  #movedAt = 0;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /** How much there is to do, what is being written too, in the bytes it would be of one large entry. */
  get bytes(): number {
    return this.#waitingBytes + this.#writing.size * EACH_BYTES;
  }

  /** Whether the store has stopped, rather than being slower than what comes. */
  get isStuck(): boolean {
    return performance.now() - this.#movedAt > this.#options.keepMs + this.#waitingBytes / BYTES_A_MS;
  }

  hasRoom(entry: NewEntry): boolean {
    return this.#waitingBytes + sizeOf(entry) <= MOST_WAITING_BYTES && this.#writing.size < MOST_WAITING;
  }

  /** Whether it is kept. Rejects when the store fails, or with TooLate: it goes on then. */
  async write(name: string, entry: NewEntry): Promise<boolean> {
    const bytes = sizeOf(entry);
    const writing: Writing = { name, entry, isPurged: false, done: Promise.resolve() };
    if (this.#writing.size === 0) this.#movedAt = performance.now();
    this.#writing.add(writing);
    this.#waitingBytes += bytes;
    const isWanted = (): boolean => !writing.isPurged;
    const work = this.#lane.run(async () => isWanted() && this.#options.write(name, entry, isWanted));
    writing.done = work
      .catch(() => undefined)
      .finally(() => {
        this.#movedAt = performance.now();
        this.#waitingBytes -= bytes;
        this.#writing.delete(writing);
      });
    return within(this.#deadlineMs(), work);
  }

  /** What is not in the store yet under that name, the newest. */
  card(name: string): Card | undefined {
    const { entry } = [...this.#writing].findLast((each) => each.name === name && !each.isPurged) ?? {};
    if (entry === undefined) return undefined;
    const { bytes: _bytes, ...card } = entry;
    return card;
  }

  /** A blob of what is not in the store yet. */
  blob(digest: string): NewBlob | undefined {
    for (const { entry } of this.#writing) if (entry.bytes.has(digest)) return entry.bytes.get(digest);
    return undefined;
  }

  /** Those that wait for their turn are not written any more. */
  purge(selection: Selection): void {
    for (const each of this.#writing) if (matches(selection, each.name, each.entry)) each.isPurged = true;
  }

  /** Waits for what is to be written, for as long as that may take. */
  async close(): Promise<void> {
    const written = Promise.all([...this.#writing].map(({ done }) => done));
    await within(this.#deadlineMs(), written).catch(() => undefined);
  }

  #deadlineMs(): number {
    return this.#options.keepMs + this.#waitingBytes / BYTES_A_MS + this.#writing.size * EACH_MS;
  }
}

export function sizeOf({ blobs }: Card): number {
  return blobs.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
