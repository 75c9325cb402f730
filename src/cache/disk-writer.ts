import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { BYTES_A_MS, Lane, within } from './deadline.ts';
import { removeDrafts, writeDraft } from './disk-files.ts';
import type { DiskThread } from './disk-thread.ts';
import { placesIn } from './disk-tree.ts';
import { matches } from './store.ts';
import type { Card, NewBlob, NewEntry, Selection } from './store.ts';

export interface DiskWriterOptions {
  readonly directory: string;
  readonly thread: DiskThread;
  /** How long a disk may take for one small entry. */
  readonly keepMs: number;
}

interface Writing {
  readonly name: string;
  readonly entry: NewEntry;
  /** While it waited for its turn. */
  isPurged: boolean;
  done: Promise<unknown>;
}

const MOST_WAITING_BYTES = 128 << 20;
const MOST_WAITING = 128;
/** For each of those that wait before it, beside the time for their bytes: some disks sync in 5 ms, others in 20. */
const SYNC_MS = 20;
/** What a disk writes in the time that it takes to sync, and so what the smallest entry counts as. */
const SYNC_BYTES = 1 << 20;

/** Writes entries one after the other: room first, then drafts of the blobs, and then the catalogue's thread files them. */
export class DiskWriter {
  readonly #options: DiskWriterOptions;
  readonly #lane = new Lane(1);
  readonly #writing = new Set<Writing>();
  #waitingBytes = 0;
  /** When it last was done with an entry, or began after it had none, on the clock of `performance`. */
  #movedAt = 0;

  constructor(options: DiskWriterOptions) {
    this.#options = options;
  }

  /** How much there is to do, those that are being written too, in the bytes it would be of one large entry. */
  get backlogBytes(): number {
    return this.#waitingBytes + this.#writing.size * SYNC_BYTES;
  }

  /** Whether the disk has stopped, rather than being slower than what comes. */
  get isStuck(): boolean {
    const { keepMs } = this.#options;
    return performance.now() - this.#movedAt > keepMs + this.#waitingBytes / BYTES_A_MS;
  }

  /** Whether it may wait for its turn: they wait in memory. */
  hasRoom(entry: NewEntry): boolean {
    return this.#waitingBytes + sizeOf(entry) <= MOST_WAITING_BYTES && this.#writing.size < MOST_WAITING;
  }

  /** Whether it is kept. Rejects when the disk fails, or with StoreDown when it takes too long: it goes on then. */
  async write(name: string, entry: NewEntry): Promise<boolean> {
    const bytes = sizeOf(entry);
    const writing: Writing = { name, entry, isPurged: false, done: Promise.resolve() };
    if (this.#writing.size === 0) this.#movedAt = performance.now();
    this.#writing.add(writing);
    this.#waitingBytes += bytes;
    const work = this.#lane.run(() => this.#perform(writing));
    writing.done = work
      .catch(() => undefined)
      .finally(() => {
        this.#movedAt = performance.now();
        this.#waitingBytes -= bytes;
        this.#writing.delete(writing);
      });
    return within(this.#deadlineMs(), work);
  }

  /** What is not on disk yet under that name, the newest. */
  card(name: string): Card | undefined {
    const { entry } = [...this.#writing].findLast((each) => each.name === name && !each.isPurged) ?? {};
    if (entry === undefined) return undefined;
    const { bytes: _bytes, ...card } = entry;
    return card;
  }

  /** A blob of what is not on disk yet. */
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
    return this.#options.keepMs + this.#waitingBytes / BYTES_A_MS + this.#writing.size * SYNC_MS;
  }

  async #perform({ name, entry, isPurged }: Writing): Promise<boolean> {
    const { thread } = this.#options;
    if (isPurged) return false;
    const { bytes: _bytes, ...card } = entry;
    const { reservation } = await thread.ask({ verb: 'reserve', name, card });
    if (typeof reservation === 'number') return this.#fill(name, entry, card, reservation);
    await thread.ask({ verb: 'delete', name });
    return false;
  }

  async #fill(name: string, { bytes }: NewEntry, card: Card, reservation: number): Promise<boolean> {
    const { thread, directory } = this.#options;
    const drafts: Record<string, string> = {};
    let isKept = false;
    try {
      for (const { digest } of card.blobs) {
        drafts[digest] = join(placesIn(directory).drafts, randomUUID());
        await writeDraft(drafts[digest], await bytes.get(digest)!.decoded());
      }
      isKept = (await thread.ask({ verb: 'file', reservation, drafts })).done === true;
      return isKept;
    } finally {
      if (!isKept) {
        await removeDrafts(Object.values(drafts));
        // What it should have replaced is out of date.
        const undone = [thread.ask({ verb: 'abandon', reservation }), thread.ask({ verb: 'delete', name })];
        void Promise.allSettled(undone);
      }
    }
  }
}

function sizeOf({ blobs }: Card): number {
  return blobs.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
