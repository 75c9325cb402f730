import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import { RedisFailure } from '../redis.ts';
import type { LedgerThread } from './embedded-thread.ts';
import type { Errand, KnownHold, Memory } from './mirror.ts';
import { LostEpoch } from './redis-store.ts';
import type { Ran, RedisStore } from './redis-store.ts';

export interface ErrandParts {
  readonly store: RedisStore;
  readonly thread: LedgerThread;
  /** Redis may be asked now. */
  readonly isReady: () => boolean;
  readonly onLostEpoch: () => void;
  /** Redis answered that it cannot take a charge; it is told again. */
  readonly onRefused: (error: unknown) => void;
  /** The true cost of an expired hold came in. */
  readonly onLate: () => void;
}

const AT_A_TIME = 64;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/** A server that was just made a replica, or reads its data from the disk, will be well again. */
const isOdd = ({ kind, code }: RedisFailure): boolean => kind === 'refused' && !['READONLY', 'LOADING'].includes(code);

interface Pending {
  readonly errand: Errand;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * What was paid for or given back, and Redis has to be told: on disk before anything else, then told in order, and told
 * until it is understood. What this process leaves undone the next one on the same directory does.
 */
export class Errands {
  readonly #parts: ErrandParts;
  readonly #closing = new AbortController();
  /** By the number it has on disk; what is not there yet has none, and waits in `#journaling`. */
  readonly #pending = new Map<number, Pending>();
  readonly #journaling = new Set<Promise<void>>();
  #running: Promise<void> | null = null;

  constructor(parts: ErrandParts, left: Memory['errands']) {
    this.#parts = parts;
    for (const { number, errand } of left) void this.#add(number, errand).catch(() => undefined);
  }

  /** Those that Redis does not know of yet. */
  get size(): number {
    return this.#pending.size + this.#journaling.size;
  }

  /** Resolves when Redis has been told, or when this is closed and the next process will tell it. */
  async send(errand: Errand): Promise<void> {
    const journaled = this.#journal(errand);
    const written = journaled.then(
      () => undefined,
      () => undefined,
    );
    this.#journaling.add(written);
    try {
      const number = await journaled;
      const told = this.#add(number, errand);
      void this.run();
      await told;
    } finally {
      this.#journaling.delete(written);
    }
  }

  /** Tells what there is to tell, while it may. */
  run(): Promise<void> {
    this.#running ??= this.#tellAll();
    return this.#running;
  }

  /** One more try; what is on disk then is as good as told. */
  async close(withinMs: number): Promise<void> {
    await Promise.all(this.#journaling.values().map((each) => Promise.race([each, sleep(withinMs)])));
    if (this.#parts.isReady()) await Promise.race([this.run(), sleep(withinMs)]);
    this.#closing.abort();
    for (const { done } of this.#pending.values()) done.resolve();
    this.#pending.clear();
  }

  #add(number: number, errand: Errand): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#pending.set(number, { errand, done });
    return done.promise;
  }

  /** A disk that is full now may not be so for long. */
  async #journal(errand: Errand): Promise<number> {
    const { thread } = this.#parts;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const lastTry = this.#closing.signal.aborted;
      try {
        const { errand: number = 0 } = await thread.ask({ verb: 'journal', errand });
        return number;
      } catch (error) {
        const passing = error instanceof GatewayError && error.failure === 'unavailable';
        if (!passing || lastTry || thread.trouble() !== null) throw error;
        await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      }
    }
  }

  /** It is over in the very turn that finds nothing left: what is added after that begins anew. */
  async #tellAll(): Promise<void> {
    // Never over before `#running` is this.
    await Promise.resolve();
    try {
      await this.#tellPending();
    } finally {
      this.#running = null;
    }
  }

  async #tellPending(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (this.#pending.size > 0 && this.#parts.isReady() && !this.#closing.signal.aborted) {
      const batch = [...this.#pending.entries().take(AT_A_TIME)];
      const told = await Promise.all(
        batch.map(async ([number, pending]) => ({ number, ran: await this.#tell(pending) })),
      );
      const errands = told.filter(({ ran }) => ran !== null).map(({ number }) => number);
      const entries = told.map(({ ran }) => ran?.entry ?? null).filter((entry) => entry !== null);
      for (const number of errands) this.#pending.delete(number);
      // From here on they are known to this file too, should Redis forget them before they come back in its ledger.
      // Should this not be written, they are told again, which changes nothing.
      if (errands.length > 0) this.#parts.thread.ask({ verb: 'done', errands, entries }).catch(() => undefined);
      pause = errands.length === batch.length ? FIRST_PAUSE_MS : Math.min(2 * pause, LONGEST_PAUSE_MS);
      if (errands.length < batch.length)
        await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
  }

  /** Null: it is to be told again. */
  async #tell({ errand, done }: Pending): Promise<Ran | null> {
    const { store, onLostEpoch, onLate, onRefused } = this.#parts;
    try {
      let ran = await store.run(errand, () => this.#known(errand));
      const known = ran.found ? null : await this.#known(errand);
      const forgotten = known === null || known.state === 'held' ? null : await store.runForgotten(errand, known);
      if (forgotten !== null) ran = forgotten;
      else if (known !== null) {
        // Redis has lost it: in a failover, say.
        await store.assert([known]);
        ran = await store.run(errand, () => Promise.resolve(known));
      }
      if (ran.late) onLate();
      if (ran.found) done.resolve();
      else done.reject(new GatewayError('internal', 'A charge was made that no money was ever set aside for.'));
      return ran;
    } catch (error) {
      if (error instanceof LostEpoch) onLostEpoch();
      else if (!(error instanceof RedisFailure) || isOdd(error)) onRefused(error);
      return null;
    }
  }

  async #known(errand: Errand): Promise<KnownHold | null> {
    if (errand.verb === 'withdraw' || errand.verb === 'save') return null;
    const id = errand.verb === 'adjust' ? errand.adjustment.id : errand.id;
    const { holds = [] } = await this.#parts.thread.ask({ verb: 'holds', since: Infinity, ids: [id] });
    return holds[0] ?? null;
  }
}
