import type { KeyvStoreAdapter } from 'keyv';
import type { Redis } from '../redis.ts';
import type { RoomInBooks } from './redis-books.ts';
import type { SharedBytes } from './redis-bytes.ts';
import type { EvictionReason, Selection } from './store.ts';

export interface RedisStoreOptions extends RoomInBooks {
  /** Its connection for what is short. */
  readonly redis: Redis;
  /** Closed with the store. */
  readonly bytes: SharedBytes;
  /** Where the heads are, as far as Keyv has an adapter for it. Default: in the same Redis. */
  readonly heads?: KeyvStoreAdapter;
  /** Of all its keys, with a hash tag. Instances with one prefix are one cache. */
  readonly prefix: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onEvict: (reason: EvictionReason) => void;
  /** What another instance removed or replaced: nothing of it may be served from anywhere else. */
  readonly onNews: (selection: Selection) => void;
  /** Told once when something begins to fail, and once when it works again; not for every request. */
  readonly onTrouble: (trouble: RedisTrouble, cause?: unknown) => void;
  readonly onOperation: (operation: RedisOperation, outcome: 'ok' | 'none' | 'error', seconds: number) => void;
  readonly onClosed?: () => Promise<void>;
  /** How long a look-up may take before it is a miss. Default: 250 ms. */
  readonly findMs?: number;
  /** How long a landing may wait for an answer to be kept. Default: 2 s. */
  readonly keepMs?: number;
  /** The pauses between two tries of what fails. Default: 1 to 15 s. */
  readonly pausesMs?: { readonly first: number; readonly longest: number };
}

/** What may fail by itself: its books with the heads, the reading of its bytes, the writing of new entries. */
export type RedisPart = 'books' | 'bytes' | 'writes';
export type RedisTrouble = `${RedisPart}_failed` | `${RedisPart}_again`;
export type RedisOperation = 'get' | 'blob' | 'set';
