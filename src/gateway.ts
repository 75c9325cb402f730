import { keyName } from './cache/key.ts';
import type { CacheKey } from './cache/key.ts';
import type { Across, Flights, Seat } from './cache/flights.ts';
import type { Lease, Leases } from './cache/leases.ts';
import type { IdempotencyKeys } from './cache/idempotency.ts';
import type { CacheWhen, Decision, Directives } from './cache/policy.ts';
import type { Renditions } from './cache/renditions.ts';
import type { Call, Delivered, Dialect } from './dialects/dialect.ts';
import { drawPicture } from './draw.ts';
import type { DrawParts, Flown } from './draw.ts';
import { GatewayError } from './errors.ts';
import { collects, ownerKey, planRequest } from './gateway/plan.ts';
import type { PicturePlan, Planned } from './gateway/plan.ts';
import type { PictureWish } from './image/delivery.ts';
import type { Model } from './image/model.ts';
import type { Draw, ImageRequest, PictureFormat } from './image/request.ts';
import type { resolveShape } from './image/size.ts';
import type { Caller } from './tenants/authenticate.ts';
import { Reservation } from './tenants/reservation.ts';
import type { Tags } from './tenants/state.ts';
import type { Router } from './upstreams/router.ts';
import type { JsonObject } from './wire/json.ts';

export interface GatewayParts extends DrawParts {
  readonly router: Router;
  readonly flights: Flights<Flown>;
  /** Of the instances that share a store; null: this one is alone. */
  readonly leases: Leases | null;
  readonly renditions: Renditions;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly cache: { readonly when: CacheWhen; readonly ttlSeconds: number };
  /** What callers of a translated dialect get who name no format; null: the vendor's own bytes. */
  readonly defaultFormat: PictureFormat | null;
  /** How long a caller waits for a picture of a tier before it is told to come back. */
  readonly answerWithinMs: (upstream: string, tier: Draw['tier']) => number;
}

/** One request, after its key was checked and its body read. */
export interface Incoming {
  readonly dialect: Dialect;
  readonly call: Call;
  readonly caller: Caller;
  readonly body: JsonObject;
  readonly directives: Directives;
  readonly idempotencyKey: string | null;
  /** What the caller says its pictures are for. Who joins another's flight does not change what is written of that. */
  readonly tags: Tags;
  /** Set when the caller wants the bare bytes of one picture: `Accept: image/png`. */
  readonly wish: PictureWish | null;
  /** Aborted when the caller hangs up. */
  readonly gone: AbortSignal;
  /** Keeps the bytes of the body counted, for work that outlives its caller, until the function is called. */
  readonly retainBody: () => () => void;
  readonly trace: Trace;
}

/** What is learnt on the way, kept even if the request fails. */
export interface Trace {
  modelAsked: string | null;
  modelRouted: string | null;
  upstream: string | null;
  /** Milliseconds spent waiting for pictures to be drawn. */
  upstreamMs: number;
}

export interface Served {
  readonly request: ImageRequest;
  readonly model: Model;
  readonly shape: ReturnType<typeof resolveShape>;
  /** At least one. */
  readonly pictures: readonly ServedPicture[];
  /** Why there are fewer than asked for; null when all came. */
  readonly missing: GatewayError | null;
  /** Nano-dollars this caller pays: for what was drawn for it, whether that came or not. The rest is long paid. */
  readonly costNanos: number;
  /** To be called once: whether the answer reached the caller whole. */
  delivered(ok: boolean): void;
}

export interface ServedPicture extends Delivered {
  readonly how: 'drawn' | 'hit' | 'joined';
  readonly flown: Flown;
  readonly key: CacheKey;
  readonly decision: Decision;
}

/** The straight path of one request. Throws GatewayError when not a single picture came of it. */
export async function serve(parts: GatewayParts, incoming: Incoming): Promise<Served> {
  const { trace } = incoming;
  const planned = await planRequest(parts, incoming, 'claim');
  const { request, format, model, target, shape, pictures: plans } = planned;

  trace.upstream = target.upstream;
  const startedAt = performance.now();
  const crew = board(parts, incoming, planned);
  if (incoming.gone.aborted) crew.leave(false);
  incoming.gone.addEventListener('abort', () => crew.leave(false), { once: true });
  const landed = await Promise.allSettled(crew.waiting);
  if (plans.some(({ hit }) => hit === null)) trace.upstreamMs = performance.now() - startedAt;

  const flown = landed.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
  const failure: unknown = landed.find((each) => each.status === 'rejected')?.reason;
  const lostNanos = crew.lostNanos();
  if (flown.length === 0) throw failure instanceof GatewayError ? failure.costing(lostNanos) : failure;
  for (const each of flown) if (each.how !== 'drawn') noteSaving(parts, incoming, planned, each);
  const paidNanos = flown.reduce((sum, { how, flown: { drawn } }) => sum + (how === 'drawn' ? drawn.costNanos : 0), 0);
  try {
    const pictures = await Promise.all(flown.map((each) => dress(parts, each, format, request)));
    const missing = failure === undefined ? null : asGatewayError(failure);
    const costNanos = paidNanos + lostNanos;
    return { request, model, shape, pictures, missing, costNanos, delivered: crew.leave };
  } catch (error) {
    // Drawn and paid for: whoever asks again collects it.
    crew.leave(false);
    throw error;
  }
}

/** A landed picture in the format its caller wants. */
async function dress(
  { renditions }: GatewayParts,
  landed: Landed,
  format: PictureFormat | null,
  { delivery }: ImageRequest,
): Promise<ServedPicture> {
  const { drawn } = landed.flown;
  const wish = { format, compression: delivery.compression, scope: landed.key.scope, ttlSeconds: keptFor(landed) };
  return { ...landed, drawn, picture: await renditions.of(drawn, wish) };
}

/** Seconds: what is made of a picture is kept where that is, and no longer. */
function keptFor({ flown: { hit, stored }, decision }: Landed): number {
  if (!decision.store || (hit === null && !stored)) return 0;
  return hit?.ttlSeconds ?? decision.ttlSeconds;
}

type Landed = Pick<ServedPicture, 'how' | 'flown' | 'key' | 'decision'>;

/** For the metrics and the ledger's usage: what this caller would have paid. */
function noteSaving(
  { metrics, state }: GatewayParts,
  { caller, tags }: Incoming,
  { request, model, shape }: Planned,
  { how, flown }: Landed,
): void {
  const { costNanos, drawMs, upstream } = flown.drawn;
  if (how === 'joined') metrics.joined(flown.elsewhere ? 'instance' : 'local');
  metrics.saved(model.id, caller.tenant.id, costNanos);
  state.save({
    how: how === 'joined' ? 'joined' : 'cached',
    tenant: caller.tenant.id,
    keyId: caller.keyId,
    model: model.id,
    upstream,
    tier: shape.tier,
    user: request.user,
    tags,
    nanos: costNanos,
    ms: drawMs,
  });
}

/** Finds a seat for every picture that is not there yet; the money for all that this caller leads is taken at once. */
function board(
  parts: GatewayParts,
  { caller, tags, retainBody }: Incoming,
  { request, model, target, pictures: plans }: Planned,
): {
  readonly waiting: Promise<Landed>[];
  readonly leave: (delivered: boolean) => void;
  readonly lostNanos: () => number;
} {
  const reservation = new Reservation(parts.state);
  const leaves: ((delivered: boolean) => void)[] = [];
  let lostNanos = 0;
  const waiting = plans.map(async (planned): Promise<Landed> => {
    const { draw, decision, key, hit } = planned;
    if (hit !== null) {
      countLookUp(parts, decision, 'hit', hit);
      return { how: 'hit', flown: hit, key, decision };
    }
    const ticket = reservation.ticket();
    let hasLed = false;
    const lead = async (lease: Lease | null): Promise<Flown> => {
      hasLed = true;
      const letGo = retainBody();
      try {
        const { user } = request;
        const reserve = ticket.take;
        return await drawPicture(parts, { ...planned, model, target, caller, user, tags, reserve, lease });
      } finally {
        ticket.close();
        letGo();
      }
    };
    const seat = decision.join
      ? parts.flights.join(keyName(key), lead, {
          collects: collects(decision),
          across: across(parts, planned, ticket.detach),
        })
      : parts.flights.fly(ownerKey(planned, caller), lead);
    countLookUp(parts, decision, seat.role, null);
    if (seat.role !== 'leader') ticket.detach();
    const leave = (delivered: boolean): void => {
      seat.leave(delivered);
      // The other pictures of the request do not wait for money that this one will not need.
      if (!hasLed) ticket.detach();
    };
    leaves.push(leave);
    try {
      const flown = await seat.wait(parts.answerWithinMs(target.upstream, draw.tier));
      if (flown.hit !== null) return { how: 'hit', flown, key, decision };
      return { how: seat.role === 'leader' ? 'drawn' : 'joined', flown, key, decision };
    } catch (error) {
      leave(false);
      // Who joined pays for nothing, and the failure of a flight is told to all aboard.
      if (seat.role === 'leader' && error instanceof GatewayError) lostNanos += error.detail.costNanos ?? 0;
      throw error;
    }
  });
  reservation.seal();
  return { waiting, lostNanos: () => lostNanos, leave: (delivered) => leaves.forEach((leave) => leave(delivered)) };
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

/** Counted when the seat is taken, for those too whose picture never comes. */
function countLookUp(
  { metrics }: GatewayParts,
  { bypass }: Decision,
  role: Seat<Flown>['role'] | 'hit',
  found: Flown | null,
): void {
  if (bypass !== null) metrics.bypass(bypass);
  if (role === 'leader') metrics.cache(bypass === null ? 'miss' : 'bypass');
  else metrics.cache(role === 'hit' ? 'hit' : 'collapsed', found?.hit?.tier);
}

function asGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError
    ? error
    : new GatewayError('internal', 'A picture failed by a fault of the gateway.', { retry: false }, error);
}
