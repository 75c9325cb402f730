import { BYTES_A_MS, Lane, within } from './deadline.ts';
import { matches } from './store.ts';
import type { Card, NewEntry, Selection } from './store.ts';

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
/** For each of those that wait before it, beside the time for their bytes. */
const EACH_MS = 20;

/** Entries on their way into a slow store, one after the other, bounded in number and in bytes: they wait in memory. */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #lane = new Lane(1);
  readonly #writing = new Set<Writing>();
  #waitingBytes = 0;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /** Of those that are being written too. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  hasRoom(entry: NewEntry): boolean {
    return this.#waitingBytes + sizeOf(entry) <= MOST_WAITING_BYTES && this.#writing.size < MOST_WAITING;
  }

  /** Whether it is kept. Rejects when the store fails, or with StoreDown when it takes too long: it goes on then. */
  async write(name: string, entry: NewEntry): Promise<boolean> {
    const bytes = sizeOf(entry);
    const writing: Writing = { name, entry, isPurged: false, done: Promise.resolve() };
    this.#writing.add(writing);
    this.#waitingBytes += bytes;
    const isWanted = (): boolean => !writing.isPurged;
    const work = this.#lane.run(async () => isWanted() && this.#options.write(name, entry, isWanted));
    writing.done = work
      .catch(() => undefined)
      .finally(() => {
        this.#waitingBytes -= bytes;
        this.#writing.delete(writing);
      });
    return within(this.#deadlineMs(), work);
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
