import { GatewayError } from '../errors.ts';
import type { Landing } from './orphans.ts';

/**
 * Does the whole of the work. `givenUp`: nobody waits for it any more, and it is not to be finished for nobody. What was
 * paid for by then should land all the same.
 */
export type Lead<T> = (givenUp: AbortSignal) => Promise<T>;

/** What becomes of a flight when the last aboard has left without the answer: its work is finished, or given up. */
export type OnDisconnect = 'finish' | 'cancel';

/** `leader`: its own `lead` does the work, from the start or since the one before was refused. */
export type Role = 'leader' | 'joiner' | 'adopter';

export interface Passenger<T> {
  role: Role;
  readonly lead: Lead<T>;
  /** Rejects when this passenger led and was refused in person. */
  readonly refusal: PromiseWithResolvers<never>;
  left: boolean;
}

export interface Flight<T> {
  readonly name: string;
  readonly shared: boolean;
  readonly owner: string;
  /** Aborted when the work is given up. */
  readonly givenUp: AbortController;
  readonly outcome: PromiseWithResolvers<T>;
  /** Who leads, and who may have to, in the order of boarding. Whoever leaves is out of it, with the request it holds. */
  queue: Passenger<T>[];
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

export function newFlight<T>(name: string, shared: boolean, owner: string): Flight<T> {
  const outcome = handled(Promise.withResolvers<T>());
  const now = { queue: [], owed: 0, aboard: 0, missed: false, expected: false, detached: false };
  return { name, shared, owner, givenUp: new AbortController(), outcome, ...now, landing: null, failed: false };
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
export function refuse<T>(flight: Flight<T>, leader: Passenger<T>, error: unknown): void {
  if (!leader.left) flight.aboard -= 1;
  leader.left = true;
  leader.refusal.reject(error);
  flight.queue = flight.queue.filter((other) => other !== leader);
}
