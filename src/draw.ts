import { randomUUID } from 'node:crypto';
import type { CacheKey } from './cache/key.ts';
import type { Entries } from './cache/entry.ts';
import type { Decision } from './cache/policy.ts';
import type { UpstreamDialect } from './dialects/dialect.ts';
import { GatewayError } from './errors.ts';
import type { Answer, AnswerPart, Drawn, Picture } from './image/answer.ts';
import type { Model, Target } from './image/model.ts';
import { checkPicture, PictureError } from './image/picture.ts';
import { costNanos, worstCaseNanos } from './image/price.ts';
import type { Draw } from './image/request.ts';
import { bestFit } from './image/size.ts';
import type { Log } from './log.ts';
import type { Metrics, UpstreamOutcome } from './metrics.ts';
import type { Caller } from './tenants/authenticate.ts';
import { accountsFor } from './tenants/state.ts';
import type { Hold, SpendState } from './tenants/state.ts';
import type { Sent, Upstream } from './upstreams/client.ts';
import { Base64Error, canonicalBase64, decodeBase64 } from './wire/base64.ts';
import { isObject, splice } from './wire/json.ts';
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
    worstNanos: worstCaseNanos(target.price, model, { tier: draw.tier, ...weigh(draw) }),
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
  const read = await readReply(parts.dialect, sent, draw);
  parts.metrics.upstreamEnded(model.id, read.outcome, drawMs / 1000);
  const nanos =
    read.charge === 'worst'
      ? hold.worstNanos
      : read.answer === null
        ? 0
        : costNanos(target.price, model, costFacts(read.answer, draw));
  settle(parts, hold, read.charge, nanos);
  if (read.error !== null) throw read.error;

  const drawn: Drawn = {
    answer: read.answer,
    picture: read.picture,
    model: model.id,
    upstream: target.upstream,
    upstreamModel: target.model,
    costNanos: nanos,
    drawnAt: parts.now(),
    drawMs,
  };
  return { drawn, hit: null, stored: decision.store && (await store(parts, job, drawn)) };
}

/** A reply judged: what it says, what it may have cost, and the picture in it or the reason why there is none. */
type Judged = {
  readonly outcome: UpstreamOutcome;
  /** nothing: it cannot have cost anything. actual: by what came back. worst: unknown, so the whole hold. */
  readonly charge: 'nothing' | 'actual' | 'worst';
} & (
  | { readonly error: GatewayError; readonly answer: Answer | null; readonly picture: null }
  | { readonly error: null; readonly answer: Answer; readonly picture: Picture }
);

async function readReply(dialect: UpstreamDialect, sent: Sent, draw: Draw): Promise<Judged> {
  const failed = (
    outcome: UpstreamOutcome,
    charge: Judged['charge'],
    error: GatewayError,
    answer: Answer | null = null,
  ) => ({ outcome, charge, error, answer, picture: null }) as const;

  if (sent.kind === 'not_sent') return failed('not_sent', 'nothing', sent.error);
  if (sent.kind === 'lost') return failed(sent.reason === 'not_json' ? 'parse' : sent.reason, 'worst', sent.error);
  if (sent.status !== 200) {
    const outcome = sent.status === 429 ? 'http_429' : sent.status >= 500 ? 'http_5xx' : 'http_4xx';
    return failed(outcome, 'nothing', dialect.parseError(sent.status, sent.words, sent.retryAfter));
  }
  let answer: Answer;
  try {
    answer = dialect.parseAnswer(isObject(sent.words) ? sent.words : {});
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return failed('parse', 'worst', error);
  }
  if (answer.verdict !== 'picture') {
    const outcome = answer.verdict === 'no_image' ? 'no_image' : 'safety';
    return failed(outcome, 'actual', noPicture(answer), answer);
  }
  const chosen = await choose(answer, draw);
  if (chosen === null) {
    const message =
      'The upstream sent a picture that is broken. It may have been paid for, so it is not asked for again by itself.';
    return failed('bad_picture', 'worst', new GatewayError('upstream_failed', message, { retry: false }));
  }
  const { picture, part } = chosen;
  const labelled = dialect.relabel(answer, part.data, picture.info.mimeType);
  return { outcome: 'ok', charge: 'actual', error: null, answer: labelled, picture };
}

function noPicture(answer: Answer): GatewayError {
  const failure = answer.verdict === 'picture' ? 'no_image' : answer.verdict;
  const said = answer.message === null ? '' : ` ${answer.message}`;
  const reason = answer.reason === null ? '' : ` (${answer.reason})`;
  const text = {
    blocked_prompt: `The prompt was blocked by the vendor's safety system${reason}.${said}`,
    blocked_output: `The picture was blocked by the vendor's safety system${reason}.${said}`,
    no_image: `The model answered without a picture${reason}.${said}`,
  } as const;
  return new GatewayError(failure, text[failure], { retry: false, vendor: { status: 200, words: answer.words } });
}

type PicturePart = AnswerPart & { readonly kind: 'picture' };

/** The picture that answers: of those whose bytes are whole, the one whose pixels fit the size asked for. */
async function choose(
  answer: Answer,
  draw: Draw,
): Promise<{ readonly part: PicturePart; readonly picture: Picture } | null> {
  const whole: { readonly part: PicturePart; readonly picture: Picture }[] = [];
  for (const part of answer.parts) {
    if (part.kind !== 'picture' || part.thought) continue;
    const picture = await check(part);
    if (picture !== null) whole.push({ part, picture });
  }
  return (
    whole[
      bestFit(
        whole.map(({ picture }) => picture.info),
        draw,
      )
    ] ?? null
  );
}

async function check({ data }: PicturePart): Promise<Picture | null> {
  try {
    const info = await checkPicture(await decodeBase64(data));
    return { data: await canonicalBase64(data), info };
  } catch (error) {
    if (error instanceof PictureError || error instanceof Base64Error) return null;
    throw error;
  }
}

/** The answer does not wait for the ledger's disk: until the settlement is written the whole hold counts as spent. */
function settle(parts: DrawParts, hold: Hold, charge: Judged['charge'], nanos: number): void {
  if (nanos > 0) parts.metrics.spent(hold.model, hold.tenant, nanos);
  const written =
    charge === 'nothing'
      ? parts.state.release(hold.id)
      : parts.state.settle(hold.id, nanos, charge === 'worst' ? 'unknown' : 'settled');
  written.catch((error: unknown) =>
    parts.log.fault('ledger: settlement not written; the hold is charged in full', error, { hold: hold.id }),
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

/** What the worst-case price is made of: bytes of text going up, and pictures. */
function weigh(draw: Draw): { readonly promptBytes: number; readonly references: number } {
  let promptBytes = 0;
  let references = 0;
  for (const turn of draw.system === null ? draw.turns : [...draw.turns, draw.system])
    for (const part of turn.parts) {
      if (part.kind === 'text') promptBytes += Buffer.byteLength(part.text);
      else if (part.kind === 'picture') references += 1;
      else promptBytes += splice(part.fields).byteLength;
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
  return { promptBytes, references };
}

function costFacts(answer: Answer, draw: Draw) {
  const pictures = answer.parts.filter((part) => part.kind === 'picture' && !part.thought).length;
  return { usage: answer.usage, tier: draw.tier, pictures };
}
