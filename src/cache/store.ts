import { decodeBase64 } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import type { Fence } from './leases.ts';

/** What the catalogue of a store knows of an entry: everything but its bytes. */
export interface Card {
  /** Who share it, and whose bytes it counts as. */
  readonly scope: string;
  readonly model: string;
  /** A few KB of JSON, which no store looks into. */
  readonly head: string;
  /** Each once. */
  readonly blobs: readonly BlobRef[];
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** It stays until it expires, whoever needs room: `pinnable` says for how much there is any. Absent: it may go. */
  readonly pinned?: boolean;
}

/** Bytes by what they are: the address is their SHA-256 in lower-case hex, so equal pictures are one blob whoever drew them. */
export interface BlobRef {
  readonly digest: string;
  readonly byteLength: number;
}

/** An entry on its way into a store, which has done with its bytes, or has its own, when `set` is settled. */
export interface NewEntry extends Card {
  /** By digest, all that `blobs` names. Whoever made it vouches for the digests. */
  readonly bytes: ReadonlyMap<string, NewBlob>;
  /** A shared store keeps it only while this stands, and else leaves what is there as it is. */
  readonly fence?: Fence;
}

export interface NewBlob {
  /** Canonical, ready to be spliced into an answer. */
  readonly base64: LongString;
  /** What it stands for, one piece after the other. */
  readonly decoded: () => Promise<readonly Uint8Array[]>;
}

export function newBlob(base64: LongString): NewBlob {
  return { base64, decoded: async () => [await decodeBase64(base64)] };
}

export type StoreTier = 'memory' | 'disk' | 'redis';

/**
 * A place for entries, bounded in bytes: the least recently used goes first, and no scope has more than its share. It is
 * a storage adapter of Keyv (https://keyv.org/docs/keyv/#third-party-storage-adapters) with serialization off: what it is
 * given is `NewEntry`, what it gives is `Card`. An entry is there with all of its blobs or not at all.
 */
export interface EntryStore {
  readonly tier: StoreTier;
  /** Never rejects: of a store that is down nothing is known. Expired ones may be given. */
  get(name: string): Promise<{ readonly value: Card } | undefined>;
  /**
   * Canonical base64 of a blob that a card of this store names. Null: it is lost or no longer what its address says, and its
   * entry with it. Rejects with StoreDown when that cannot be told.
   */
  blob(ref: BlobRef): Promise<LongString | null>;
  /** Whether it is kept, in the place of what had its name; where it is not, nothing has that name. Never rejects. */
  set(name: string, filed: { readonly value: NewEntry }, ttlMs?: number): Promise<boolean>;
  delete(name: string): Promise<boolean>;
  clear(): Promise<void>;
  /** Makes an entry young again that another tier has served. */
  touch(name: string): void;
  purge(selection: Selection): Promise<Purged>;
  stats(): Promise<readonly Standing[]>;
  /** What a scope has of one model, the newest first, as many as asked for at most. Expired ones may be given. Rejects with StoreDown. */
  list(scope: string, model: string, most: number): Promise<readonly Card[]>;
  /** Whether there is room left for so many bytes of pinned entries of a scope. Absent: there always is. Never rejects. */
  mayPin?(scope: string, bytes: number): Promise<boolean>;
  /** Drops what has expired. It is also done by itself. */
  sweep(): Promise<void>;
  /** What it holds, in the bytes its bound counts. */
  readonly byteLength: number;
  /** Bytes it was given and has not kept yet; a small entry may count for more than it has. */
  readonly backlogBytes: number;
  close(): Promise<void>;
}

export interface Bounds {
  readonly maxBytes: number;
  /** The most of them that one scope may have. An entry counts whole for its scope, even where it shares blobs with others. */
  readonly scopeBytes: number;
}

/** Of a store, or of a scope's share of it, the bytes that pinned entries may have: the rest is for what may go. */
export function pinnable(bytes: number): number {
  return Math.floor(bytes / 2);
}

/** Which entries: those of which all that is given is true. Nothing given: all. */
export interface Selection {
  readonly name?: string;
  readonly scope?: string;
  readonly model?: string;
  /** Unix milliseconds: what was stored earlier. */
  readonly before?: number;
}

export interface Purged {
  readonly entries: number;
  /** What the entries counted for. */
  readonly bytes: number;
}

/** What a scope keeps of one model. */
export interface Standing extends Purged {
  readonly scope: string;
  readonly model: string;
  /** Unix milliseconds: when the oldest was stored. */
  readonly oldest: number;
  readonly hits: number;
}

/** The operator's hands. Both reject with StoreDown when the disk does not answer. */
export interface CacheAdmin {
  /** By scope and model. */
  stats(): Promise<readonly Standing[]>;
  /** Removes what is selected from every tier; of a whole scope its Idempotency-Keys too. */
  purge(selection: Selection): Promise<Purged>;
}

/** An Idempotency-Key and what it stands for, by digests alone. */
export interface Claim {
  readonly name: string;
  readonly tenant: string;
  readonly pictures: string;
  /** Unix milliseconds. */
  readonly endsAt: number;
}

/** What is known of a task beside its answer, to outlive the process. */
export interface TaskRow {
  readonly id: string;
  readonly tenant: string;
  /** JSON, which no store looks into. It holds no prompt. */
  readonly record: string;
  /** Unix milliseconds: when it may be forgotten. */
  readonly endsAt: number;
}

/** Why an entry went that nobody asked to remove. */
export type EvictionReason = 'room' | 'share' | 'expired';

/** A store that does not answer, or not in time. It has said so itself, once. */
export class StoreDown extends Error {
  override readonly name = 'StoreDown';
}

/** One standing for each scope and model, in their order. */
export function addUp(standings: readonly Standing[]): Standing[] {
  const sums = new Map<string, Standing>();
  for (const each of standings) {
    const key = JSON.stringify([each.scope, each.model]);
    const sum = sums.get(key);
    sums.set(
      key,
      sum === undefined
        ? each
        : {
            ...each,
            entries: sum.entries + each.entries,
            bytes: sum.bytes + each.bytes,
            oldest: Math.min(sum.oldest, each.oldest),
            hits: sum.hits + each.hits,
          },
    );
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}

export function matches(
  selection: Selection,
  name: string,
  card: Pick<Card, 'scope' | 'model' | 'createdAt'>,
): boolean {
  return (
    (selection.name ?? name) === name &&
    (selection.scope ?? card.scope) === card.scope &&
    (selection.model ?? card.model) === card.model &&
    card.createdAt < (selection.before ?? Infinity)
  );
}
