import { hash, randomUUID } from 'node:crypto';
import { RedisFailure } from '../redis.ts';
import type { Redis, Reply } from '../redis.ts';
import { Bells } from './bells.ts';
import { leaseScripts } from './lease-scripts.ts';
import type { LeaseScripts } from './lease-scripts.ts';
import { readFailure } from './leases.ts';
import type { Leases, Turn, Wishes } from './leases.ts';
import { HeldLeases } from './held-leases.ts';

export interface LeaseTimes {
  /** How long a lease is good for after its holder was last heard of. */
  readonly leaseMs: number;
  /** How often its holder is heard of. */
  readonly renewMs: number;
  /** Those who wait are told; in case they are not, they look by themselves. */
  readonly lookMs: number;
  /** How long one answer of Redis is waited for. */
  readonly askMs: number;
  /** How long whoever would begin puts up with a Redis that does not answer, from when it began not to. */
  readonly aloneMs: number;
  /** The same of whoever waits for another instance, which may well go on. */
  readonly patienceMs: number;
}

/**
 * A holder is heard of five times before it counts as dead: busy processes and slow machines are late. Redis has two seconds
 * to answer, since whoever does not wait for it may buy a picture twice; a frozen one takes them from few, and is not asked
 * any more then.
 */
export const LEASE_TIMES: LeaseTimes = {
  leaseMs: 5_000,
  renewMs: 1_000,
  lookMs: 2_000,
  askMs: 1_000,
  aloneMs: 2_000,
  patienceMs: 4_000,
};

/**
 * What did not go as it should. `alone`: Redis did not answer, and the work was begun without a lease. `lost`: another was
 * given the lease of one that was not heard of, and did the same work. `unkept`, `unread`: an answer waited for could
 * not be handed on, and was drawn again.
 */
export type LeaseTrouble = 'alone' | 'lost' | 'unkept' | 'unread';

export interface LeaseEvents {
  /** A holder died, and another goes on in its place. */
  takenOver(): void;
  troubled(trouble: LeaseTrouble): void;
  /** Redis does not answer any more, and again: each told once. */
  away(reason: string): void;
  back(): void;
}

export interface RedisLeasesOptions {
  readonly redis: Redis;
  /** Of every key, with the hash tag that keeps them in one slot. */
  readonly prefix: string;
  readonly events: LeaseEvents;
  readonly times?: LeaseTimes;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  readonly scripts?: LeaseScripts;
}

interface Question {
  readonly id: string;
  readonly request: string;
  /** A token; 0: none. */
  readonly waitsFor: number;
  readonly mayTake: boolean;
}

/** What Redis says to one who seeks. */
type Said =
  | { readonly word: 'TAKEN'; readonly token: number; readonly isTakeOver: boolean; readonly askedAt: number }
  | { readonly word: 'HELD'; readonly token: number; readonly leftMs: number }
  | { readonly word: 'FREE' }
  | { readonly word: 'LATE' }
  | { readonly word: 'stored' }
  | { readonly word: 'unkept' }
  | { readonly word: 'failed'; readonly failure: string };

/** A store that is slow for a moment is asked again: what it has is paid for. */
const READS = 3;
const READ_AGAIN_MS = 200;
const ASK_AGAIN_MS = 50;
/** So many answers that could not be read, and whoever waited for them does the work alone. */
const UNREAD_AT_MOST = 2;
/** So often what is asked may be too late, by a clock of Redis that was set, before it counts as no answer. */
const LATE_AT_MOST = 2;

/** Leases in a Redis that all instances share. */
export class RedisLeases implements Leases {
  readonly #options: RedisLeasesOptions;
  readonly #times: LeaseTimes;
  readonly #scripts: LeaseScripts;
  readonly #now: () => number;
  readonly #held: HeldLeases;
  readonly #bells = new Bells();
  readonly #unsubscribe: () => void;
  /** Redis's clock less ours, as of the last reply; too large by no more than that reply took. */
  #clockOffsetMs: number | null = null;
  /** When Redis began not to answer; null while it does. */
  #awaySince: number | null = null;

  constructor(options: RedisLeasesOptions) {
    this.#options = options;
    const { redis, prefix } = options;
    this.#times = options.times ?? LEASE_TIMES;
    this.#scripts = options.scripts ?? leaseScripts();
    this.#now = options.now ?? (() => performance.now());
    const channel = `${prefix}leases`;
    this.#held = new HeldLeases({
      run: (script, keys, args) => this.#run(script, keys, args),
      scripts: this.#scripts,
      channel,
      times: this.#times,
      now: this.#now,
      onLost: () => options.events.troubled('lost'),
    });
    this.#unsubscribe = redis.subscribe(
      channel,
      (id) => this.#bells.ring(id),
      () => this.#bells.ringAll(),
    );
  }

  async seek<T>(name: string, { collect, onWait, deserted }: Wishes<T>): Promise<Turn<T>> {
    const { lookMs, renewMs, aloneMs, patienceMs } = this.#times;
    const id = idOf(name);
    const request = randomUUID();
    const bell = this.#bells.hang(id, deserted);
    let waitsFor = 0;
    let hasWaited = false;
    let unread = 0;
    let late = 0;
    /** Since when Redis has not answered. */
    let silentSince: number | null = null;
    /** Once it answers again, the holder has its time to be heard of first. */
    let mayTakeAt = 0;
    const alone = (trouble: LeaseTrouble): Turn<T> => {
      this.#options.events.troubled(trouble);
      return { kind: 'lead', lease: null };
    };
    try {
      // What this process has just answered is still on its way to the others: who comes after the answer begins anew.
      await this.#held.none(id, this.#times.leaseMs);
      while (!deserted.aborted) {
        bell.reset();
        // What is asked without an end to it might be done for nobody: the clock is learnt first.
        const mayTake = this.#clockOffsetMs !== null && this.#now() >= mayTakeAt;
        const askedAt = this.#now();
        const said = await this.#ask({ id, request, waitsFor, mayTake });
        if (said === 'down' || said === 'late' || (said.word === 'LATE' && (late += 1) > LATE_AT_MOST)) {
          silentSince ??= askedAt;
          // A busy moment is not an outage, and in one that is known nobody begins to wait.
          const since = hasWaited ? silentSince : Math.min(silentSince, this.#awaySince ?? silentSince);
          if (this.#now() - since >= (hasWaited ? patienceMs : aloneMs))
            return deserted.aborted ? DESERTED : alone('alone');
          if (hasWaited) mayTakeAt = Infinity;
          await bell.rung(hasWaited ? Math.min(lookMs, renewMs / 2) : ASK_AGAIN_MS);
          continue;
        }
        if (said.word === 'LATE') continue;
        late = 0;
        silentSince = null;
        if (mayTakeAt === Infinity) mayTakeAt = this.#now() + 2 * renewMs;
        switch (said.word) {
          case 'TAKEN': {
            const lease = this.#held.begin(this.#record(id), id, said.token, said.askedAt);
            if (said.isTakeOver) this.#options.events.takenOver();
            if (!deserted.aborted) return { kind: 'lead', lease };
            await lease.end('left');
            return DESERTED;
          }
          case 'HELD':
            if (!hasWaited) onWait();
            hasWaited = true;
            waitsFor = said.token;
            await bell.rung(Math.min(lookMs, said.leftMs + 10));
            break;
          case 'FREE':
            await bell.rung(Math.max(0, Math.min(lookMs, mayTakeAt - this.#now())));
            break;
          case 'stored': {
            for (let tries = 0; tries < READS && !deserted.aborted; tries += 1) {
              const value = await collect();
              if (value !== null) return { kind: 'collected', value };
              bell.reset();
              await bell.rung(READ_AGAIN_MS);
            }
            unread += 1;
            waitsFor = 0;
            this.#options.events.troubled('unread');
            if (unread >= UNREAD_AT_MOST) return { kind: 'lead', lease: null };
            break;
          }
          case 'unkept':
            return alone('unkept');
          case 'failed': {
            const error = readFailure(said.failure);
            if (error !== null) return { kind: 'failed', error };
            waitsFor = 0;
            break;
          }
          default:
            said satisfies never;
        }
      }
      return DESERTED;
    } finally {
      bell.takeDown();
    }
  }

  /** Ends what is still held, so that nobody waits for it, and hears nothing more. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#held.close();
  }

  #record(id: string): string {
    return `${this.#options.prefix}lease:${id}`;
  }

  /** `down`, `late`: there is no answer. */
  async #ask({ id, request, waitsFor, mayTake }: Question): Promise<Said | 'down' | 'late'> {
    const { askMs, leaseMs } = this.#times;
    const askedAt = this.#now();
    // A Redis that was frozen still does what it was asked before: then nobody is there any more to have the lease.
    const notAfter = this.#clockOffsetMs === null ? 0 : Math.ceil(askedAt + askMs + this.#clockOffsetMs);
    const keys = [this.#record(id), `${this.#options.prefix}lease-token`];
    const words = [waitsFor, leaseMs, mayTake ? 1 : 0, notAfter, request].map(String);
    let reply: Reply;
    try {
      reply = await this.#run(this.#scripts.seek, keys, words);
    } catch (error) {
      if (error instanceof RedisFailure) return error.kind === 'late' ? 'late' : 'down';
      throw error;
    }
    const [word, clock, token, more] = (reply as readonly unknown[]).map(String);
    this.#clockOffsetMs = Number(clock) - askedAt;
    if (word === 'TAKEN') return { word, token: Number(token), isTakeOver: more === '1', askedAt };
    if (word === 'HELD') return { word, token: Number(token), leftMs: Number(more) };
    if (word === 'failed') return { word, failure: more ?? '' };
    if (word === 'FREE' || word === 'LATE' || word === 'stored') return { word };
    // A word of a later version: nothing can be made of it.
    return { word: 'unkept' };
  }

  /** Says once that Redis is away, and once that it is back. */
  async #run(
    script: LeaseScripts[keyof LeaseScripts],
    keys: readonly string[],
    args: readonly string[],
  ): Promise<Reply> {
    const { redis, events } = this.#options;
    try {
      const reply = await redis.run(script, keys, args, this.#times.askMs);
      if (this.#awaySince !== null) events.back();
      this.#awaySince = null;
      return reply;
    } catch (error) {
      if (error instanceof RedisFailure && this.#awaySince === null) {
        this.#awaySince = this.#now();
        events.away(error.message);
      }
      throw error;
    }
  }
}

/** Redis is told no name of a scope, and all records are of one length. */
function idOf(name: string): string {
  return hash('sha256', name, 'base64url');
}

const DESERTED = { kind: 'deserted' } as const;
