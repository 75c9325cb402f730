import type { Across, Lead, OnDisconnect, Seat } from '../cache/flights.ts';
import { keyName } from '../cache/key.ts';
import type { Decision } from '../cache/policy.ts';
import { drawPicture } from '../draw.ts';
import type { Flown } from '../draw.ts';
import { GatewayError } from '../errors.ts';
import type { Thought } from '../image/answer.ts';
import type { Draw } from '../image/request.ts';
import type { GatewayParts, Incoming, ServedPicture } from '../gateway.ts';
import { underRoll } from '../tenants/in-force.ts';
import { Reservation } from '../tenants/reservation.ts';
import type { Ticket } from '../tenants/reservation.ts';
import { collects, ownerKey } from './plan.ts';
import type { PicturePlan, Planned } from './plan.ts';
import { standIn } from './stand-in.ts';

export type Landed = Pick<ServedPicture, 'how' | 'flown' | 'key' | 'decision' | 'place' | 'insteadOf'>;

/** Those of one request who wait for their pictures. */
export interface Crew {
  readonly waiting: readonly Promise<Landed>[];
  /** As `Seat.leave`, of all of them. */
  readonly leave: (delivered: boolean, onDisconnect?: OnDisconnect) => void;
  /** Nano-dollars this caller pays for what did not come. */
  readonly lostNanos: () => number;
}

/**
 * Finds a seat for every picture that is not there yet; the money for all that this caller leads is taken at once.
 * `waitedMs`: how long the caller has waited already.
 */
export function board(
  parts: GatewayParts,
  { caller, tags, retainBody, watch, follow, patience }: Incoming,
  { request, model, target, pictures: plans, isNarrow }: Planned,
  waitedMs: number,
): Crew {
  const reservation = new Reservation(underRoll(parts, caller));
  const leaves: Crew['leave'][] = [];
  let lostNanos = 0;
  const wantsDrafts = (request.delivery.stream?.drafts ?? 0) > 0;
  // A task and a stream last until they end: nobody is kept in silence by them.
  const lastsOn = watch !== null || follow !== null;
  const withinMs = (tier: Draw['tier']): number =>
    lastsOn ? Infinity : Math.max(0, parts.answerWithinMs(target.upstream, tier) - waitedMs);
  const patienceMs = lastsOn ? Infinity : Math.max(0, patience.until - performance.now());
  const waiting = plans.map(async (planned, place): Promise<Landed> => {
    const { draw, decision, key, hit } = planned;
    if (hit !== null) {
      countLookUp(parts, decision, 'hit', hit);
      watch?.landed();
      return { how: 'hit', flown: hit, key, decision, place, insteadOf: null };
    }
    const ticket = reservation.ticket();
    let hasLed = false;
    const lead: Lead<Flown, Thought> = async (givenUp, lease, tell) => {
      hasLed = true;
      const letGo = retainBody();
      try {
        const { user } = request;
        const job = { ...planned, model, caller, user, tags, givenUp, lease, isPatient: watch !== null };
        const told = follow !== null && wantsDrafts ? tell : null;
        return await drawPicture(parts, { ...job, tell: told, reserve: ticket.take });
      } catch (error) {
        throw isNarrow ? inPerson(error) : error;
      } finally {
        ticket.close();
        letGo();
      }
    };
    const seat = take(() => {
      const owner = caller.tenant.id;
      return decision.join
        ? parts.flights.join(keyName(key), lead, {
            collects: collects(decision),
            owner,
            across: across(parts, planned, ticket.detach),
          })
        : parts.flights.fly(ownerKey(planned, caller), lead, { owner });
    }, ticket);
    const boardedAs = seat.role;
    if (boardedAs !== 'leader') {
      countLookUp(parts, decision, boardedAs, null);
      ticket.detach();
    }
    // Whoever leads looks once more on board, and may find what another instance has drawn or is drawing.
    const countLead = (found: Flown | null): void => {
      if (boardedAs === 'leader') countLookUp(parts, decision, found === null ? seat.role : 'hit', found);
    };
    const leave: Crew['leave'] = (delivered, onDisconnect) => {
      seat.leave(delivered, onDisconnect);
      // The other pictures of the request do not wait for money that this one will not need.
      if (!hasLed) ticket.detach();
    };
    leaves.push(leave);
    if (follow !== null && wantsDrafts) seat.follow((thought) => follow(place, thought));
    const waitsMs = withinMs(draw.tier);
    try {
      const flown = await seat.wait(Math.min(waitsMs, patienceMs));
      watch?.landed();
      countLead(flown.hit && flown);
      if (flown.hit !== null) return { how: 'hit', flown, key, decision, place, insteadOf: null };
      return { how: seat.role === 'leader' ? 'drawn' : 'joined', flown, key, decision, place, insteadOf: null };
    } catch (error) {
      leave(false);
      countLead(null);
      // Who joined pays for nothing, and the failure of a flight is told to all aboard.
      if (seat.role === 'leader' && error instanceof GatewayError) lostNanos += error.detail.costNanos ?? 0;
      const stale = await standIn(parts, planned, error);
      if (stale === null) throw patienceMs < waitsMs ? atItsClientsWish(error) : error;
      watch?.landed();
      const insteadOf = stale.hit?.isStale === true && error instanceof GatewayError ? error.failure : null;
      return { how: 'hit', flown: stale, key, decision, place, insteadOf };
    }
  });
  reservation.seal();
  if (watch !== null) reservation.taken.then(watch.boarded, () => undefined);
  return {
    waiting,
    lostNanos: () => lostNanos,
    leave: (delivered, onDisconnect) => leaves.forEach((leave) => leave(delivered, onDisconnect)),
  };
}

/** An operator who reads of a 504 shall see that it was not the gateway's own time that was over. */
function atItsClientsWish(error: unknown): unknown {
  if (!(error instanceof GatewayError) || error.failure !== 'upstream_timeout' || error.detail.retry !== true)
    return error;
  const message = `${error.message} Your client waits no longer; with a longer timeout it would have the picture at once.`;
  return new GatewayError(error.failure, message, { ...error.detail, code: 'client_timeout' }, error.cause);
}

/** Whoever else waits for it may ask targets that this one may not. */
function inPerson(error: unknown): unknown {
  if (!(error instanceof GatewayError) || error.detail.down !== 'for_nothing') return error;
  return new GatewayError(error.failure, error.message, { ...error.detail, inPerson: true }, error.cause);
}

/** A seat that cannot be had needs no money. */
function take(seat: () => Seat<Flown, Thought>, ticket: Ticket): Seat<Flown, Thought> {
  try {
    return seat();
  } catch (error) {
    ticket.close();
    throw error;
  }
}

/** Only what is stored can be handed to another instance: all else is joined on this one alone. */
function across(
  { leases, entries }: GatewayParts,
  { key, decision }: PicturePlan,
  onWait: () => void,
): Across<Flown> | null {
  if (leases === null || !decision.store) return null;
  const collect = async (): Promise<Flown | null> => {
    const found = await entries.get(key, { maxAgeSeconds: null, shared: true });
    return found && { drawn: found.drawn, hit: null, stored: true, elsewhere: true, letGo: () => undefined };
  };
  return { leases, collect, onWait };
}

/** Counted for those too whose picture never comes: for who joins when the seat is taken, for who leads when it is known. */
function countLookUp(
  { metrics }: GatewayParts,
  { bypass }: Decision,
  role: Seat<Flown, Thought>['role'] | 'hit',
  found: Flown | null,
): void {
  if (bypass !== null) metrics.bypass(bypass);
  if (role === 'leader') metrics.cache(bypass === null ? 'miss' : 'bypass');
  else metrics.cache(role === 'hit' ? 'hit' : 'collapsed', found?.hit?.tier);
}
