import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDamaged, NewerSchema } from '../sqlite.ts';
import { Books } from './disk-books.ts';
import type { Row } from './disk-books.ts';
import { sizeOfCard } from './disk-size.ts';
import { emptyDrafts, FOLDERS, identityOf, makeTree, placesIn, putInPlace } from './disk-tree.ts';
import type { Places } from './disk-tree.ts';
import { matches, pinnable } from './store.ts';
import type { Bounds, Card, Claim, EvictionReason, Purged, Selection, Standing, TaskRow } from './store.ts';

export interface CatalogueOptions extends Bounds {
  readonly directory: string;
  readonly onEvict: (reason: EvictionReason) => void;
}

/** Room set aside for an entry whose bytes are being written. */
export interface Reservation {
  readonly name: string;
  readonly card: Card;
  readonly bytes: number;
  /** It was purged before it was there. */
  purged: boolean;
}

/**
 * The books of a disk store, and the sole owner of its tree: it alone moves files into it and removes them, one thing after
 * the other, in a thread of its own. What is in the books is in the tree. What is in the tree and not in the books, since
 * a run died in between, is removed by `sweepFolder`.
 */
export class Catalogue {
  readonly #options: CatalogueOptions;
  readonly #places: Places;
  readonly #books: Books;
  readonly #identity: string | null;
  readonly #reserved = new Set<Reservation>();

  /** Throws what SQLite or the file system throws. */
  constructor(options: CatalogueOptions) {
    this.#options = options;
    this.#places = placesIn(options.directory);
    makeTree(options.directory);
    emptyDrafts(this.#places);
    this.#books = new Books(this.#places.catalogue);
    this.#identity = identityOf(this.#places.catalogue);
  }

  /** Of files and heads. */
  get bytes(): number {
    return this.#books.bytes;
  }

  /** Whether it still is the one in its directory: somebody may have removed that, or mounted another in its place. */
  isInPlace(): boolean {
    return identityOf(this.#places.catalogue) === this.#identity && identityOf(this.#places.drafts) !== null;
  }

  close(): void {
    this.#books.close();
  }

  find(name: string): Card | null {
    return this.#books.find(name);
  }

  list(scope: string, model: string, most: number): Card[] {
    return this.#books.list(scope, model, most);
  }

  /** Makes room for an entry before its bytes are written, so that the bound holds at every moment; null: there is none. */
  reserve(name: string, card: Card): Reservation | null {
    const { maxBytes, scopeBytes } = this.#options;
    const bytes = sizeOfCard(card);
    const left = maxBytes - bytes - this.#promised();
    const leftOfShare = scopeBytes - bytes - this.#promised(card.scope);
    if (left < 0 || leftOfShare < 0 || !this.#fitsBesidePins(name, card, bytes)) return null;
    this.#change((remove) => {
      const reason = scopeBytes < maxBytes ? 'share' : 'room';
      this.#evictWhile(reason, () => this.#books.bytesOf(card.scope) > leftOfShare, remove, card.scope);
      this.#evictWhile('room', () => this.#books.bytes > left, remove);
    });
    const reservation = { name, card, bytes, purged: false };
    this.#reserved.add(reservation);
    return reservation;
  }

  /** Whether so many bytes of pinned entries of a scope would find room. */
  mayPin(scope: string, bytes: number): boolean {
    const { maxBytes, scopeBytes } = this.#options;
    return this.#pinned() + bytes <= pinnable(maxBytes) && this.#pinned(scope) + bytes <= pinnable(scopeBytes);
  }

  abandon(reservation: Reservation): void {
    this.#reserved.delete(reservation);
  }

  /** Blobs first, head last. `drafts`: their written files by digest. False where the entry was purged meanwhile. */
  file(reservation: Reservation, drafts: Readonly<Record<string, string>>): boolean {
    const { name, card, purged } = reservation;
    if (purged) return false;
    const digests = card.blobs.map(({ digest }) => digest);
    try {
      for (const digest of digests) putInPlace(drafts[digest]!, this.#places.blob(digest));
      this.#reserved.delete(reservation);
      this.#change((remove) => {
        const before = this.#books.named(name);
        if (before !== null) remove(before);
        this.#books.insert(name, card);
      });
      return true;
    } catch (error) {
      this.#unlink(digests);
      throw error;
    }
  }

  delete(name: string): boolean {
    const row = this.#books.named(name);
    if (row !== null) this.#change((remove) => remove(row));
    return row !== null;
  }

  touch(uses: readonly (readonly [name: string, hits: number])[]): void {
    this.#change(() => {
      for (const [name, hits] of uses) this.#books.touch(name, hits);
    });
  }

  /** At most so many, from after the entry `after` on: others wait. `next` is where to go on, null at the end. */
  purge(selection: Selection, after: number, atMost: number): Purged & { readonly next: number | null } {
    for (const each of this.#reserved) if (matches(selection, each.name, each.card)) each.purged = true;
    const rows = this.#books.selected(selection, after, atMost);
    this.#change((remove) => {
      rows.forEach(remove);
      // Which keys a tenant used, and what it asked for, is the tenant's too.
      if (selection.scope !== undefined && Object.keys(selection).length === 1)
        this.#books.forgetClaimsOf(selection.scope);
    });
    const next = rows.length < atMost ? null : rows.at(-1)!.id;
    if (next === null) this.#books.checkpoint();
    return { entries: rows.length, bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0), next };
  }

  /** Of at most so many entries, as `purge` goes through them. */
  stats(after: number, atMost: number): { readonly standings: Standing[]; readonly next: number | null } {
    const found = this.#books.stats(after, atMost);
    const next = found.length === 0 ? null : Math.max(...found.map(({ last }) => last));
    const standings = found.map((each) => {
      const { last: _last, ...standing } = each;
      return standing;
    });
    return { standings, next };
  }

  /** Drops at most so many that have expired or stand above a bound that was lowered; true: some may be left. */
  sweepEntries(now: number, atMost: number): boolean {
    const { maxBytes, scopeBytes } = this.#options;
    return this.#change((remove) => {
      this.#books.forgetClaims(now);
      const expired = this.#books.expired(now, atMost);
      for (const row of expired) this.#evict(row, 'expired', remove);
      let left = atMost;
      const once = (): boolean => (left -= 1) >= 0;
      const before = this.#books.bytes;
      const over = this.#books.scopeAbove(scopeBytes);
      if (over !== null)
        this.#evictWhile('share', () => this.#books.bytesOf(over) > scopeBytes && once(), remove, over);
      this.#evictWhile('room', () => this.#books.bytes > maxBytes && once(), remove);
      // What is pinned stays above a bound until it expires.
      return expired.length === atMost || this.#books.bytes < before;
    });
  }

  /** Removes the files that no entry holds from one of the 256 folders. */
  sweepFolder(index: number): void {
    const folder = FOLDERS[index]!;
    const path = join(this.#places.blobs, folder);
    if (identityOf(path) === null) return;
    const held = this.#books.heldFrom(folder);
    for (const name of readdirSync(path))
      if (!held.has(name)) rmSync(join(path, name), { recursive: true, force: true });
  }

  claim(claim: Claim): void {
    this.#books.claim(claim);
  }

  claims(now: number): Claim[] {
    return this.#books.claims(now);
  }

  task(task: TaskRow): void {
    this.#books.task(task);
  }

  dropTask(id: string): void {
    this.#books.dropTask(id);
  }

  tasks(now: number): TaskRow[] {
    return this.#books.tasks(now);
  }

  /** What has its name makes place for it. */
  #fitsBesidePins(name: string, { scope, pinned }: Card, bytes: number): boolean {
    const { maxBytes, scopeBytes } = this.#options;
    const before = this.#books.named(name);
    const freed = before?.pinned === 1 ? before.bytes : 0;
    const ofAll = this.#pinned() - freed + bytes;
    const ofScope = this.#pinned(scope) - (before?.scope === scope ? freed : 0) + bytes;
    if (pinned === true && (ofAll > pinnable(maxBytes) || ofScope > pinnable(scopeBytes))) return false;
    // Nobody makes room of what is pinned, nor of what is being written.
    return (
      this.#books.pinnedBytes() + this.#promised() + bytes <= maxBytes &&
      this.#books.pinnedBytes(scope) + this.#promised(scope) + bytes <= scopeBytes
    );
  }

  /** Of all scopes, or of one; those that are being written too. */
  #pinned(scope?: string): number {
    const reserved = this.#reserved.values().filter(({ card }) => scope === undefined || card.scope === scope);
    const promised = reserved.reduce((sum, { card, bytes }) => sum + (card.pinned === true ? bytes : 0), 0);
    return this.#books.pinnedBytes(scope) + promised;
  }

  /** Of all scopes, or of one. */
  #promised(scope?: string): number {
    const reserved = this.#reserved.values().filter(({ card }) => scope === undefined || card.scope === scope);
    return reserved.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #evictWhile(reason: EvictionReason, isTooMuch: () => boolean, remove: (row: Row) => void, scope?: string): void {
    while (isTooMuch()) {
      const oldest = this.#books.leastRecentlyUsed(scope);
      if (oldest === null) return;
      this.#evict(oldest, reason, remove);
    }
  }

  #evict(row: Row, reason: EvictionReason, remove: (row: Row) => void): void {
    remove(row);
    this.#options.onEvict(reason);
  }

  /** One transaction; the files that nobody holds after it go when it is committed. */
  #change<T>(work: (remove: (row: Row) => void) => T): T {
    const unheld: string[] = [];
    const result = this.#books.change(() => work((row) => unheld.push(...this.#books.remove(row))));
    this.#unlink(unheld);
    return result;
  }

  #unlink(digests: readonly string[]): void {
    for (const digest of digests)
      if (!this.#books.isHeld(digest)) rmSync(this.#places.blob(digest), { recursive: true, force: true });
  }
}

/**
 * The catalogue in a directory, which is made if need be. One that cannot be read is removed: it is a cache. Its blobs
 * have no entries then, and are swept. `isNew`: that was done.
 */
export function openCatalogue(options: CatalogueOptions): { readonly catalogue: Catalogue; readonly isNew: boolean } {
  try {
    return { catalogue: new Catalogue(options), isNew: false };
  } catch (error) {
    if (!isDamaged(error) && !(error instanceof NewerSchema)) throw error;
    removeCatalogue(options.directory);
    return { catalogue: new Catalogue(options), isNew: true };
  }
}

export function removeCatalogue(directory: string): void {
  const { catalogue } = placesIn(directory);
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${catalogue}${suffix}`, { recursive: true, force: true });
}
