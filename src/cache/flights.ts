import { GatewayError } from '../errors.ts';
import { endingOf, type Lease, type Leases, type Wishes } from './leases.ts';
import { type Landing, Orphans } from './orphans.ts';
import { firstOf } from './patience.ts';
import { isRefusalInPerson } from './refusal.ts';

export interface FlightsOptions<T> {
  /** Milliseconds, of any origin. */
  readonly now: () => number;
  /** Bytes an answer holds in memory. */
  readonly sizeOf: (value: T) => number;
  /** How long an answer waits for the caller who left without it, from its landing. Default: two minutes. */
  readonly orphanMs?: number;
  /** The most orphans kept after their landing, and the most bytes they may hold together. */
  readonly orphans?: number;
  readonly orphanBytes?: number;
  /** Told of every answer that all who were aboard have received, and nobody can come for any more. */
  readonly onSpent?: (value: T) => void;
}

/**
 * Does the work. One that succeeds ends the lease it is given, as soon as its answer is stored or cannot be, which may be
 * after it is done; one that fails leaves that to the flight.
 */
export type Lead<T> = (lease: Lease | null) => Promise<T>;

export interface JoinOptions<T> {
  /**
   * Whether a caller who leaves without its answer may come back for it after the landing. To be set where the store
   * cannot give it: the answer is not stored, or this caller does not read the store (`no-cache`).
   */
  readonly collects?: boolean;
  /** Set where the answer will be stored for all instances: then one of them does the work for all. */
  readonly across?: Across<T> | null;
}

/** How a flight is joined with those of other instances. */
export interface Across<T> extends Pick<Wishes<T>, 'collect' | 'onWait'> {
  readonly leases: Leases;
}

export interface Seat<T> {
  /** `leader`: its own `lead` does the work, from the start or since the one before was refused. */
  readonly role: 'leader' | 'joiner' | 'adopter';
  /**
   * The flight's outcome. Rejects with `upstream_timeout` when the caller's own deadline passes first: the caller has
   * then left undelivered, and the flight goes on.
   */
  wait(withinMs: number): Promise<T>;
  /** To be called once the answer is with the caller, or can no longer be. Only the first call counts. */
  leave(delivered: boolean): void;
}

interface Passenger<T> {
  role: Seat<T>['role'];
  readonly lead: Lead<T>;
  /** Rejects when this passenger led and was refused in person. */
  readonly refusal: PromiseWithResolvers<never>;
  left: boolean;
}

interface Flight<T> {
  readonly name: string;
  readonly shared: boolean;
  readonly across: Across<T> | null;
  /** Set while it is not known yet whether another instance does the work. */
  seeking: AbortController | null;
  readonly outcome: PromiseWithResolvers<T>;
  /** Who leads, and who may have to, in the order of boarding. Whoever leaves is out of it, with the request it holds. */
  queue: Passenger<T>[];
  /** How many callers left without the answer and have not come back for it. */
  owed: number;
  /** Callers who have not left. */
  aboard: number;
  /** Whether somebody left without the answer: then it is not known who may still look at it. */
  missed: boolean;
  landing: Landing<T> | null;
  failed: boolean;
}

/**
 * Single-flight: the work in the air, and who waits for it. The work belongs to the flight, not to its first caller:
 * nobody's leaving cancels it. An answer owed to a caller who left waits a while for the caller to come back.
 */
export class Flights<T> {
  readonly #shared = new Map<string, Flight<T>>();
  readonly #inTheAir = new Set<Promise<void>>();
  readonly #orphans: Orphans<Flight<T>>;
  #waiting = 0;
  readonly #now: () => number;
  readonly #sizeOf: (value: T) => number;
  readonly #onSpent: (value: T) => void;

  constructor(options: FlightsOptions<T>) {
    this.#now = options.now;
    this.#sizeOf = options.sizeOf;
    this.#onSpent = options.onSpent ?? (() => undefined);
    this.#orphans = new Orphans({
      now: options.now,
      keepMs: options.orphanMs ?? 120_000,
      maxCount: options.orphans ?? 256,
      maxBytes: options.orphanBytes ?? 134_217_728,
    });
  }

  /**
   * For repeatable work: all who name the same key while it is in the air share one flight.
   *
   * `lead` does the whole of it, from a second look-up to the store. The second look-up closes a race: a caller misses,
   * the flight it would have joined stores and lands, and only then does the caller come here, to an empty sky. By then
   * the answer is in the store, because storing is the last thing a lead does while its flight can still be joined.
   *
   * With `across` the flight asks for the lease of its key before anybody leads; while another instance has it, nobody here does.
   */
  join(key: string, lead: Lead<T>, { collects = false, across = null }: JoinOptions<T> = {}): Seat<T> {
    const name = `shared:${key}`;
    const flying = this.#shared.get(name);
    if (flying !== undefined) {
      if (collects && flying.owed > 0) flying.owed -= 1;
      return this.#board(flying, 'joiner', collects, lead);
    }
    const orphan = collects ? this.#orphans.take(name) : undefined;
    if (orphan !== undefined) return this.#board(orphan, 'adopter', collects, lead);
    const flight = newFlight<T>(name, true, across);
    this.#shared.set(name, flight);
    return this.#depart(flight, collects, lead);
  }

  /**
   * For work that is not repeatable: a flight of its own, unless a caller of the same owner key left one behind. Each
   * orphan serves one adopter, so two workers who ask for two pictures get two. Without an owner key nothing is kept.
   */
  fly(ownerKey: string | null, lead: Lead<T>): Seat<T> {
    if (ownerKey === null) return this.#depart(newFlight<T>('own', false, null), false, lead);
    const name = `own:${ownerKey}`;
    const orphan = this.#orphans.take(name);
    if (orphan !== undefined) return this.#board(orphan, 'adopter', true, lead);
    return this.#depart(newFlight<T>(name, false, null), true, lead);
  }

  /** Whether `join` would find a flight to share, or one left behind. Changes nothing. */
  wouldJoin(key: string, { collects = false }: Pick<JoinOptions<T>, 'collects'> = {}): boolean {
    const name = `shared:${key}`;
    return this.#shared.has(name) || (collects && this.#orphans.owed(name) > 0);
  }

  /** Whether `fly` would find a flight that its owner left behind. Changes nothing. */
  wouldAdopt(ownerKey: string): boolean {
    return this.#orphans.owed(`own:${ownerKey}`) > 0;
  }

  /** Flights in the air. */
  get size(): number {
    return this.#inTheAir.size;
  }

  /** Callers who wait for what others lead. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Landed answers that wait for their callers, and the bytes they hold. */
  get orphans(): { readonly count: number; readonly bytes: number } {
    return { count: this.#orphans.count, bytes: this.#orphans.bytes };
  }

  /** Resolves when nothing is in the air; what departs meanwhile is waited for too. What nobody has begun here is not. */
  async idle(): Promise<void> {
    for (const { seeking, queue } of this.#shared.values()) if (queue.length === 0) seeking?.abort();
    while (this.#inTheAir.size > 0) await Promise.all(this.#inTheAir);
  }

  #depart(flight: Flight<T>, collects: boolean, lead: Lead<T>): Seat<T> {
    const seat = this.#board(flight, 'leader', collects, lead);
    const work: Promise<void> = this.#draw(flight).finally(() => this.#inTheAir.delete(work));
    this.#inTheAir.add(work);
    return seat;
  }

  /** Never rejects: the outcome belongs to those aboard. */
  async #draw(flight: Flight<T>): Promise<void> {
    let lease: Lease | null = null;
    if (flight.across !== null) {
      const turn = await this.#turn(flight, flight.across);
      if (turn === null) return;
      lease = turn.lease;
    }
    for (let leader = flight.queue[0]; leader !== undefined; leader = flight.queue[0]) {
      leader.role = 'leader';
      const result = await settled(leader.lead, lease);
      if ('value' in result) return this.#land(flight, result.value);
      const inPerson = isRefusalInPerson(result.error);
      if (inPerson) refuse(flight, leader, result.error);
      if (inPerson && flight.queue.length > 0) continue;
      this.#fail(flight, result.error);
      return lease?.end(endingOf(result.error, inPerson));
    }
  }

  /** Null: the flight has ended, with what another instance came to, or because nobody is left who would pay for it. */
  async #turn(
    flight: Flight<T>,
    { leases, collect, onWait }: Across<T>,
  ): Promise<{ readonly lease: Lease | null } | null> {
    const first = flight.queue[0];
    flight.seeking = new AbortController();
    const waits = (): void => {
      if (first !== undefined) first.role = 'joiner';
      onWait();
    };
    const turn = await leases.seek(flight.name, { collect, onWait: waits, deserted: flight.seeking.signal });
    flight.seeking = null;
    if (turn.kind === 'collected') this.#land(flight, turn.value);
    else if (turn.kind === 'failed') this.#fail(flight, turn.error);
    else if (turn.kind === 'deserted' || flight.queue.length === 0) {
      this.#fail(flight, new GatewayError('unavailable', 'Nobody waits for this picture any more.'));
      if (turn.kind === 'lead') await turn.lease?.end('left');
    } else return turn;
    return null;
  }

  #land(flight: Flight<T>, value: T): void {
    flight.landing = { value, at: this.#now(), bytes: this.#sizeOf(value) };
    flight.queue = [];
    this.#forget(flight);
    flight.outcome.resolve(value);
    if (flight.owed > 0) this.#orphans.keep(flight);
  }

  #fail(flight: Flight<T>, error: unknown): void {
    flight.failed = true;
    flight.queue = [];
    this.#forget(flight);
    this.#orphans.forget(flight);
    flight.outcome.reject(error);
  }

  /** Nobody finds it any more; another of its name may be in the air by now. */
  #forget(flight: Flight<T>): void {
    if (this.#shared.get(flight.name) === flight) this.#shared.delete(flight.name);
  }

  #board(flight: Flight<T>, role: Seat<T>['role'], collects: boolean, lead: Lead<T>): Seat<T> {
    const passenger: Passenger<T> = { role, lead, refusal: handled(Promise.withResolvers<never>()), left: false };
    flight.aboard += 1;
    if (flight.landing === null) flight.queue.push(passenger);

    const leave = (delivered: boolean): void => {
      if (passenger.left) return;
      passenger.left = true;
      flight.queue = flight.queue.filter((other) => other !== passenger);
      flight.aboard -= 1;
      flight.missed ||= !delivered;
      if (flight.landing !== null && flight.aboard === 0 && !flight.missed) this.#onSpent(flight.landing.value);
      if (!delivered && collects && !flight.failed) {
        flight.owed += 1;
        // A shared flight in the air is found by its key; every other one must be kept to be found.
        if (!flight.shared || flight.landing !== null) this.#orphans.keep(flight);
      }
      if (flight.seeking === null) return;
      // Nothing is begun here: who has left has led nothing, and where all have left, whoever comes later begins anew.
      passenger.role = passenger.role === 'leader' ? 'joiner' : passenger.role;
      if (flight.queue.length > 0 || flight.owed > 0) return;
      this.#forget(flight);
      flight.seeking.abort();
    };
    const outcome = [passenger.refusal.promise, flight.outcome.promise];
    return {
      get role() {
        return passenger.role;
      },
      wait: async (withinMs) => {
        const follows = role === 'leader' ? 0 : 1;
        this.#waiting += follows;
        try {
          return await firstOf(outcome, withinMs, () => leave(false));
        } finally {
          this.#waiting -= follows;
        }
      },
      leave,
    };
  }
}

function newFlight<T>(name: string, shared: boolean, across: Across<T> | null): Flight<T> {
  const outcome = handled(Promise.withResolvers<T>());
  const nobody = { queue: [], owed: 0, aboard: 0, missed: false };
  return { name, shared, across, seeking: null, outcome, ...nobody, landing: null, failed: false };
}

/** A failure nobody waits for any more is not an unhandled rejection: the lead itself has recorded it. */
function handled<T>(outcome: PromiseWithResolvers<T>): PromiseWithResolvers<T> {
  outcome.promise.catch(() => {});
  return outcome;
}

function refuse<T>(flight: Flight<T>, leader: Passenger<T>, error: unknown): void {
  leader.left = true;
  flight.aboard -= 1;
  leader.refusal.reject(error);
  flight.queue = flight.queue.filter((other) => other !== leader);
}

async function settled<T>(lead: Lead<T>, lease: Lease | null): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await lead(lease) };
  } catch (error) {
    return { error };
  }
}
