import { GatewayError } from '../errors.ts';
import { Feed } from './feed.ts';
import type { Lease, Leases, Wishes } from './leases.ts';
import type { Landing } from './orphans.ts';

/**
 * Does the whole of the work. `givenUp`: nobody waits for it any more, and it is not to be finished for nobody. What was
 * paid for by then should land all the same. One that succeeds ends the lease it is given, as soon as its answer is stored
 * or cannot be, which may be after it is done; one that fails leaves that to the flight. `tell`: heard by all aboard who follow.
 */
export type Lead<T, W = never> = (givenUp: AbortSignal, lease: Lease | null, tell: (word: W) => void) => Promise<T>;

/** How a flight is joined with those of other instances. */
export interface Across<T> extends Pick<Wishes<T>, 'collect' | 'onWait'> {
  readonly leases: Leases;
}

/** What becomes of a flight when the last aboard has left without the answer: its work is finished, or given up. */
export type OnDisconnect = 'finish' | 'cancel';

/** `leader`: its own `lead` does the work, from the start or since the one before was refused. */
export type Role = 'leader' | 'joiner' | 'adopter';

export interface JoinOptions<T> {
  /**
   * Whether a caller who leaves without its answer may come back for it after the landing. To be set where the store
   * cannot give it: the answer is not stored, or this caller does not read the store (`no-cache`).
   */
  readonly collects?: boolean;
  /** The tenant that asks: what it leaves behind is bounded for each of them. */
  readonly owner?: string;
  /** Set where the answer will be stored for all instances: then one of them does the work for all. */
  readonly across?: Across<T> | null;
}

export interface Seat<T, W = never> {
  /** As it is now: a joiner becomes the leader when the one before was refused. */
  readonly role: Role;
  /**
   * The flight's outcome. Rejects with `upstream_timeout` when the caller's own deadline passes first: the caller has
   * then left undelivered, and the flight goes on.
   */
  wait(withinMs: number): Promise<T>;
  /**
   * To be called once the answer is with the caller, or can no longer be. Only the first call counts. The flight is given
   * up only when everybody left it with `cancel`: who was told to come back, or means to, keeps it in the air.
   */
  leave(delivered: boolean, onDisconnect?: OnDisconnect): void;
  /** Hears what is told on the way, from the beginning, until it leaves or the flight ends. After the landing there is nothing to hear. */
  follow(listener: (word: W) => void): void;
}

export interface Passenger<T, W = never> {
  role: Role;
  readonly lead: Lead<T, W>;
  /** Rejects when this passenger led and was refused in person. */
  readonly refusal: PromiseWithResolvers<never>;
  left: boolean;
}

export interface Flight<T, W = never> {
  readonly name: string;
  readonly shared: boolean;
  readonly owner: string;
  readonly across: Across<T> | null;
  /** Set while it is not known yet whether another instance does the work. */
  seeking: AbortController | null;
  /** Where other instances may wait for this one. */
  lease: Lease | null;
  /** Aborted when the work is given up. */
  readonly givenUp: AbortController;
  readonly outcome: PromiseWithResolvers<T>;
  readonly feed: Feed<W>;
  /** Who leads, and who may have to, in the order of boarding. Whoever leaves is out of it, with the request it holds. */
  queue: Passenger<T, W>[];
  /** How many callers left without the answer and have not come back for it. */
  owed: number;
  /** Callers who have not left. */
  aboard: number;
  /** Whether somebody left without the answer: then it is not known who may still look at it. */
  missed: boolean;
  /** Whether somebody left who may come back: the work is then finished, come what may. */
  expected: boolean;
  /** In the air, and nobody is aboard. */
  detached: boolean;
  landing: Landing<T> | null;
  failed: boolean;
}

const DETACHED_WAIT_SECONDS = 5;

export function newFlight<T, W>(name: string, shared: boolean, owner: string, across: Across<T> | null): Flight<T, W> {
  const outcome = handled(Promise.withResolvers<T>());
  const now = { queue: [], owed: 0, aboard: 0, missed: false, expected: false, detached: false };
  const givenUp = new AbortController();
  const feed = new Feed<W>();
  return {
    name,
    shared,
    owner,
    across,
    seeking: null,
    lease: null,
    givenUp,
    outcome,
    feed,
    ...now,
    landing: null,
    failed: false,
  };
}

export function tooManyDetached(most: number): GatewayError {
  const message =
    `${most} pictures are being drawn for requests that nobody waits for any more. Wait for them: ` +
    'the same requests, sent again, collect them. Longer timeouts of the client leave fewer behind.';
  return new GatewayError('rate_limited', message, {
    code: 'too_many_detached',
    retryAfterSeconds: DETACHED_WAIT_SECONDS,
  });
}

/** A failure nobody waits for any more is not an unhandled rejection: the lead itself has recorded it. */
export function handled<T>(outcome: PromiseWithResolvers<T>): PromiseWithResolvers<T> {
  outcome.promise.catch(() => {});
  return outcome;
}

/** The next in the queue leads. */
export function refuse<T, W>(flight: Flight<T, W>, leader: Passenger<T, W>, error: unknown): void {
  if (!leader.left) flight.aboard -= 1;
  leader.left = true;
  leader.refusal.reject(error);
  flight.queue = flight.queue.filter((other) => other !== leader);
}

/** Nobody is aboard, is coming back, or has its answer, and it was not given up yet. */
export function isUnwanted<T, W>({ aboard, expected, landing, failed, givenUp }: Flight<T, W>): boolean {
  return aboard === 0 && !expected && landing === null && !failed && !givenUp.signal.aborted;
}
