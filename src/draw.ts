import { randomUUID } from 'node:crypto';
import type { CacheKey } from './cache/key.ts';
import type { Entries } from './cache/entry.ts';
import type { Decision } from './cache/policy.ts';
import type { UpstreamDialect } from './dialects/dialect.ts';
import { GatewayError } from './errors.ts';
import { judge } from './draw/judge.ts';
import type { Judged } from './draw/judge.ts';
import type { Answer, Drawn } from './image/answer.ts';
import type { Model, Target } from './image/model.ts';
import { costNanos, worstCaseNanos } from './image/price.ts';
import type { Draw } from './image/request.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Caller } from './tenants/authenticate.ts';
import { accountsFor } from './tenants/state.ts';
import type { Hold, SpendState } from './tenants/state.ts';
import type { Sent, Upstream } from './upstreams/client.ts';
import { splice } from './wire/json.ts';
import type { Json } from './wire/json.ts';

/** Everything a flight needs to draw one picture. */
export interface DrawParts {
  readonly entries: Entries;
  readonly state: SpendState;
  readonly upstreams: ReadonlyMap<string, DrawUpstream>;
  readonly dialect: UpstreamDialect;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly now: () => number;
  /** Waits until so many bytes of a reply may be held; the returned function gives them back. */
  readonly admit: (bytes: number, signal: AbortSignal) => Promise<() => void>;
}

export interface DrawUpstream {
  readonly client: Upstream;
  readonly sizeNames: Readonly<Record<string, string>>;
  readonly abandonAfterMs: (tier: Draw['tier']) => number;
}

export interface DrawJob {
  readonly draw: Draw;
  readonly key: CacheKey;
  readonly decision: Decision;
  readonly model: Model;
  readonly target: Target;
  readonly caller: Caller;
  /** Takes the money for one attempt, or rejects with the caller's own refusal. */
  readonly reserve: (hold: Hold) => Promise<void>;
}

/** What a flight hands to everybody aboard. */
export interface Flown {
  readonly drawn: Drawn;
  /** Set when the second look-up found that another flight had just stored it. */
  readonly hit: { readonly ageSeconds: number; readonly ttlSeconds: number } | null;
  readonly stored: boolean;
}

/** The work of one flight: look up again, reserve, send, check, settle, store. */
export async function drawPicture(parts: DrawParts, job: DrawJob): Promise<Flown> {
  const { draw, decision, target, model, caller } = job;
  if (decision.read) {
    // Between this caller's look-up and its flight another flight may have landed and stored.
    const hit = await parts.entries.get(job.key, decision);
    if (hit !== null) return { drawn: hit.drawn, hit, stored: false };
  }
  const upstream = parts.upstreams.get(target.upstream);
  if (upstream === undefined)
    throw new GatewayError('unavailable', `The upstream "${target.upstream}" is not usable here.`, { retry: false });
  const body = splice(parts.dialect.renderRequest(draw, upstream.sizeNames));
  const hold: Hold = {
    id: randomUUID(),
    tenant: caller.tenant.id,
    keyId: caller.keyId,
    model: model.id,
    worstNanos: worstCaseNanos(target.price, model, { tier: draw.tier, ...weigh(draw, model) }),
    accounts: accountsFor(caller.tenant, model.id, parts.now()),
  };
  await job.reserve(hold);

  const startedAt = parts.now();
  parts.metrics.upstreamStarted(model.id);
  const sent = await upstream.client.generate(target.model, body, {
    abandonAfterMs: upstream.abandonAfterMs(draw.tier),
    admit: parts.admit,
  });
  const drawMs = parts.now() - startedAt;
  const read = await readReply(parts, sent, job, hold);
  parts.metrics.upstreamEnded(model.id, read.outcome, drawMs / 1000);
  const charge = chargeFor(read, job, hold);
  settle(parts, hold, charge);
  if (read.error !== null) throw read.error;

  const drawn: Drawn = {
    answer: read.answer,
    picture: read.picture,
    model: model.id,
    upstream: target.upstream,
    upstreamModel: target.model,
    costNanos: charge.nanos,
    drawnAt: parts.now(),
    drawMs,
  };
  return { drawn, hit: null, stored: decision.store && (await store(parts, job, drawn)) };
}

/** Money that was set aside never stays so: should the reading itself fail, nobody knows what the reply cost. */
async function readReply(parts: DrawParts, sent: Sent, { draw, model }: DrawJob, hold: Hold): Promise<Judged> {
  try {
    return await judge(parts.dialect, sent, draw);
  } catch (error) {
    parts.metrics.upstreamEnded(model.id, 'parse', 0);
    settle(parts, hold, { nanos: hold.worstNanos, outcome: 'unknown' });
    throw error;
  }
}

interface Charge {
  readonly nanos: number;
  /** `unknown`: it may have cost as much as was held. `released`: it cannot have cost anything. */
  readonly outcome: 'settled' | 'unknown' | 'released';
}

function chargeFor({ charge, answer }: Judged, { target, model, draw }: DrawJob, hold: Hold): Charge {
  if (charge === 'nothing') return { nanos: 0, outcome: 'released' };
  const billed = 'perImageUsd' in target.price ? 'usage' : answer?.billed;
  if (charge === 'worst' || answer === null || billed === 'unknown')
    return { nanos: hold.worstNanos, outcome: 'unknown' };
  const nanos = billed === 'nothing' ? 0 : costNanos(target.price, model, costFacts(answer, draw));
  return { nanos, outcome: 'settled' };
}

/** The answer does not wait for the ledger's disk: until the settlement is written the whole hold counts as spent. */
function settle({ metrics, state, log }: DrawParts, { id, model, tenant }: Hold, { nanos, outcome }: Charge): void {
  if (nanos > 0) metrics.spent(model, tenant, nanos);
  const written = outcome === 'released' ? state.release(id) : state.settle(id, nanos, outcome);
  written.catch((error: unknown) =>
    log.fault('ledger: settlement not written; the hold is charged in full', error, { hold: id }),
  );
}

/** A store that fails costs a later hit, never this answer. */
async function store(parts: DrawParts, job: DrawJob, drawn: Drawn): Promise<boolean> {
  try {
    return await parts.entries.put(job.key, drawn, job.decision.ttlSeconds);
  } catch (error) {
    parts.metrics.cache('error');
    parts.log.fault('cache: picture not stored', error);
    return false;
  }
}

/**
 * What the worst-case price is made of: bytes of text going up, and pictures. What the vendor looks up itself, or reads
 * page by page, may come to any number of tokens that the model can read.
 */
function weigh(draw: Draw, model: Model): { readonly promptBytes: number; readonly references: number } {
  const turns = draw.system === null ? draw.turns : [...draw.turns, draw.system];
  const parts = turns.flatMap((turn) => turn.parts);
  const isOpenEnded =
    draw.tools.length > 0 ||
    draw.more.request.cachedContent !== undefined ||
    parts.some((part) => part.kind === 'other' || (part.kind === 'picture' && !part.mimeType.startsWith('image/')));
  let promptBytes = isOpenEnded ? model.inputTokenLimit : 0;
  for (const part of parts) {
    if (part.kind === 'text') promptBytes += Buffer.byteLength(part.text);
    else if (part.kind === 'other') promptBytes += splice(part.fields).byteLength;
  }
  const loose: Json[] = [
    draw.thinking,
    [...draw.tools],
    [...draw.safety],
    draw.more.request,
    draw.more.generationConfig,
    draw.more.imageConfig,
  ];
  for (const value of loose) promptBytes += splice(value).byteLength;
  return { promptBytes, references: parts.filter((part) => part.kind === 'picture').length };
}

function costFacts(answer: Answer, draw: Draw) {
  const pictures = answer.parts.filter((part) => part.kind === 'picture' && !part.thought).length;
  return { usage: answer.usage, tier: draw.tier, pictures };
}
