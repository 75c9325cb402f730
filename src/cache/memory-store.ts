import { LongString } from '../wire/long-string.ts';
import { addUp, matches } from './store.ts';
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
  readonly #scopes = new Map<string, { bytes: number; readonly entries: Map<string, Kept> }>();
  readonly #blobs = new Map<string, Blob>();
  #byteLength = 0;

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
    this.#remove(name);
    const { bytes: newBlobs, ...card } = entry;
    const sizes = card.blobs.map(({ digest }) => sizeOfBlob(newBlobs.get(digest)!.base64));
    const bytes = sizeOfHead(card) + sizes.reduce((sum, size) => sum + size, 0);
    const { maxBytes, scopeBytes } = this.#options;
    if (bytes > Math.min(maxBytes, scopeBytes)) return false;
    this.#makeRoom(card.scope, bytes);

    for (const { digest } of card.blobs) {
      const blob = this.#blobs.get(digest) ?? { base64: compact(newBlobs.get(digest)!.base64), holders: 0 };
      if (blob.holders === 0) this.#byteLength += sizeOfBlob(blob.base64);
      blob.holders += 1;
      this.#blobs.set(digest, blob);
    }
    const kept = { card, bytes, hits: 0 };
    const scope = this.#scopes.get(card.scope) ?? { bytes: 0, entries: new Map<string, Kept>() };
    this.#scopes.set(card.scope, scope);
    this.#entries.set(name, kept);
    scope.entries.set(name, kept);
    scope.bytes += bytes;
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

  async sweep(): Promise<void> {
    const now = this.#options.now();
    for (const [name, { card }] of this.#entries) if (card.expiresAt <= now) this.#evict(name, 'expired');
  }

  async close(): Promise<void> {
    await this.clear();
  }

  #makeRoom(scope: string, bytes: number): void {
    const { maxBytes, scopeBytes } = this.#options;
    const own = this.#scopes.get(scope);
    for (const name of own?.entries.keys() ?? []) {
      if (own!.bytes + bytes <= scopeBytes) break;
      this.#evict(name, scopeBytes < maxBytes ? 'share' : 'room');
    }
    for (const name of this.#entries.keys()) {
      if (this.#byteLength + bytes <= maxBytes) break;
      this.#evict(name, 'room');
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

const TOLERATED_SLACK = 1.25;

/**
 * A view keeps the whole buffer alive that it looks at: a small blob of a large reply would hold what the bound does not
 * count. Such a blob moves into a buffer of its own.
 */
function compact(blob: LongString): LongString {
  const buffers = new Set(blob.chunks.map((chunk) => chunk.buffer));
  const heldBytes = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
  if (heldBytes <= blob.byteLength * TOLERATED_SLACK) return blob;
  const own = Buffer.allocUnsafeSlow(blob.byteLength);
  let offset = 0;
  for (const chunk of blob.chunks) {
    own.set(chunk, offset);
    offset += chunk.length;
  }
  return LongString.fromBase64([own]);
}
