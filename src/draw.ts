import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheKey } from './cache/key.ts';
import type { Entries, Hit } from './cache/entry.ts';
import type { Lease } from './cache/leases.ts';
import type { Decision } from './cache/policy.ts';
import type { UpstreamDialect } from './dialects/dialect.ts';
import { GatewayError } from './errors.ts';
import { chargeFor, NOT_SENT, settle, unknown } from './draw/charge.ts';
import { alarmOfExcess, noteProhibited } from './draw/alarms.ts';
import { Attempts } from './draw/attempts.ts';
import type { Attempt } from './draw/attempts.ts';
import { judge } from './draw/judge.ts';
import type { Judged } from './draw/judge.ts';
import { keep } from './draw/keep.ts';
import { isRefusedSignature } from './draw/signatures.ts';
import { downOf } from './draw/remedy.ts';
import { ReplyRoom } from './draw/reply-room.ts';
import type { Admit } from './draw/reply-room.ts';
import { Thoughts } from './draw/thoughts.ts';
import { namesOthers, weigh } from './draw/weigh.ts';
import type { Drawn, Thought } from './image/answer.ts';
import type { Model } from './image/model.ts';
import { worstCaseNanos } from './image/price.ts';
import type { Draw } from './image/request.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Caller } from './tenants/authenticate.ts';
import type { KeyPauses } from './tenants/pause.ts';
import { accountsFor } from './tenants/state.ts';
import type { Hold, SpendState, Tags } from './tenants/state.ts';
import type { Bulkhead, Entrant } from './upstreams/bulkhead.ts';
import type { Sent, Upstream } from './upstreams/client.ts';
import type { UpstreamHealth } from './upstreams/health.ts';
import { splice } from './wire/json.ts';
import type { Regions } from './wire/regions.ts';

/** Everything a flight needs to draw one picture. */
export interface DrawParts {
  readonly entries: Entries;
  readonly state: SpendState;
  readonly upstreams: ReadonlyMap<string, DrawUpstream>;
  readonly dialect: UpstreamDialect;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly pauses: KeyPauses;
  readonly now: () => number;
  /** For the bytes of a reply. */
  readonly admit: Admit;
  /** Where replies are received. */
  readonly regions: Regions;
  /** How many calls may be in the air. */
  readonly bulkhead: Bulkhead;
}

export interface DrawUpstream {
  /** Its kind: whose thought signatures it can read. */
  readonly family: string;
  readonly client: Upstream;
  readonly health: UpstreamHealth;
  readonly sizeNames: Readonly<Record<string, string>>;
  readonly abandonAfterMs: (tier: Draw['tier']) => number;
  /** How long callers wait: what is asked for again must be so before. */
  readonly answerWithinMs: (tier: Draw['tier']) => number;
}

export interface DrawJob {
  readonly draw: Draw;
  readonly key: CacheKey;
  readonly decision: Decision;
  readonly model: Model;
  readonly caller: Caller;
  /** For the ledger: the caller's end user, and what it says the picture is for. */
  readonly user: string | null;
  readonly tags: Tags;
  /** Takes the money for one attempt, or rejects with the caller's own refusal. */
  readonly reserve: (hold: Hold) => Promise<void>;
  /** Nobody waits for it: it is a task. */
  readonly isPatient: boolean;
  /** Aborted when nobody wants the picture any more. */
  readonly givenUp: AbortSignal;
  /** What other instances wait for; null where none does, or none can be asked. */
  readonly lease: Lease | null;
  /** Hears what the vendor tells of its thinking while it draws; null where nobody wants to. */
  readonly tell: ((thought: Thought) => void) | null;
}

/** What a flight hands to everybody aboard. */
export interface Flown {
  readonly drawn: Drawn;
  /** Set when the second look-up found that another flight had just stored it. */
  readonly hit: Omit<Hit, 'drawn'> | null;
  readonly stored: boolean;
  /** Another instance drew it, and this one waited. */
  readonly elsewhere: boolean;
  /**
   * Gives back the memory the answer lies in, for the next. To be called when nobody can look at it any more; if that
   * is never certain, the garbage collector has it.
   */
  readonly letGo: () => void;
}

/** From the end of the wait for the vendor until the settlement must be written. */
const LEASE_SLACK_MS = 60_000;
/** A ledger that needs longer to hear of it may refuse what follows, as held by others. */
const RELEASE_MS = 1_000;

/** The work of one flight: look up again; reserve, send, check and settle, more than once where that costs nothing; store. */
export async function drawPicture(parts: DrawParts, job: DrawJob): Promise<Flown> {
  if (job.decision.read) {
    // Between this caller's look-up and its flight another flight may have landed and stored.
    const hit = await parts.entries.get(job.key, job.decision);
    if (hit !== null) {
      void job.lease?.end('stored');
      return { drawn: hit.drawn, hit, stored: false, elsewhere: false, letGo: () => undefined };
    }
  }
  const attempts = attemptsOf(parts, job);
  let failure: GatewayError | null = null;
  for (;;) {
    const attempt = await attempts.next().catch((error: unknown) => {
      // Every target was asked or is left alone; what may have cost something is never followed by another.
      throw error instanceof GatewayError && !job.givenUp.aborted ? error.ofAll('for_nothing') : error;
    });
    const { judged, drawn, letGo, written } = await drawOnce(parts, job, attempt, failure);
    const mayFollow = await attempts.mayFollow(attempt, judged);
    if (drawn !== null) return { drawn, hit: null, stored: await keep(parts, job, drawn), elsewhere: false, letGo };
    failure = judged.error;
    // What was set aside for it is free before more is, be that for another model.
    const down = downOf(judged);
    if (mayFollow || down === 'for_nothing') await known(written);
    if (!mayFollow) throw failure?.ofAll(down) ?? new Error('neither a picture nor a failure');
  }
}

/** Resolves when the ledger knows, or after a while: what it is told is never lost. */
async function known(written: Promise<void>): Promise<void> {
  await Promise.race([written, sleep(RELEASE_MS, undefined, { ref: false })]);
}

function attemptsOf(parts: DrawParts, { model, draw, givenUp }: DrawJob): Attempts {
  return new Attempts({
    targets: model.targets,
    upstreams: parts.upstreams,
    withinMs({ upstream }) {
      const { answerWithinMs, abandonAfterMs } = parts.upstreams.get(upstream)!;
      return Math.min(answerWithinMs(draw.tier), abandonAfterMs(draw.tier));
    },
    givenUp,
    namesOthers: namesOthers(draw),
    onEvent: (event, target) => parts.metrics.attempt(event, target.upstream, model.id),
    now: () => performance.now(),
    random: Math.random,
  });
}

interface Once {
  readonly judged: Judged;
  /** Null: nothing came, and `judged` says why. */
  readonly drawn: Drawn | null;
  readonly letGo: () => void;
  /** Resolves when the ledger knows what it cost. */
  readonly written: Promise<void>;
}

/** One call, with money of its own. `before`: why an earlier one came to nothing, which the caller hears if there is no money for this one. */
async function drawOnce(
  parts: DrawParts,
  job: DrawJob,
  { target, upstream, key }: Attempt,
  before: GatewayError | null,
): Promise<Once> {
  const { draw, model, caller, givenUp } = job;
  const abandonAfterMs = upstream.abandonAfterMs(draw.tier);
  const hold: Hold = {
    id: randomUUID(),
    tenant: caller.tenant.id,
    keyId: caller.keyId,
    model: model.id,
    upstream: target.upstream,
    tier: draw.tier,
    user: job.user,
    tags: job.tags,
    leaseMs: abandonAfterMs + LEASE_SLACK_MS,
    worstNanos: worstCaseNanos(target.price, model, weigh(draw)),
    limits: caller.tenant.limits,
    accounts: accountsFor(caller.tenant, model.id, parts.now()),
  };
  if (givenUp.aborted) throw cancelled();
  const entrant = { model: model.id, tenant: caller.tenant.id, isPatient: job.isPatient };
  try {
    parts.bulkhead.check(entrant);
    await job.reserve(hold);
  } catch (error) {
    throw before ?? error;
  }
  const leave = await enter(parts, hold, entrant, givenUp, before);
  try {
    return await send(parts, job, { target, upstream, key }, hold);
  } finally {
    leave();
  }
}

/**
 * Waits for its place among the calls in the air, with its money set aside: the pictures of a request have that in one step,
 * and some may have a place before others. Where it finds none it counts as sent, and was not.
 */
async function enter(
  parts: DrawParts,
  hold: Hold,
  entrant: Entrant,
  givenUp: AbortSignal,
  before: GatewayError | null,
): Promise<() => void> {
  try {
    return await parts.bulkhead.enter(entrant, givenUp);
  } catch (error) {
    void settle(parts, hold, NOT_SENT);
    throw givenUp.aborted ? cancelled() : (before ?? error);
  }
}

async function send(parts: DrawParts, job: DrawJob, { target, upstream, key }: Attempt, hold: Hold): Promise<Once> {
  const { draw, model, caller, givenUp } = job;
  const body = splice(parts.dialect.renderRequest(draw, upstream.sizeNames));
  const abandonAfterMs = upstream.abandonAfterMs(draw.tier);
  const room = new ReplyRoom(parts);
  const startedAt = performance.now();
  const thoughts = job.tell === null ? null : new Thoughts(parts.dialect, parts.regions, job.tell);
  parts.metrics.upstreamStarted(model.id);
  const sent = await upstream.client.generate(target.model, body, {
    key,
    abandonAfterMs,
    admit: room.admit,
    keep: room.keep,
    givenUp,
    ...(thoughts !== null && { onPiece: thoughts.hear }),
  });
  const drawMs = performance.now() - startedAt;
  const read = await readReply(parts, sent, thoughts, job, hold).finally(() => room.wasRead());
  parts.metrics.upstreamEnded(model.id, read.outcome, drawMs / 1000);
  const charge = chargeFor(read, target, job, hold);
  const written = settle(parts, hold, charge);
  alarmOfExcess(parts, hold, charge.nanos);
  noteProhibited(parts, caller, read.answer);
  // It is asked for once more, out of the same budget: what was held is free before more is.
  if (isRefusedSignature(read.error)) await known(written);
  if (read.error !== null) {
    const error = charge.nanos > 0 ? read.error.costing(charge.nanos) : read.error;
    return { judged: { ...read, error }, drawn: null, letGo: room.giveBack, written };
  }
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
  return { judged: read, drawn, letGo: room.giveBack, written };
}

function cancelled(): GatewayError {
  const message = 'The picture was cancelled before it was asked for. Nothing was drawn and nothing was paid.';
  return new GatewayError('upstream_failed', message, { retry: false, code: 'cancelled' });
}

/** Money that was set aside never stays so: should the reading itself fail, nobody knows what the reply cost. */
async function readReply(
  parts: DrawParts,
  sent: Sent,
  thoughts: Thoughts | null,
  { draw, model, decision }: DrawJob,
  hold: Hold,
): Promise<Judged> {
  try {
    await thoughts?.all();
    const { dialect, regions } = parts;
    return await judge({ dialect, regions, isKept: decision.store }, sent, draw);
  } catch (error) {
    parts.metrics.upstreamEnded(model.id, 'parse', 0);
    void settle(parts, hold, unknown(hold, { pictures: 0, tokens: 0 }));
    throw error;
  }
}
