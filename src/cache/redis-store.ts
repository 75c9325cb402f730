import { randomUUID } from 'node:crypto';
import { RedisFailure } from '../redis.ts';
import { encodeBase64 } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import { Backlog } from './backlog.ts';
import { Breaker } from './breaker.ts';
import { Lane, TooLate, within } from './deadline.ts';
import { Books } from './redis-books.ts';
import type { News, Removed } from './redis-books.ts';
import { Cards, redisAdapter } from './redis-cards.ts';
import type { RedisOperation, RedisPart, RedisStoreOptions } from './redis-options.ts';
import { RedisReader } from './redis-reader.ts';
import { RedisWriter } from './redis-writer.ts';
import { pinnable, StoreDown } from './store.ts';
import type { BlobRef, Card, Claim, EntryStore, NewEntry, Purged, Selection, Standing } from './store.ts';

const TOLERATED = 3;
/** Objects being deleted at one time. */
const DELETERS = 8;
/** Heads being read at one time, by who lists them. */
const READERS = 16;
const MOST_USES = 1_000;
/** Operators wait longer than callers. */
const PATIENT_MS = 5_000;

/**
 * Entries that several instances share: what is where in the books (scripts in Redis), heads in Keyv, bytes in Redis or in an
 * object store. Each look-up is within its deadline; what is given is what was kept.
 */
export class RedisStore implements EntryStore {
  readonly tier = 'redis';
  readonly #options: RedisStoreOptions;
  readonly #findMs: number;
  readonly #keepMs: number;
  readonly #heads: Cards;
  readonly #books: Books;
  readonly #backlog: Backlog;
  readonly #reader: RedisReader;
  readonly #breakers: Readonly<Record<Exclude<RedisPart, 'bytes'>, Breaker>>;
  readonly #deafen: () => void;
  /** Since the books were last told: names in the order of their last use. */
  #uses = new Map<string, number>();

  constructor(options: RedisStoreOptions) {
    const { redis, bytes, prefix, onTrouble } = options;
    this.#options = options;
    this.#findMs = options.findMs ?? 250;
    this.#keepMs = options.keepMs ?? 2_000;
    this.#heads = new Cards(options.heads ?? redisAdapter(redis, this.#keepMs), `${prefix}head`);
    this.#books = new Books({ redis, prefix, place: bytes.place, instance: randomUUID() });
    const parts = { books: this.#books, heads: this.#heads, bytes, room: options, keepMs: this.#keepMs };
    const writer = new RedisWriter({ ...parts, now: options.now, onRemoved: (removed) => this.#clean(removed) });
    this.#backlog = new Backlog({ keepMs: this.#keepMs, write: writer.write });
    const pauses = options.pausesMs ?? { first: 1_000, longest: 15_000 };
    const breaker = (part: RedisPart): Breaker =>
      new Breaker({
        now: () => performance.now(),
        tolerated: TOLERATED,
        firstPauseMs: pauses.first,
        longestPauseMs: pauses.longest,
        onDown: (cause) => onTrouble(`${part}_failed`, cause),
        onUp: () => onTrouble(`${part}_again`),
      });
    this.#breakers = { books: breaker('books'), writes: breaker('writes') };
    this.#reader = new RedisReader({ bytes, breaker: breaker('bytes'), findMs: this.#findMs });
    this.#deafen = this.#books.listen(
      (news) => this.#hear(news),
      () => options.onNews({}),
      this.#findMs,
    );
  }

  get byteLength(): number {
    return this.#books.held.bytes;
  }

  /** The same by where it lies. All instances see the same. */
  get held(): readonly { readonly tier: 'redis' | 's3'; readonly bytes: number }[] {
    const { bytes, words } = this.#books.held;
    if (this.#options.bytes.place === 'redis') return [{ tier: 'redis', bytes }];
    return [
      { tier: 'redis', bytes: words },
      { tier: 's3', bytes: bytes - words },
    ];
  }

  get backlogBytes(): number {
    return this.#backlog.bytes;
  }

  async get(name: string): Promise<{ readonly value: Card } | undefined> {
    const waiting = this.#backlog.card(name);
    if (waiting !== undefined) return { value: waiting };
    const breaker = this.#breakers.books;
    if (!breaker.allows()) return undefined;
    try {
      const card = await this.#timed('get', () => within(this.#findMs, this.#find(name)));
      breaker.succeeded();
      return card === null ? undefined : { value: card };
    } catch (error) {
      breaker.failed(error);
      return undefined;
    }
  }

  async blob(ref: BlobRef): Promise<LongString | null> {
    const waiting = this.#backlog.blob(ref.digest);
    if (waiting !== undefined) return encodeBase64(Buffer.concat(await waiting.decoded()));
    return this.#timed('blob', () => this.#reader.read(ref));
  }

  async set(name: string, { value: entry }: { readonly value: NewEntry }): Promise<boolean> {
    const breaker = this.#breakers.writes;
    if (!this.#backlog.hasRoom(entry) || !breaker.allows()) return false;
    await this.#tellUses();
    try {
      const isKept = await this.#timed('set', () => this.#backlog.write(name, entry));
      breaker.succeeded();
      return isKept;
    } catch (error) {
      // It may still be kept, and whoever waits for it had better not.
      if (!(error instanceof TooLate) || this.#backlog.isStuck) breaker.failed(error);
      return false;
    }
  }

  async delete(name: string): Promise<boolean> {
    this.#uses.delete(name);
    this.#backlog.purge({ name });
    try {
      const removed = await this.#books.drop(name, this.#keepMs);
      await this.#clean(removed);
      return removed.length > 0;
    } catch {
      // A Redis that is away has said so, and what was wrong will be found wrong again.
      return false;
    }
  }

  async clear(): Promise<void> {
    await this.purge({});
  }

  /** Of a Redis that is away nothing is known: whoever wants to keep something there will hear. */
  async mayPin(scope: string, bytes: number): Promise<boolean> {
    const { maxBytes, scopeBytes } = this.#options;
    try {
      const { all, ofScope } = await this.#books.pins(scope, this.#findMs);
      return all + bytes <= pinnable(maxBytes) && ofScope + bytes <= pinnable(scopeBytes);
    } catch {
      return true;
    }
  }

  touch(name: string): void {
    const before = this.#uses.get(name) ?? 0;
    this.#uses.delete(name);
    this.#uses.set(name, before + 1);
    if (this.#uses.size >= MOST_USES) void this.#tellUses();
  }

  /** Rejects with StoreDown: then not all of it is gone. */
  async purge(selection: Selection): Promise<Purged> {
    this.#backlog.purge(selection);
    return this.#patiently(async () => {
      const onRemoved = (removed: readonly Removed[]): Promise<void> => this.#clean(removed);
      const purged = await this.#books.purge(selection, { token: randomUUID(), onRemoved, ms: PATIENT_MS });
      await this.#bury();
      return purged;
    });
  }

  /** Rejects with StoreDown. */
  async stats(): Promise<readonly Standing[]> {
    await this.#tellUses();
    const standings = await this.#patiently(() => this.#books.stats(PATIENT_MS));
    return standings.toSorted((a, b) => (`${a.scope}\n${a.model}` < `${b.scope}\n${b.model}` ? -1 : 1));
  }

  /** Rejects with StoreDown. */
  async list(scope: string, model: string, most: number): Promise<readonly Card[]> {
    return this.#patiently(async () => {
      const filed = await this.#books.list(scope, model, most, PATIENT_MS);
      const lane = new Lane(READERS);
      const cards = await Promise.all(filed.map(({ name, token }) => lane.run(() => this.#heads.get(name, token))));
      return cards.filter((card) => card !== null);
    });
  }

  /** Any instance does it for all. Rejects with StoreDown. */
  async sweep(): Promise<void> {
    await this.#tellUses();
    await this.#patiently(async () => {
      for (let goesOn = true; goesOn;) {
        const removed = await this.#books.sweep(this.#options.now(), PATIENT_MS);
        await this.#clean(removed);
        goesOn = removed.length > 0;
      }
      await this.#bury();
    });
  }

  /**
   * What an Idempotency-Key stands for, for all instances: this claim, unless there was one before it; null when that cannot
   * be told, or when none is made and there is none.
   */
  async claim(
    claim: Pick<Claim, 'tenant' | 'name'> & Partial<Claim>,
  ): Promise<Pick<Claim, 'pictures' | 'endsAt'> | null> {
    const breaker = this.#breakers.books;
    if (!breaker.allows()) return null;
    try {
      const found = await this.#books.claim(claim, this.#options.now(), this.#findMs);
      breaker.succeeded();
      return found;
    } catch (error) {
      breaker.failed(error);
      return null;
    }
  }

  async close(): Promise<void> {
    this.#deafen();
    await this.#tellUses();
    await this.#backlog.close();
    this.#options.bytes.close();
    await this.#options.onClosed?.();
  }

  async #find(name: string): Promise<Card | null> {
    const { token, removed } = await this.#books.use(name, this.#findMs);
    await this.#clean(removed);
    if (token === null) return null;
    const card = await this.#heads.get(name, token);
    // Evicted, or not what was filed: there is no entry without its head.
    if (card === null) await this.#clean(await this.#books.drop(name, this.#findMs));
    return card;
  }

  /** The heads of what is in the books no more. Those that cannot be removed now go with their time to live. */
  async #clean(removed: readonly Removed[]): Promise<void> {
    for (const { reason } of removed) if (reason !== null) this.#options.onEvict(reason);
    await Promise.allSettled(removed.map(({ name, token }) => this.#heads.delete(name, token)));
  }

  /** The bytes of what is in the books no more, where they do not go with it. */
  async #bury(): Promise<void> {
    const { bytes, now } = this.#options;
    if (bytes.place === 'redis') return;
    const lane = new Lane(DELETERS);
    for (let goesOn = true; goesOn;) {
      const dead = await this.#books.dead(now(), PATIENT_MS);
      try {
        await Promise.all(dead.map(([digest]) => lane.run(() => bytes.remove(digest, PATIENT_MS))));
      } catch (cause) {
        const what =
          'nothing of it is served any more, but its bytes could not be deleted yet: they are at the next sweep';
        throw new StoreDown(what, { cause });
      }
      if (dead.length > 0) await this.#books.buried(dead, PATIENT_MS);
      goesOn = dead.length > 0;
    }
  }

  #hear(news: News): void {
    if ('names' in news) return news.names.forEach((name) => this.#options.onNews({ name }));
    this.#backlog.purge(news.selection);
    this.#options.onNews(news.selection);
  }

  async #tellUses(): Promise<void> {
    const breaker = this.#breakers.books;
    if (this.#uses.size === 0 || !breaker.allows()) return;
    const uses = [...this.#uses];
    this.#uses = new Map();
    try {
      await this.#books.touch(uses, this.#findMs);
      breaker.succeeded();
    } catch (error) {
      breaker.failed(error);
    }
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RedisFailure) throw new StoreDown(error.message, { cause: error });
      throw error;
    }
  }

  async #timed<T>(operation: RedisOperation, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    let outcome: 'ok' | 'none' | 'error' = 'error';
    try {
      const result = await work();
      outcome = result === null || result === false ? 'none' : 'ok';
      return result;
    } finally {
      this.#options.onOperation(operation, outcome, (performance.now() - startedAt) / 1000);
    }
  }
}
