import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheKey } from './cache/key.ts';
import type { Flights, OnDisconnect } from './cache/flights.ts';
import type { Leases } from './cache/leases.ts';
import type { IdempotencyKeys } from './cache/idempotency.ts';
import type { Links } from './cache/links.ts';
import type { CacheWhen, Decision, Directives } from './cache/policy.ts';
import type { Renditions } from './cache/renditions.ts';
import type { Call, Delivered, Dialect, Route } from './dialects/dialect.ts';
import type { DrawParts, Flown } from './draw.ts';
import { GatewayError } from './errors.ts';
import type { Failure } from './errors.ts';
import { isRefusedSignature } from './draw/signatures.ts';
import { board } from './gateway/board.ts';
import type { Landed } from './gateway/board.ts';
import { dress, recordSignatures } from './gateway/dress.ts';
import type { FileParts } from './gateway/files.ts';
import type { HistoryParts } from './gateway/history.ts';
import { isFreeOutage, standsAlone, withReason } from './gateway/instead.ts';
import { admitLinks, withLinks } from './gateway/links.ts';
import { onDisconnectOf } from './gateway/on-disconnect.ts';
import { ownerKey } from './gateway/plan.ts';
import type { Planned } from './gateway/plan.ts';
import type { Thought } from './image/answer.ts';
import type { PictureWish } from './image/delivery.ts';
import type { Model } from './image/model.ts';
import type { Draw, ImageRequest, PictureFormat } from './image/request.ts';
import type { Retirement } from './image/retirement.ts';
import type { resolveShape } from './image/size.ts';
import type { RemotePictures } from './remote/fetch.ts';
import type { Caller } from './tenants/authenticate.ts';
import type { Tags } from './tenants/state.ts';
import type { Router } from './upstreams/router.ts';
import type { JsonObject } from './wire/json.ts';

export interface GatewayParts extends DrawParts, HistoryParts, FileParts {
  readonly router: Router;
  readonly flights: Flights<Flown, Thought>;
  /** Of the instances that share a store; null: this one is alone. */
  readonly leases: Leases | null;
  readonly renditions: Renditions;
  readonly links: Links;
  readonly idempotencyKeys: IdempotencyKeys;
  /** Fetches pictures that requests only name; null: that is switched off. */
  readonly remotePictures: RemotePictures | null;
  readonly cache: {
    readonly when: CacheWhen;
    readonly ttlSeconds: number;
    readonly onDisconnect: OnDisconnect;
    /** How long past their time stored pictures stand in while nobody can draw; 0: not at all. */
    readonly staleIfErrorSeconds: number;
  };
  /** What callers of a translated dialect get who name no format; null: the vendor's own bytes. */
  readonly defaultFormat: PictureFormat | null;
  /** Who a caller is by now: its budgets and limits as they are when money is taken. Null: it is nobody any more. */
  readonly callerNow: (caller: Caller) => Caller | null;
  /** How long a caller waits for a picture of a tier before it is told to come back. */
  readonly answerWithinMs: (upstream: string, tier: Draw['tier']) => number;
}

/** What is put into a request beside its body: files it names, pictures it names by address, and what its history is made of. Each has room of its own. */
export type HoldMore = (bytes: number, what: 'files' | 'fetched' | 'history') => Promise<void>;

/** One request, after its key was checked and its body read. */
export interface Incoming {
  readonly dialect: Dialect;
  readonly route: Route;
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
  /** When it will, where its client says so. */
  readonly patience: Patience;
  /** Keeps the bytes of the body counted, for work that outlives its caller, until the function is called. */
  readonly retainBody: () => () => void;
  /** Waits until so many bytes more may be held, and counts them for as long as those of the body. */
  readonly holdMore: HoldMore;
  readonly trace: Trace;
  /** Set when it is a task, whose caller does not wait for it. */
  readonly watch: Watch | null;
  /** Set when the answer is told bit by bit: hears, for the picture of that place, what the vendor tells while it draws. */
  readonly follow: ((place: number, thought: Thought) => void) | null;
}

/** How long a client waits before it gives up, less what an answer needs to be with it. Infinite: it does not say. */
export interface Patience {
  readonly ms: number;
  /** By the clock of `performance.now()`. */
  readonly until: number;
}

/** Who follows a request that nobody waits for. */
export interface Watch {
  /** Called once the money for all that must be drawn is held, or others draw it: it is on its way. */
  boarded(): void;
  /** Called for each picture that is there. */
  landed(): void;
  /** Aborted when the task is cancelled. */
  readonly cancelled: AbortSignal;
}

/** What is learnt on the way, kept even if the request fails. */
export interface Trace {
  modelAsked: string | null;
  modelRouted: string | null;
  /** What is to be told of the name that was asked for; null: nothing. */
  retirement: Retirement | null;
  upstream: string | null;
  /** Of the request what its answer says again; null: nothing. */
  echo: JsonObject | null;
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
  /** Which of the pictures asked for it is, from 0. */
  readonly place: number;
  /** It is past its time, and stands in for one that could not be drawn for this reason; null: it is none of those. */
  readonly insteadOf: Failure | null;
}

/** The straight path of one request, from its plan on. Throws GatewayError when not a single picture came of it. */
export async function servePlanned(
  parts: GatewayParts,
  incoming: Incoming,
  planned: Planned,
  startedAt = performance.now(),
): Promise<Served> {
  const { trace, gone, watch } = incoming;
  const { request, format, model, target, shape, pictures: plans } = planned;

  await admitLinks(parts, incoming, planned);
  trace.upstream = target.upstream;
  await hearHangUps(parts, incoming, planned);
  const crew = board(parts, incoming, planned, performance.now() - startedAt);
  const leave = (onDisconnect: OnDisconnect): void => crew.leave(false, onDisconnect);
  const letGo = [
    whenAborted(gone, () => leave(onDisconnectOf(parts.cache, incoming.caller.tenant, model))),
    watch && whenAborted(watch.cancelled, () => leave('cancel')),
  ];
  const landed = await Promise.allSettled(crew.waiting);
  // A task is there for an hour after its end, and with it whoever would hear that it is cancelled.
  for (const each of letGo) each?.();
  if (plans.some(({ hit }) => hit === null)) trace.upstreamMs = performance.now() - startedAt;

  const flown = landed.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
  const failures = landed.filter((each) => each.status === 'rejected').map(({ reason }): unknown => reason);
  const [failure] = failures;
  const lostNanos = crew.lostNanos();
  const again = planned.withoutSignatures;
  // Only where nothing of it was drawn, or may have been.
  const isFree = lostNanos === 0 && flown.every(({ how }) => how === 'hit');
  if (again !== null && isRefusedSignature(failure) && isFree)
    return servePlanned(parts, incoming, await again(), startedAt);
  if (flown.length === 0) {
    const served = lostNanos === 0 ? await serveInstead(parts, incoming, planned, failures, startedAt) : null;
    if (served !== null) return served;
    throw failure instanceof GatewayError ? failure.costing(lostNanos) : failure;
  }

  for (const each of flown) if (each.how !== 'drawn') noteSaving(parts, incoming, planned, each);
  const paidNanos = flown.reduce((sum, { how, flown: { drawn } }) => sum + (how === 'drawn' ? drawn.costNanos : 0), 0);
  const costNanos = paidNanos + lostNanos;
  try {
    const dressed = await Promise.all(flown.map((each) => dress(parts, each, format, request)));
    await recordSignatures(parts, incoming, request, dressed);
    const handedOver = await withLinks(parts, incoming, { request, pictures: dressed });
    const missing = failure === undefined ? null : asGatewayError(failure);
    return { ...handedOver, model, shape, missing, costNanos, delivered: crew.leave };
  } catch (error) {
    // Drawn and paid for: whoever asks again collects it.
    crew.leave(false);
    throw error instanceof GatewayError && costNanos > 0 ? error.costing(costNanos) : error;
  }
}

/** Served by the model that answers where nobody draws the one asked for; null: there is none, and the failure stands. */
async function serveInstead(
  parts: GatewayParts,
  incoming: Incoming,
  planned: Planned,
  failures: readonly unknown[],
  startedAt: number,
): Promise<Served | null> {
  const [failure] = failures;
  const { trace, gone, watch } = incoming;
  const isWanted = !gone.aborted && watch?.cancelled.aborted !== true;
  if (planned.instead === null || !isWanted || !failures.every(isFreeOutage) || !isFreeOutage(failure)) return null;
  const { model, target } = planned;
  const other = await planned.instead();
  if (other === null) {
    parts.metrics.fellOver(model.id, 'not_possible');
    return null;
  }
  trace.modelRouted = other.model.id;
  try {
    const served = await servePlanned(parts, incoming, withReason(other, model, failure), startedAt);
    parts.metrics.fellOver(model.id, 'served');
    return served;
  } catch (error) {
    parts.metrics.fellOver(model.id, 'failed');
    if (!(error instanceof GatewayError) || standsAlone(error)) throw error;
    Object.assign(trace, { modelRouted: model.id, upstream: target.upstream });
    return null;
  }
}

/** Measured with an SDK that asks again at once over another connection of its pool: some milliseconds; and a proxy or two. */
const HANG_UP_MS = 50;

/** Lets a caller's hanging up be heard before its asking again, where it would otherwise have its picture drawn twice. */
async function hearHangUps({ flights }: GatewayParts, { caller }: Incoming, { pictures }: Planned): Promise<void> {
  const isInTheAir = pictures.some((picture) => {
    const owner = picture.hit === null && !picture.decision.join ? ownerKey(picture, caller) : null;
    return owner !== null && flights.mayBeLeft(owner);
  });
  if (isInTheAir) await sleep(HANG_UP_MS);
}

/** For the metrics and the ledger's usage: what this caller would have paid. */
function noteSaving(
  { metrics, state }: GatewayParts,
  { caller, tags }: Incoming,
  { request, model, shape }: Planned,
  { how, flown }: Landed,
): void {
  const { costNanos, drawMs, upstream } = flown.drawn;
  if (how === 'joined') metrics.joined(flown.elsewhere ? 'instance' : 'local');
  metrics.saved(model.id, caller.tenant.id, costNanos, drawMs / 1000);
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

/** Until the function is called. */
function whenAborted(signal: AbortSignal, work: () => void): () => void {
  if (signal.aborted) work();
  else signal.addEventListener('abort', work, { once: true });
  return () => signal.removeEventListener('abort', work);
}

function asGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError
    ? error
    : new GatewayError('internal', 'A picture failed by a fault of the gateway.', { retry: false }, error);
}
