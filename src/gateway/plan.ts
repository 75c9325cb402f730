import { cacheKey, keyName } from '../cache/key.ts';
import type { CacheKey } from '../cache/key.ts';
import { underKey } from '../cache/idempotency.ts';
import { decide, notCached } from '../cache/policy.ts';
import type { Decision } from '../cache/policy.ts';
import type { Flown } from '../draw.ts';
import type { GatewayParts, Incoming } from '../gateway.ts';
import { formatOf, withDrafts, withWarnings } from '../image/delivery.ts';
import { checkParts } from '../image/limits.ts';
import type { Model, Target } from '../image/model.ts';
import { inWordsOf } from '../image/places.ts';
import { drawsOf } from '../image/request.ts';
import type { Draw, ImageRequest, PictureFormat } from '../image/request.ts';
import { retirementOf } from '../image/retirement.ts';
import { underFloor } from '../image/safety.ts';
import { DEFAULT_TIER, resolveShape } from '../image/size.ts';
import type { Caller } from '../tenants/authenticate.ts';
import { withFiles } from './files.ts';
import { withSignatures } from './history.ts';
import type { SignaturesVerb } from './history.ts';
import { planInstead } from './instead.ts';
import { withMask } from './mask.ts';
import { withRemote } from './remote.ts';

/** What is to be done for a request, before anybody does it: nothing is reserved, sent or stored. */
export interface Planned {
  readonly request: ImageRequest;
  /** What the caller is to get; null: the vendor's own bytes. */
  readonly format: PictureFormat | null;
  readonly model: Model;
  readonly target: Target;
  readonly shape: ReturnType<typeof resolveShape>;
  /** One for each picture asked for. */
  readonly pictures: readonly PicturePlan[];
  /** Plans it anew without the signatures that were put back, for a vendor that will not have them; null: none were. */
  readonly withoutSignatures: (() => Promise<Planned>) | null;
  /** Plans it for the model that answers where nobody draws this one, or comes to null; null: there is no such model. */
  readonly instead: (() => Promise<Planned | null>) | null;
  /** Some targets of the model are too dear to be asked: that the others are down says nothing to who may ask all. */
  readonly isNarrow: boolean;
}

/** One picture of a request: what is drawn, what it is called, what the cache may do for it, and what it holds. */
export interface PicturePlan {
  readonly draw: Draw;
  readonly key: CacheKey;
  readonly decision: Decision;
  readonly hit: Flown | null;
}

export type Asking = Pick<
  Incoming,
  'dialect' | 'route' | 'call' | 'caller' | 'body' | 'directives' | 'idempotencyKey' | 'wish' | 'trace' | 'holdMore'
>;

/** `claim`: an Idempotency-Key stands for this request from now on; `check`: it only must not stand for another; `claimed`: it does already. */
type KeyVerb = 'claim' | 'check' | 'claimed';

/** Parses, routes, puts signatures back, checks, plans and looks up. Throws GatewayError. */
export async function planRequest(parts: GatewayParts, asking: Asking, verb: 'claim' | 'check'): Promise<Planned> {
  const body = await withFiles(parts, asking);
  const parsed = withDrafts(asking.route.parseRequest(body, asking.call));
  asking.trace.modelAsked = parsed.model;
  asking.trace.echo = parsed.delivery.echo ?? null;
  try {
    return await planParsed(parts, asking, parsed, verb);
  } catch (error) {
    // What shows only later to be no good is told by the name its caller gave it.
    throw inWordsOf(parsed, error);
  }
}

async function planParsed(
  parts: GatewayParts,
  asking: Asking,
  parsed: ImageRequest,
  verb: 'claim' | 'check',
): Promise<Planned> {
  const { caller, trace } = asking;
  if (parsed.delivery.link === 'asked') parts.links.check(asking.directives);
  const { model, asked: name, warnings } = parts.router.route(parsed, caller.tenant.models);
  trace.modelAsked = name;
  trace.modelRouted = model.id;
  trace.retirement = retirementOf(model, name);
  const warned = withWarnings(parsed, warnings);
  const hold = (bytes: number): Promise<void> => asking.holdMore(bytes, 'fetched');
  const whole = await withRemote(parts.remotePictures, warned, { owner: caller.tenant.id, hold });
  const planned = await planOn(parts, asking, whole, model, verb);
  if (model.fallback === undefined) return planned;
  const instead = (): Promise<Planned | null> =>
    planInstead(parts, asking, model, (other) => planOn(parts, asking, whole, other, 'claimed'));
  return { ...planned, instead };
}

/** For one model, whichever was asked for. */
async function planOn(
  parts: GatewayParts,
  asking: Asking,
  parsed: ImageRequest,
  model: Model,
  verb: KeyVerb,
): Promise<Planned> {
  const { dialect, caller } = asking;
  const named = dialect.native ? null : formatOf(parsed, asking.wish, parts.defaultFormat);
  const target = model.targets[0]!;
  const asked = withFloor(parsed, caller, dialect.native ? 'safetySettings' : 'safety_settings');
  checkParts(asked, model);
  const shape = resolveShape(asked.shape, model);
  const { request: whole, format } = await withMask(asked, named);
  const family = parts.upstreams.get(target.upstream)?.family ?? '';
  const whose = { scope: caller.tenant.cache.scope, model: model.id, family };

  const planWith = async (signatures: SignaturesVerb, keyVerb: KeyVerb): Promise<Planned> => {
    const how = { model, verb: signatures, hold: (bytes: number) => asking.holdMore(bytes, 'history') };
    const { request, restored } = await withSignatures(parts, whole, whose, how);
    const plans = await planAll(parts, asking, model, drawsOf(request, model.id, shape), keyVerb);
    const pictures = await Promise.all(plans.map(async (plan) => ({ ...plan, hit: await lookUp(parts, plan) })));
    const withoutSignatures = restored === 0 ? null : () => planWith('refused', 'claimed');
    return { request, format, model, target, shape, pictures, withoutSignatures, instead: null, isNarrow: false };
  };
  return planWith('put_back', verb);
}

/** Whether a caller who leaves may come back for the picture: it does where the store would not give it. */
export function collects({ store, read }: Decision): boolean {
  return !(store && read);
}

/** Who may come back for a picture that is drawn for one request alone; null: nobody. */
export function ownerKey({ decision, key }: Plan, { tenant }: Caller): string | null {
  return decision.bypass === 'no-store' ? null : `${tenant.id} ${keyName(key)}`;
}

type Plan = Omit<PicturePlan, 'hit'>;

function withFloor(request: ImageRequest, { tenant }: Caller, field: string): ImageRequest {
  const { safety, warnings } = underFloor(request.safety, tenant.safetyFloor ?? null, field);
  return { ...withWarnings(request, warnings), safety };
}

async function planAll(
  parts: GatewayParts,
  asking: Asking,
  model: Model,
  draws: readonly Draw[],
  verb: KeyVerb,
): Promise<readonly Plan[]> {
  const plans = await Promise.all(draws.map((draw) => plan(parts, asking, model, draw)));
  const { idempotencyKey, caller } = asking;
  if (idempotencyKey === null) return plans;
  const pictures = plans.map(({ key }) => key);
  if (verb !== 'claimed') await parts.idempotencyKeys[verb](caller.tenant.id, idempotencyKey, pictures);
  return plans.map((planned) => ({ ...planned, ...underKey(caller.tenant.id, idempotencyKey, planned) }));
}

/** What a key or its tenant says of the cache wins over what is said of the model, and that over the rest. */
async function plan(parts: GatewayParts, { caller, directives }: Asking, model: Model, draw: Draw): Promise<Plan> {
  const { cache } = caller.tenant;
  const decision = decide({
    draw,
    directives,
    when: cache.when ?? model.cache?.when ?? parts.cache.when,
    ttlSeconds: cache.ttlSeconds ?? model.cache?.ttlSeconds ?? parts.cache.ttlSeconds,
    staleIfErrorSeconds: parts.cache.staleIfErrorSeconds,
  });
  return { draw, decision, key: await cacheKey(draw, cache.scope, { tier: DEFAULT_TIER }) };
}

async function lookUp(parts: GatewayParts, { key, decision }: Plan): Promise<Flown | null> {
  const hit = decision.read ? await parts.entries.get(key, decision) : null;
  if (hit !== null) return { drawn: hit.drawn, hit, stored: false, elsewhere: false, letGo: () => undefined };
  if (!decision.onlyIfCached) return null;
  throw notCached(decision);
}
