import { cacheKey, keyName } from './cache/key.ts';
import type { CacheKey } from './cache/key.ts';
import type { Flights, Seat } from './cache/flights.ts';
import { underKey } from './cache/idempotency.ts';
import type { IdempotencyKeys } from './cache/idempotency.ts';
import { decide, notCached } from './cache/policy.ts';
import type { CacheWhen, Decision, Directives } from './cache/policy.ts';
import type { Renditions } from './cache/renditions.ts';
import type { Call, Delivered, Dialect } from './dialects/dialect.ts';
import { drawPicture } from './draw.ts';
import type { DrawParts, Flown } from './draw.ts';
import { GatewayError } from './errors.ts';
import { formatOf } from './image/delivery.ts';
import type { PictureWish } from './image/delivery.ts';
import { checkParts } from './image/limits.ts';
import type { Model, Target } from './image/model.ts';
import { drawsOf } from './image/request.ts';
import type { Draw, ImageRequest, PictureFormat } from './image/request.ts';
import { DEFAULT_TIER, resolveShape } from './image/size.ts';
import type { Caller } from './tenants/authenticate.ts';
import { Reservation } from './tenants/reservation.ts';
import type { Router } from './upstreams/router.ts';
import type { JsonObject } from './wire/json.ts';

export interface GatewayParts extends DrawParts {
  readonly router: Router;
  readonly flights: Flights<Flown>;
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
  /** To be called once: whether the answer reached the caller whole. */
  delivered(ok: boolean): void;
}

export interface ServedPicture extends Delivered {
  readonly how: 'drawn' | 'hit' | 'joined';
  readonly flown: Flown;
  readonly decision: Decision;
}

/** One picture of a request: what is drawn, what it is called, and what the cache may do for it. */
interface Plan {
  readonly draw: Draw;
  readonly key: CacheKey;
  readonly decision: Decision;
}

/** The straight path of one request. Throws GatewayError when not a single picture came of it. */
export async function serve(parts: GatewayParts, incoming: Incoming): Promise<Served> {
  const { dialect, call, caller, trace } = incoming;
  const request = dialect.parseRequest(incoming.body, call);
  trace.modelAsked = request.model;
  const format = dialect.native ? null : formatOf(request, incoming.wish, parts.defaultFormat);
  const { model, target } = parts.router.route(request.model, caller.tenant.models);
  trace.modelRouted = model.id;
  checkParts(request, model);
  const shape = resolveShape(request.shape, model);

  const plans = await planAll(parts, incoming, drawsOf(request, model.id, shape));
  const hits = await Promise.all(plans.map((planned) => lookUp(parts, planned)));

  trace.upstream = target.upstream;
  const startedAt = performance.now();
  const crew = board(parts, incoming, model, target, plans, hits);
  if (incoming.gone.aborted) crew.leave(false);
  incoming.gone.addEventListener('abort', () => crew.leave(false), { once: true });
  const landed = await Promise.allSettled(crew.waiting);
  if (hits.includes(null)) trace.upstreamMs = performance.now() - startedAt;

  const flown = landed.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
  const failure: unknown = landed.find((each) => each.status === 'rejected')?.reason;
  if (flown.length === 0) throw failure;
  for (const { how, flown: each } of flown)
    if (how !== 'drawn') parts.metrics.saved(model.id, caller.tenant.id, each.drawn.costNanos);
  try {
    const pictures = await Promise.all(flown.map((each) => dress(parts, each, format, request)));
    const missing = failure === undefined ? null : asGatewayError(failure);
    return { request, model, shape, pictures, missing, delivered: crew.leave };
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
  return { ...landed, drawn, picture: await renditions.of(drawn, format, delivery.compression) };
}

async function planAll(parts: GatewayParts, incoming: Incoming, draws: readonly Draw[]): Promise<readonly Plan[]> {
  const plans = await Promise.all(draws.map((draw) => plan(parts, incoming, draw)));
  const { idempotencyKey, caller } = incoming;
  if (idempotencyKey === null) return plans;
  const pictures = plans.map(({ key }) => key);
  parts.idempotencyKeys.claim(caller.tenant.id, idempotencyKey, pictures);
  return plans.map((planned) => ({ ...planned, ...underKey(caller.tenant.id, idempotencyKey, planned) }));
}

async function plan(parts: GatewayParts, { caller, directives }: Incoming, draw: Draw): Promise<Plan> {
  const { cache } = caller.tenant;
  const decision = decide({
    draw,
    directives,
    when: cache.when ?? parts.cache.when,
    ttlSeconds: cache.ttlSeconds ?? parts.cache.ttlSeconds,
  });
  return { draw, decision, key: await cacheKey(draw, cache.scope, { tier: DEFAULT_TIER }) };
}

async function lookUp(parts: GatewayParts, { key, decision }: Plan): Promise<Flown | null> {
  const hit = decision.read ? await parts.entries.get(key, decision) : null;
  if (hit !== null) return { drawn: hit.drawn, hit, stored: false };
  if (!decision.onlyIfCached) return null;
  throw notCached(decision);
}

type Landed = Pick<ServedPicture, 'how' | 'flown' | 'decision'>;

/** Finds a seat for every picture that is not there yet; the money for all that this caller leads is taken at once. */
function board(
  parts: GatewayParts,
  { caller, retainBody }: Incoming,
  model: Model,
  target: Target,
  plans: readonly Plan[],
  hits: readonly (Flown | null)[],
): { readonly waiting: Promise<Landed>[]; readonly leave: (delivered: boolean) => void } {
  const reservation = new Reservation(parts.state);
  const seats: Seat<Flown>[] = [];
  const waiting = plans.map(async (planned, index): Promise<Landed> => {
    const { draw, decision, key } = planned;
    const hit = hits[index] ?? null;
    if (hit !== null) {
      countLookUp(parts, decision, 'hit');
      return { how: 'hit', flown: hit, decision };
    }
    const ticket = reservation.ticket();
    const lead = async (): Promise<Flown> => {
      const letGo = retainBody();
      try {
        return await drawPicture(parts, { ...planned, model, target, caller, reserve: ticket.take });
      } finally {
        ticket.close();
        letGo();
      }
    };
    const seat = decision.join
      ? parts.flights.join(keyName(key), lead, { collects: !(decision.store && decision.read) })
      : parts.flights.fly(decision.bypass !== 'no-store' ? `${caller.tenant.id} ${keyName(key)}` : null, lead);
    countLookUp(parts, decision, seat.role);
    if (seat.role !== 'leader') ticket.detach();
    seats.push(seat);
    try {
      const flown = await seat.wait(parts.answerWithinMs(target.upstream, draw.tier));
      if (flown.hit !== null) return { how: 'hit', flown, decision };
      return { how: seat.role === 'leader' ? 'drawn' : 'joined', flown, decision };
    } catch (error) {
      seat.leave(false);
      throw error;
    }
  });
  reservation.seal();
  return { waiting, leave: (delivered) => seats.forEach((seat) => seat.leave(delivered)) };
}

/** Counted when the seat is taken, for those too whose picture never comes. */
function countLookUp({ metrics }: GatewayParts, { bypass }: Decision, role: Seat<Flown>['role'] | 'hit'): void {
  if (bypass !== null) metrics.bypass(bypass);
  if (role === 'leader') metrics.cache(bypass === null ? 'miss' : 'bypass');
  else metrics.cache(role === 'hit' ? 'hit' : 'collapsed');
}

function asGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError
    ? error
    : new GatewayError('internal', 'A picture failed by a fault of the gateway.', { retry: false }, error);
}
