import KeyvRedis from '@keyv/redis';
import { Keyv } from 'keyv';
import type { KeyvStoreAdapter } from 'keyv';
import type { Redis } from '../redis.ts';
import type { BlobRef, Card } from './store.ts';

/** To be raised with every change of a card's shape: a card of another version is a miss. */
const VERSION = 1;

interface StoredCard extends Card {
  readonly version: typeof VERSION;
  /** What it was filed as: a card in another's place is none. */
  readonly name: string;
  readonly token: string;
}

/**
 * The cards of a cache that instances share, as JSON in any store that Keyv has an adapter for. Each lies under a name of its
 * own for ever: the books say which of them counts. Rejects as its adapter does.
 */
export class Cards {
  readonly #keyv: Keyv<StoredCard>;

  constructor(store: KeyvStoreAdapter, namespace: string) {
    this.#keyv = new Keyv<StoredCard>({
      store,
      namespace,
      useKeyPrefix: false,
      throwOnErrors: true,
      emitErrors: false,
    });
  }

  /** Null: there is none, or it is not what was filed. */
  async get(name: string, token: string): Promise<Card | null> {
    const stored: unknown = await this.#keyv.get(keyOf(name, token));
    return isCard(stored) && stored.name === name && stored.token === token ? cardOf(stored) : null;
  }

  async set(name: string, token: string, card: Card, ttlMs: number): Promise<void> {
    await this.#keyv.set(keyOf(name, token), { version: VERSION, name, token, ...cardOf(card) }, ttlMs);
  }

  async delete(name: string, token: string): Promise<void> {
    await this.#keyv.delete(keyOf(name, token));
  }
}

function keyOf(name: string, token: string): string {
  return `${name}:${token}`;
}

function cardOf({ scope, model, head, blobs, createdAt, expiresAt, pinned }: Card): Card {
  return { scope, model, head, blobs, createdAt, expiresAt, ...(pinned === true && { pinned }) };
}

function isCard(value: unknown): value is StoredCard {
  if (typeof value !== 'object' || value === null) return false;
  const { version, scope, model, head, blobs, createdAt, expiresAt } = value as Partial<StoredCard>;
  return (
    version === VERSION &&
    [scope, model, head].every((each) => typeof each === 'string') &&
    [createdAt, expiresAt].every((each) => typeof each === 'number') &&
    Array.isArray(blobs) &&
    blobs.every(isRef)
  );
}

function isRef(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { digest, byteLength } = value as Partial<BlobRef>;
  return typeof digest === 'string' && /^[0-9a-f]{64}$/.test(digest) && Number.isSafeInteger(byteLength);
}

/**
 * Keyv's own adapter for Redis, over the one client this process has: with its deadlines, its reconnection and its failures.
 * The adapter's own client would wait for ever for a Redis that is away.
 */
export function redisAdapter(redis: Redis, deadlineMs: number): KeyvStoreAdapter {
  const ask = (...words: string[]) => redis.command(words, deadlineMs);
  // What the adapter uses of a client, and nothing else.
  const client = {
    isOpen: true,
    connect: () => Promise.resolve(client),
    on: () => client,
    get: (key: string) => ask('GET', key),
    set: (key: string, value: string, { PX }: { readonly PX: number }) => ask('SET', key, value, 'PX', String(PX)),
    unlink: (key: string) => ask('UNLINK', key),
  };
  const given = client as unknown as ConstructorParameters<typeof KeyvRedis>[0];
  const adapter = new KeyvRedis(given, { throwOnErrors: true });
  // Every failure rejects; as an event it would only be told twice.
  adapter.on('error', () => undefined);
  return adapter;
}
