import { GatewayError } from '../errors.ts';
import { handled, isUnwanted, newFlight, refuse, tooManyDetached } from './flight.ts';
import type { Across, Flight, JoinOptions, Lead, OnDisconnect, Passenger, Role, Seat } from './flight.ts';
import { endingOf, type Lease } from './leases.ts';
import { Orphans } from './orphans.ts';
import { firstOf, settled } from './patience.ts';
import { isRefusalInPerson } from './refusal.ts';

export type { Across, Lead, OnDisconnect, Seat } from './flight.ts';

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
  /** The most flights of one owner in the air that nobody waits for any more: above it no new ones depart for that owner. */
  readonly detachedPerOwner?: number;
  /** Told of every answer that all who were aboard have received, and nobody can come for any more. */
  readonly onSpent?: (value: T) => void;
}

/**
 * Single-flight: the work in the air, and who waits for it. The work belongs to the flight, not to its first caller:
 * nobody's leaving cancels it, unless all leave it with `cancel`. An answer owed to a caller who left waits a while for the caller to come back.
 */
export class Flights<T, W = never> {
  readonly #shared = new Map<string, Flight<T, W>>();
  readonly #inTheAir = new Set<Promise<void>>();
  readonly #orphans: Orphans<Flight<T, W>>;
  /** By owner: flights in the air with nobody aboard. */
  readonly #detached = new Map<string, number>();
  readonly #detachedPerOwner: number;
  /** Flights of one caller each that are in the air, by name. */
  readonly #alone = new Map<string, number>();
  #waiting = 0;
  readonly #now: () => number;
  readonly #sizeOf: (value: T) => number;
  readonly #onSpent: (value: T) => void;

  constructor(options: FlightsOptions<T>) {
    this.#now = options.now;
    this.#sizeOf = options.sizeOf;
    this.#onSpent = options.onSpent ?? (() => undefined);
    this.#detachedPerOwner = options.detachedPerOwner ?? 64;
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
   *
   * Throws `rate_limited` when a flight would have to depart and too many of its owner's are in the air for nobody.
   */
  join(
    key: string,
    lead: Lead<T, W>,
    { collects = false, owner = '', across = null }: JoinOptions<T> = {},
  ): Seat<T, W> {
    const name = `shared:${key}`;
    const flying = this.#shared.get(name);
    if (flying !== undefined) {
      if (collects && flying.owed > 0) flying.owed -= 1;
      return this.#board(flying, 'joiner', collects, lead);
    }
    const orphan = collects ? this.#orphans.take(name) : undefined;
    if (orphan !== undefined) return this.#board(orphan, 'adopter', collects, lead);
    const flight = this.#newFlight(name, true, owner, across);
    this.#shared.set(name, flight);
    return this.#depart(flight, collects, lead);
  }

  /**
   * For work that is not repeatable: a flight of its own, unless a caller of the same owner key left one behind. Each
   * orphan serves one adopter, so two workers who ask for two pictures get two. Without an owner key nothing is kept.
   */
  fly(ownerKey: string | null, lead: Lead<T, W>, { owner = '' }: Pick<JoinOptions<T>, 'owner'> = {}): Seat<T, W> {
    if (ownerKey === null) return this.#depart(this.#newFlight('own', false, owner), false, lead);
    const name = `own:${ownerKey}`;
    const orphan = this.#orphans.take(name);
    if (orphan !== undefined) return this.#board(orphan, 'adopter', true, lead);
    return this.#depart(this.#newFlight(name, false, owner), true, lead);
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

  /**
   * Whether one of that owner key is in the air that nobody is known to have left. Who hangs up and asks again at once may
   * be heard before its hanging up is: a moment later it is known whether it is the same caller.
   */
  mayBeLeft(ownerKey: string): boolean {
    return this.#alone.has(`own:${ownerKey}`) && !this.wouldAdopt(ownerKey);
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

  /** Flights in the air that nobody waits for. */
  get detached(): number {
    return this.#detached.values().reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when nothing is in the air; what departs meanwhile is waited for too. What nobody has begun here is not. */
  async idle(): Promise<void> {
    for (const { seeking, queue } of this.#shared.values()) if (queue.length === 0) seeking?.abort();
    while (this.#inTheAir.size > 0) await Promise.all(this.#inTheAir);
  }

  #newFlight(name: string, shared: boolean, owner: string, across: Across<T> | null = null): Flight<T, W> {
    if ((this.#detached.get(owner) ?? 0) >= this.#detachedPerOwner) throw tooManyDetached(this.#detachedPerOwner);
    return newFlight<T, W>(name, shared, owner, across);
  }

  #depart(flight: Flight<T, W>, collects: boolean, lead: Lead<T, W>): Seat<T, W> {
    const seat = this.#board(flight, 'leader', collects, lead);
    if (!flight.shared) this.#alone.set(flight.name, (this.#alone.get(flight.name) ?? 0) + 1);
    const work: Promise<void> = this.#draw(flight).finally(() => this.#inTheAir.delete(work));
    this.#inTheAir.add(work);
    return seat;
  }

  /** Never rejects: the outcome belongs to those aboard. */
  async #draw(flight: Flight<T, W>): Promise<void> {
    if (flight.across !== null) {
      const turn = await this.#turn(flight, flight.across);
      if (turn === null) return;
      flight.lease = turn.lease;
    }
    const { lease } = flight;
    const givenUp = flight.givenUp.signal;
    for (let leader = flight.queue[0]; leader !== undefined; leader = flight.queue[0]) {
      leader.role = 'leader';
      const { lead } = leader;
      const result = await settled(() => lead(givenUp, lease, (word) => flight.feed.tell(word)));
      if ('value' in result) return this.#land(flight, result.value);
      const inPerson = isRefusalInPerson(result.error);
      if (inPerson) refuse(flight, leader, result.error);
      if (inPerson && flight.queue.length > 0) continue;
      this.#fail(flight, result.error);
      // What nobody here wants any more may be wanted elsewhere.
      return lease?.end(givenUp.aborted ? 'left' : endingOf(result.error, inPerson));
    }
  }

  /** Null: the flight has ended, with what another instance came to, or because nobody is left who would pay for it. */
  async #turn(
    flight: Flight<T, W>,
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

  #land(flight: Flight<T, W>, value: T): void {
    flight.landing = { value, at: this.#now(), bytes: this.#sizeOf(value) };
    this.#end(flight);
    flight.outcome.resolve(value);
    if (flight.owed > 0) this.#orphans.keep(flight);
  }

  #fail(flight: Flight<T, W>, error: unknown): void {
    flight.failed = true;
    this.#end(flight);
    this.#orphans.forget(flight);
    flight.outcome.reject(error);
  }

  #end(flight: Flight<T, W>): void {
    flight.queue = [];
    flight.feed.end();
    this.#setDetached(flight, false);
    this.#vacate(flight);
    if (flight.shared) return;
    const others = (this.#alone.get(flight.name) ?? 1) - 1;
    if (others > 0) this.#alone.set(flight.name, others);
    else this.#alone.delete(flight.name);
  }

  /** One that was given up may have a successor of its name. */
  #vacate(flight: Flight<T, W>): void {
    if (this.#shared.get(flight.name) === flight) this.#shared.delete(flight.name);
  }

  #setDetached(flight: Flight<T, W>, detached: boolean): void {
    if (flight.detached === detached) return;
    flight.detached = detached;
    const count = (this.#detached.get(flight.owner) ?? 0) + (detached ? 1 : -1);
    if (count === 0) this.#detached.delete(flight.owner);
    else this.#detached.set(flight.owner, count);
  }

  /** Nothing is begun here: who has left has led nothing, and where all have left, whoever comes later begins anew. */
  #leaveSeeking(flight: Flight<T, W>, passenger: Passenger<T, W>): void {
    if (passenger.role === 'leader') passenger.role = 'joiner';
    if (flight.queue.length > 0 || flight.owed > 0) return;
    this.#vacate(flight);
    flight.seeking?.abort();
  }

  /** Nobody is aboard any more. */
  #leaveAlone(flight: Flight<T, W>): void {
    if (flight.landing !== null || flight.failed) return;
    this.#setDetached(flight, true);
    if (!isUnwanted(flight)) return;
    if (flight.lease === null) return this.#giveUp(flight);
    // Who waits on another instance would only have it drawn, and paid for, once more.
    void flight.lease
      .isAwaited()
      .then((isAwaited) => (!isAwaited && isUnwanted(flight) ? this.#giveUp(flight) : undefined));
  }

  /** Nobody finds it any more. Should it land all the same, who left it may still come for it. */
  #giveUp(flight: Flight<T, W>): void {
    const { owed } = flight;
    this.#vacate(flight);
    this.#orphans.forget(flight);
    flight.owed = owed;
    flight.givenUp.abort();
  }

  #board(flight: Flight<T, W>, role: Role, collects: boolean, lead: Lead<T, W>): Seat<T, W> {
    const passenger: Passenger<T, W> = { role, lead, refusal: handled(Promise.withResolvers<never>()), left: false };
    flight.aboard += 1;
    this.#setDetached(flight, false);
    if (flight.landing === null) flight.queue.push(passenger);

    let unfollow = (): void => undefined;
    const leave = (delivered: boolean, onDisconnect: OnDisconnect = 'finish'): void => {
      if (passenger.left) return;
      passenger.left = true;
      unfollow();
      flight.queue = flight.queue.filter((other) => other !== passenger);
      flight.aboard -= 1;
      flight.missed ||= !delivered;
      flight.expected ||= !delivered && onDisconnect === 'finish';
      if (flight.landing !== null && flight.aboard === 0 && !flight.missed) this.#onSpent(flight.landing.value);
      if (!delivered && collects && !flight.failed) {
        flight.owed += 1;
        // A shared flight in the air is found by its key; every other one must be kept to be found.
        if (!flight.shared || flight.landing !== null) this.#orphans.keep(flight);
      }
      if (flight.seeking !== null) this.#leaveSeeking(flight, passenger);
      else if (flight.aboard === 0) this.#leaveAlone(flight);
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
      follow: (listener) => {
        if (!passenger.left) unfollow = flight.feed.follow(listener);
      },
    };
  }
}
