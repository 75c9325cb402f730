import { LongString } from '../wire/long-string.ts';
import { nextTurn } from '../wire/turns.ts';
import { addUp, matches, pinnable } from './store.ts';
import type {
  BlobRef,
  Bounds,
  Card,
  EntryStore,
  EvictionReason,
  NewEntry,
  Purged,
  Selection,
  Standing,
} from './store.ts';

export interface MemoryStoreOptions extends Bounds {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onEvict: (reason: EvictionReason) => void;
}

interface Kept {
  readonly card: Card;
  /** What it counts for in its scope. */
  readonly bytes: number;
  hits: number;
}

interface Scope {
  bytes: number;
  pinnedBytes: number;
  readonly entries: Map<string, Kept>;
}

interface Blob {
  readonly base64: LongString;
  holders: number;
}

/** Entries in memory, their blobs as base64: a hit is spliced as it lies here. */
export class MemoryStore implements EntryStore {
  readonly tier = 'memory';
  readonly backlogBytes = 0;
  readonly #options: MemoryStoreOptions;
  /** From the least recently used to the most. */
  readonly #entries = new Map<string, Kept>();
  readonly #scopes = new Map<string, Scope>();
  readonly #blobs = new Map<string, Blob>();
  #byteLength = 0;
  #pinnedBytes = 0;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  async get(name: string): Promise<{ readonly value: Card } | undefined> {
    const kept = this.#entries.get(name);
    if (kept === undefined) return undefined;
    kept.hits += 1;
    this.#makeYoung(name, kept);
    return { value: kept.card };
  }

  async blob({ digest }: BlobRef): Promise<LongString | null> {
    return this.#blobs.get(digest)?.base64 ?? null;
  }

  async set(name: string, { value: entry }: { readonly value: NewEntry }): Promise<boolean> {
    const { bytes: newBlobs, ...card } = entry;
    const sizes = card.blobs.map(({ digest }) => sizeOfBlob(newBlobs.get(digest)!.base64));
    const bytes = sizeOfHead(card) + sizes.reduce((sum, size) => sum + size, 0);
    if (!this.#canHold(card, bytes, name)) {
      this.#remove(name);
      return false;
    }
    const copies = new Map<string, LongString>();
    for (const { digest } of card.blobs)
      copies.set(digest, this.#blobs.get(digest)?.base64 ?? (await copyOf(newBlobs.get(digest)!.base64)));
    // From here on all in one turn.
    this.#remove(name);
    if (!this.#canHold(card, bytes, name)) return false;
    this.#makeRoom(card.scope, bytes);

    for (const { digest } of card.blobs) {
      const blob = this.#blobs.get(digest) ?? { base64: copies.get(digest)!, holders: 0 };
      if (blob.holders === 0) this.#byteLength += sizeOfBlob(blob.base64);
      blob.holders += 1;
      this.#blobs.set(digest, blob);
    }
    const kept = { card, bytes, hits: 0 };
    const scope = this.#scopes.get(card.scope) ?? { bytes: 0, pinnedBytes: 0, entries: new Map<string, Kept>() };
    this.#scopes.set(card.scope, scope);
    this.#entries.set(name, kept);
    scope.entries.set(name, kept);
    scope.bytes += bytes;
    if (card.pinned === true) {
      scope.pinnedBytes += bytes;
      this.#pinnedBytes += bytes;
    }
    this.#byteLength += sizeOfHead(card);
    return true;
  }

  async delete(name: string): Promise<boolean> {
    return this.#remove(name);
  }

  async clear(): Promise<void> {
    await this.purge({});
  }

  touch(name: string): void {
    void this.get(name);
  }

  async purge(selection: Selection): Promise<Purged> {
    let [entries, bytes] = [0, 0];
    for (const [name, kept] of this.#entries)
      if (matches(selection, name, kept.card)) {
        this.#remove(name);
        entries += 1;
        bytes += kept.bytes;
      }
    return { entries, bytes };
  }

  async stats(): Promise<readonly Standing[]> {
    const entries = this.#entries.values().map(({ card: { scope, model, createdAt }, bytes, hits }) => {
      return { scope, model, entries: 1, bytes, oldest: createdAt, hits };
    });
    return addUp([...entries]);
  }

  async list(scope: string, model: string, most: number): Promise<readonly Card[]> {
    const kept = this.#scopes.get(scope)?.entries.values() ?? [].values();
    const cards = kept.map(({ card }) => card).filter((card) => card.model === model);
    return [...cards].toSorted((a, b) => b.createdAt - a.createdAt).slice(0, most);
  }

  async mayPin(scope: string, bytes: number): Promise<boolean> {
    const { maxBytes, scopeBytes } = this.#options;
    const ofScope = this.#scopes.get(scope)?.pinnedBytes ?? 0;
    return this.#pinnedBytes + bytes <= pinnable(maxBytes) && ofScope + bytes <= pinnable(scopeBytes);
  }

  async sweep(): Promise<void> {
    const now = this.#options.now();
    for (const [name, { card }] of this.#entries) if (card.expiresAt <= now) this.#evict(name, 'expired');
  }

  async close(): Promise<void> {
    await this.clear();
  }

  /** Whether it fits beside what stays, in the place of what has its name. */
  #canHold({ scope, pinned }: Card, bytes: number, name: string): boolean {
    const { maxBytes, scopeBytes } = this.#options;
    const before = this.#entries.get(name);
    const [ofAll, ofScope] = [this.#pinnedBytes, this.#scopes.get(scope)?.pinnedBytes ?? 0].map((kept, index) => {
      const counts = before?.card.pinned === true && (index === 0 || before.card.scope === scope);
      return counts ? kept - before.bytes : kept;
    }) as [number, number];
    if (pinned === true) return ofAll + bytes <= pinnable(maxBytes) && ofScope + bytes <= pinnable(scopeBytes);
    return ofAll + bytes <= maxBytes && ofScope + bytes <= scopeBytes;
  }

  #makeRoom(scope: string, bytes: number): void {
    const { maxBytes, scopeBytes } = this.#options;
    const own = this.#scopes.get(scope);
    for (const [name, { card }] of own?.entries ?? []) {
      if (own!.bytes + bytes <= scopeBytes) break;
      if (card.pinned !== true) this.#evict(name, scopeBytes < maxBytes ? 'share' : 'room');
    }
    for (const [name, { card }] of this.#entries) {
      if (this.#byteLength + bytes <= maxBytes) break;
      if (card.pinned !== true) this.#evict(name, 'room');
    }
  }

  #makeYoung(name: string, kept: Kept): void {
    const scope = this.#scopes.get(kept.card.scope)!.entries;
    for (const order of [this.#entries, scope]) {
      order.delete(name);
      order.set(name, kept);
    }
  }

  #evict(name: string, reason: EvictionReason): void {
    this.#remove(name);
    this.#options.onEvict(reason);
  }

  #remove(name: string): boolean {
    const kept = this.#entries.get(name);
    if (kept === undefined) return false;
    const { card, bytes } = kept;
    this.#entries.delete(name);
    this.#byteLength -= sizeOfHead(card);
    const scope = this.#scopes.get(card.scope)!;
    scope.entries.delete(name);
    scope.bytes -= bytes;
    if (card.pinned === true) {
      scope.pinnedBytes -= bytes;
      this.#pinnedBytes -= bytes;
    }
    if (scope.entries.size === 0) this.#scopes.delete(card.scope);
    for (const { digest } of card.blobs) {
      const blob = this.#blobs.get(digest)!;
      blob.holders -= 1;
      if (blob.holders > 0) continue;
      this.#blobs.delete(digest);
      this.#byteLength -= sizeOfBlob(blob.base64);
    }
    return true;
  }
}

/** The name or digest, the maps' slots and the views, roughly: so that tiny blobs are not free. */
const OVERHEAD_BYTES = 512;

function sizeOfBlob({ byteLength }: LongString): number {
  return byteLength + OVERHEAD_BYTES;
}

/** A character beyond Latin-1 makes V8 spend two bytes on every one. */
function sizeOfHead({ head }: Card): number {
  return 2 * head.length + OVERHEAD_BYTES;
}

/** Copied at a stretch: a millisecond, and some more where the pages are fresh. */
const STRETCH_BYTES = 1 << 20;

/**
 * What is kept has a buffer of its own. The memory a reply was received in is used again for the next; and a view keeps
 * the whole buffer alive that it looks at, which the bound does not count.
 */
async function copyOf(blob: LongString): Promise<LongString> {
  const own = Buffer.allocUnsafeSlow(blob.byteLength);
  let offset = 0;
  let sinceTurn = 0;
  for (const chunk of blob.chunks)
    for (let at = 0; at < chunk.length; at += STRETCH_BYTES) {
      const piece = chunk.subarray(at, at + STRETCH_BYTES);
      if (sinceTurn + piece.length > STRETCH_BYTES) {
        sinceTurn = 0;
        await nextTurn();
      }
      own.set(piece, offset);
      offset += piece.length;
      sinceTurn += piece.length;
    }
  return LongString.fromBase64([own]);
}
