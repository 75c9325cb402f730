import { encodeBase64 } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import { Backlog } from './backlog.ts';
import { Breaker } from './breaker.ts';
import { BYTES_A_MS, Lane, TooLate, within } from './deadline.ts';
import { readBlob } from './disk-files.ts';
import { DiskThread } from './disk-thread.ts';
import { placesIn } from './disk-tree.ts';
import type { DiskOperation, DiskTold } from './disk-worker.ts';
import { DiskWriter } from './disk-writer.ts';
import { StoreDown } from './store.ts';
import type {
  BlobRef,
  Bounds,
  Card,
  Claim,
  EntryStore,
  EvictionReason,
  NewEntry,
  Purged,
  Selection,
  Standing,
  TaskRow,
} from './store.ts';

export interface DiskStoreOptions extends Bounds {
  /** Its own, made if need be; what is above it must be there. Nobody else may write into it. */
  readonly directory: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onEvict: (reason: EvictionReason) => void;
  /** Told once when something begins to fail, and once when it works again; not for every request. */
  readonly onTrouble: (trouble: DiskTrouble, cause?: unknown) => void;
  readonly onOperation: (operation: DiskOperationName, outcome: DiskOutcome, seconds: number) => void;
  /** How long a look-up may take before it is a miss. Default: 250 ms. */
  readonly findMs?: number;
  /** How long a landing may wait for an answer to be kept. Default: 2 s. */
  readonly keepMs?: number;
  /** The pauses between two tries of what fails. Default: 1 to 15 s. */
  readonly pausesMs?: { readonly first: number; readonly longest: number };
}

/** What may fail by itself: its catalogue, the reading of its blobs, the writing of new entries. */
type DiskPart = 'catalogue' | 'blobs' | 'writes';
export type DiskTrouble = `${DiskPart}_failed` | `${DiskPart}_again` | 'made_anew';
export type DiskOperationName = 'get' | 'blob' | 'set';
export type DiskOutcome = 'ok' | 'none' | 'error';

const TOLERATED = 3;
/** Of the process's four threads for files, picture conversion and host names: with the writer's one is left if the disk hangs. */
const READERS = 2;
const MOST_USES = 1_000;
/** A million entries are summed up in some seconds. */
const OPEN_MS = 10_000;

/**
 * Entries on disk: the catalogue with the heads in SQLite, the bytes in files named by their digests. The catalogue and all
 * changes of the tree belong to a thread; here drafts are written and blobs are read, off the event loop, each within its
 * deadline. Whatever the disk does, what is given is what was kept.
 */
export class DiskStore implements EntryStore {
  readonly tier = 'disk';
  readonly #options: DiskStoreOptions;
  readonly #places;
  readonly #keepMs: number;
  readonly #thread: DiskThread;
  readonly #backlog: Backlog;
  readonly #catalogue: Breaker;
  readonly #blobs: Breaker;
  readonly #writes: Breaker;
  readonly #readers = new Lane(READERS);
  readonly #reading = new Map<string, Promise<LongString | null>>();
  /** Since the thread was last told: names in the order of their last use. */
  #uses = new Map<string, number>();

  constructor(options: DiskStoreOptions) {
    const { directory, maxBytes, scopeBytes, onTrouble, onEvict } = options;
    this.#options = options;
    this.#places = placesIn(directory);
    this.#thread = new DiskThread(
      { directory, maxBytes, scopeBytes },
      { onEvict, onNew: () => onTrouble('made_anew') },
    );
    this.#keepMs = options.keepMs ?? 2_000;
    const { write } = new DiskWriter({ directory, thread: this.#thread });
    this.#backlog = new Backlog({ keepMs: this.#keepMs, write });
    const pauses = options.pausesMs ?? { first: 1_000, longest: 15_000 };
    const breaker = (what: DiskPart): Breaker =>
      new Breaker({
        now: () => performance.now(),
        tolerated: TOLERATED,
        firstPauseMs: pauses.first,
        longestPauseMs: pauses.longest,
        onDown: (cause) => onTrouble(`${what}_failed`, cause),
        onUp: () => onTrouble(`${what}_again`),
      });
    this.#catalogue = breaker('catalogue');
    this.#blobs = breaker('blobs');
    this.#writes = breaker('writes');
  }

  get byteLength(): number {
    return this.#thread.bytes;
  }

  get backlogBytes(): number {
    return this.#backlog.bytes;
  }

  async get(name: string): Promise<{ readonly value: Card } | undefined> {
    const waiting = this.#backlog.card(name);
    if (waiting !== undefined) return { value: waiting };
    if (!this.#catalogue.allows()) return undefined;
    try {
      const card = await this.#timed('get', async () => {
        const { card } = await within(this.#findMs, this.#thread.ask({ verb: 'find', name }));
        return card ?? null;
      });
      this.#catalogue.succeeded();
      if (card === null) return undefined;
      this.#use(name, 1);
      return { value: card };
    } catch (error) {
      this.#catalogue.failed(error);
      return undefined;
    }
  }

  async blob(ref: BlobRef): Promise<LongString | null> {
    // Many may ask for one picture at once: it is read once.
    const present = this.#reading.get(ref.digest);
    if (present !== undefined) return present;
    const waiting = this.#backlog.blob(ref.digest);
    if (waiting !== undefined) return encodeBase64(Buffer.concat(await waiting.decoded()));
    if (!this.#blobs.allows()) throw new StoreDown('its blobs could not be read a moment ago');
    const work = this.#timed('blob', () => this.#read(ref)).finally(() => this.#reading.delete(ref.digest));
    this.#reading.set(ref.digest, work);
    return work;
  }

  async set(name: string, { value: entry }: { readonly value: NewEntry }): Promise<boolean> {
    if (!this.#backlog.hasRoom(entry) || !this.#writes.allows()) return false;
    this.#tellUses();
    try {
      const isKept = await this.#timed('set', () => this.#backlog.write(name, entry));
      this.#writes.succeeded();
      return isKept;
    } catch (error) {
      // It may still be kept, and whoever waits for it had better not.
      if (!(error instanceof TooLate) || this.#backlog.isStuck) this.#writes.failed(error);
      return false;
    }
  }

  async delete(name: string): Promise<boolean> {
    this.#uses.delete(name);
    this.#backlog.purge({ name });
    const told = await this.#tell({ verb: 'delete', name });
    return told?.done === true;
  }

  async clear(): Promise<void> {
    await this.purge({});
  }

  touch(name: string): void {
    this.#use(name, 1);
  }

  /** Rejects with StoreDown: then not all of it is gone. */
  async purge(selection: Selection): Promise<Purged> {
    this.#backlog.purge(selection);
    const { purged } = await this.#thread.ask({ verb: 'purge', selection });
    return purged ?? { entries: 0, bytes: 0 };
  }

  /** Rejects with StoreDown. */
  async stats(): Promise<readonly Standing[]> {
    this.#tellUses();
    const { standings } = await this.#thread.ask({ verb: 'stats' });
    return standings ?? [];
  }

  /** Rejects with StoreDown. */
  async list(scope: string, model: string, most: number): Promise<readonly Card[]> {
    const { cards } = await within(this.#keepMs, this.#thread.ask({ verb: 'list', scope, model, most }));
    return cards ?? [];
  }

  async mayPin(scope: string, bytes: number): Promise<boolean> {
    const told = await this.#tell({ verb: 'mayPin', scope, bytes });
    return told?.done === true;
  }

  /** Also, the first time, what a run that died has left behind in files. Rejects with StoreDown. */
  async sweep(): Promise<void> {
    this.#tellUses();
    await this.#thread.ask({ verb: 'sweep', at: this.#options.now() });
  }

  /** Keeps an Idempotency-Key's request, before whatever is kept after it. One that cannot be kept is forgotten. */
  keepClaim(claim: Claim): void {
    void this.#tell({ verb: 'claim', claim });
  }

  /** Those that have not ended; none when that cannot be told. Also waits for the catalogue to be open. */
  async claims(): Promise<readonly Claim[]> {
    const told = await this.#tell({ verb: 'claims', at: this.#options.now() }, OPEN_MS);
    return told?.claims ?? [];
  }

  /** Whether it will be known after a restart. */
  async keepTask(task: TaskRow): Promise<boolean> {
    const told = await this.#tell({ verb: 'task', task });
    return told?.done === true;
  }

  dropTask(id: string): void {
    void this.#tell({ verb: 'dropTask', id });
  }

  /** As `claims`. */
  async tasks(): Promise<readonly TaskRow[]> {
    const told = await this.#tell({ verb: 'tasks', at: this.#options.now() }, OPEN_MS);
    return told?.tasks ?? [];
  }

  async close(): Promise<void> {
    this.#tellUses();
    await this.#backlog.close();
    await this.#thread.close();
  }

  get #findMs(): number {
    return this.#options.findMs ?? 250;
  }

  async #read(ref: BlobRef): Promise<LongString | null> {
    const deadlineMs = this.#findMs + ref.byteLength / BYTES_A_MS;
    const endsAt = performance.now() + deadlineMs;
    const path = this.#places.blob(ref.digest);
    let bytes: Buffer | null;
    try {
      const work = this.#readers.run(
        () => readBlob(path, ref),
        () => performance.now() < endsAt,
      );
      bytes = await within(deadlineMs, work);
      this.#blobs.succeeded();
    } catch (error) {
      this.#blobs.failed(error);
      throw error instanceof StoreDown ? error : new StoreDown('a blob cannot be read', { cause: error });
    }
    if (bytes !== null) return encodeBase64(bytes);
    // One file may be lost, or all of them: then the catalogue speaks of what is no more.
    this.#thread.ask({ verb: 'check' }).catch((error: unknown) => this.#catalogue.failed(error));
    return null;
  }

  /** For what needs no answer: what cannot be done now need not be done. */
  async #tell(operation: DiskOperation, ms = this.#keepMs): Promise<DiskTold | null> {
    try {
      return await within(ms, this.#thread.ask(operation));
    } catch {
      return null;
    }
  }

  #use(name: string, hits: number): void {
    const before = this.#uses.get(name) ?? 0;
    this.#uses.delete(name);
    this.#uses.set(name, before + hits);
    if (this.#uses.size >= MOST_USES) this.#tellUses();
  }

  #tellUses(): void {
    if (this.#uses.size === 0) return;
    const uses = [...this.#uses];
    this.#uses = new Map();
    void this.#tell({ verb: 'touch', uses });
  }

  async #timed<T>(operation: DiskOperationName, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    let outcome: DiskOutcome = 'error';
    try {
      const result = await work();
      outcome = result === null || result === false ? 'none' : 'ok';
      return result;
    } finally {
      this.#options.onOperation(operation, outcome, (performance.now() - startedAt) / 1000);
    }
  }
}
