import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Dialect } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import type { Failure, Outcome } from '../errors.ts';
import type { Trace } from '../gateway.ts';
import { formatUsd } from '../image/price.ts';
import type { Log, RequestLine } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Caller, Tenant } from '../tenants/authenticate.ts';
import { splice } from '../wire/json.ts';
import type { JsonObject } from '../wire/json.ts';
import { sendReply, sendStream } from './reply.ts';
import type { Reply, StreamedReply } from './reply.ts';
import { retirementHeaders } from './retirement.ts';

/** What is known of one request while it is served: filled in on the way, counted and logged at its end. */
export interface Facts extends Trace {
  readonly requestId: string;
  /** Wall clock, Unix milliseconds. */
  readonly receivedAt: number;
  /** The route's template, or `unmatched`: never the path itself. */
  readonly route: string;
  readonly method: string;
  caller: Caller | null;
  outcome: Outcome;
  modelAnswered: string | null;
  size: string | null;
  pictures: number;
  cache: string | null;
  /** What is kept of the answer, to be purged by; several are parted by spaces. */
  cacheKey: string | null;
  costUsd: string | null;
  /** The failure in whose place a picture stands that is past its time; null: there is none. */
  insteadOf: Failure | null;
  code: string | null;
  bytesIn: number;
  /** Whether a failure is told in a list of one, as Google's streams do. */
  listsErrors: boolean;
}

export function newFacts(requestId: string, route: string, method: string, receivedAt: number): Facts {
  return {
    requestId,
    receivedAt,
    route,
    method,
    caller: null,
    outcome: 'ok',
    modelAsked: null,
    modelRouted: null,
    retirement: null,
    modelAnswered: null,
    upstream: null,
    echo: null,
    size: null,
    pictures: 0,
    cache: null,
    cacheKey: null,
    costUsd: null,
    insteadOf: null,
    code: null,
    bytesIn: 0,
    listsErrors: false,
    upstreamMs: 0,
  };
}

export interface ExchangeParts {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly draining: () => boolean;
  /** Where the tenant stands with its limits. */
  readonly limitHeaders: (tenant: Tenant, dialect: Dialect, request: IncomingHttpHeaders) => Record<string, string>;
  /** What a browser must hear to let a page read the answer, whose `vary` is given. */
  readonly corsHeaders: (request: IncomingHttpHeaders, vary: string) => Record<string, string>;
}

/** A reply and what to do once it is known whether it arrived. */
export interface Answered {
  readonly reply: Reply | StreamedReply;
  readonly delivered?: (ok: boolean) => void;
}

/**
 * Runs one exchange to its end: whatever `answer` throws becomes an envelope of the caller's dialect, and exactly one
 * log line and one count come of it.
 */
export async function runExchange(
  parts: ExchangeParts,
  facts: Facts,
  dialect: Dialect,
  raw: ServerResponse,
  answer: () => Promise<Answered>,
): Promise<void> {
  const startedAt = performance.now();
  let answered: Answered;
  try {
    answered = await answer();
  } catch (error) {
    answered = { reply: errorReply(error, dialect, facts, parts.log) };
    countDenied(facts, parts.metrics);
  }
  const readyAt = performance.now();
  const headers = {
    ...answered.reply.headers,
    ...(dialect.requestIdHeader !== undefined && { [dialect.requestIdHeader]: facts.requestId }),
    ...(facts.caller !== null && parts.limitHeaders(facts.caller.tenant, dialect, raw.req.headers)),
    ...parts.corsHeaders(raw.req.headers, answered.reply.headers['vary'] ?? ''),
    ...(facts.retirement !== null && retirementHeaders(facts.retirement)),
    ...(parts.draining() && { connection: 'close' }),
  };
  const { reply } = answered;
  let arrived = false;
  let bytesOut = 0;
  try {
    if ('pieces' in reply) ({ arrived, byteLength: bytesOut } = await sendStream(raw, { ...reply, headers }));
    else {
      arrived = await sendReply(raw, { ...reply, headers });
      bytesOut = arrived ? reply.byteLength : 0;
    }
  } finally {
    // Refused early, a caller may still be hearing it.
    answered.delivered?.(arrived && raw.writableFinished);
  }
  const totalMs = performance.now() - startedAt;
  // Neither the vendor's time nor that of a slow reader.
  const readyMs = ('pieces' in reply ? reply.readyAt() : readyAt) - startedAt;
  const ownMs = Math.max(0, readyMs - facts.upstreamMs);
  const status = arrived ? reply.status : 499;
  parts.metrics.http(facts.route, facts.method, status, facts.outcome, totalMs / 1000, ownMs / 1000);
  parts.metrics.bytes('in', facts.bytesIn);
  parts.metrics.bytes('out', bytesOut);
  const { retirement } = facts;
  if (retirement !== null) parts.metrics.retiredName(retirement.name, retirement.successor ?? '');
  parts.log.request(line(facts, status, bytesOut, totalMs, ownMs));
}

/** A refusal by a budget is a series of its own. */
export function countDenied({ outcome, caller }: Facts, metrics: Pick<Metrics, 'denied'>): void {
  if (caller !== null && (outcome === 'budget_exhausted' || outcome === 'budget_reserved'))
    metrics.denied(caller.tenant.id, outcome);
}

/** The envelope of a failure in the caller's dialect. A fault of our own is logged here and told to nobody. */
export function errorReply(error: unknown, dialect: Dialect, facts: Facts, log: Log): Reply {
  const { status, headers, body } = errorAnswer(error, dialect, facts, log);
  const { chunks, byteLength } = splice(facts.listsErrors ? [body] : body);
  return { status, headers, chunks, byteLength };
}

/** A whole answer before it is written down. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

export function errorAnswer(error: unknown, dialect: Dialect, facts: Facts, log: Log): Answer {
  const failure = noteFailure(error, facts, log);
  const { status, body } = dialect.renderError(failure, {
    requestId: facts.requestId,
    pathModel: null,
    receivedAt: facts.receivedAt,
    model: facts.modelRouted,
    echo: facts.echo,
  });
  const retryAfterSeconds = failure.detail.retryAfterSeconds ?? (mayRetry(failure) ? USUAL_WAIT_SECONDS : undefined);
  return {
    status,
    headers: {
      ...commonHeaders(facts.requestId),
      'content-type': 'application/json; charset=utf-8',
      ...(status >= 400 && { 'x-should-retry': String(mayRetry(failure)) }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) }),
      ...(facts.costUsd !== null && { 'x-plantain-cost-usd': facts.costUsd }),
      ...failure.detail.headers,
    },
    body,
  };
}

/** Fills in the facts. A fault of our own is logged here. */
export function noteFailure(error: unknown, facts: Facts, log: Log): GatewayError {
  const failure = error instanceof GatewayError ? error : ownFault(error, facts, log);
  facts.outcome = failure.failure;
  facts.code = failure.detail.code ?? failure.failure;
  const { costNanos = 0 } = failure.detail;
  if (costNanos > 0) facts.costUsd = formatUsd(costNanos);
  return failure;
}

export function commonHeaders(requestId: string): Record<string, string> {
  return {
    'x-request-id': requestId,
    // A proxy that keeps a tenant's picture would hand it to the next one.
    'cache-control': 'private, no-store',
    vary: 'Authorization, X-Goog-Api-Key, X-Api-Key',
    'x-content-type-options': 'nosniff',
  };
}

/** OpenAI's SDKs ignore a wait of over a minute and come back at once: then they are better told to stay away. */
const LONGEST_WAIT_SECONDS = 60;
/** For a passing trouble whose end nobody named. */
const USUAL_WAIT_SECONDS = 5;
const RETRIED = new Set([
  'rate_limited',
  'budget_reserved',
  'upstream_busy',
  'upstream_quota',
  'unavailable',
  'upstream_timeout',
]);

function mayRetry({ failure, detail }: GatewayError): boolean {
  if ((detail.retryAfterSeconds ?? 0) > LONGEST_WAIT_SECONDS) return false;
  return detail.retry ?? RETRIED.has(failure);
}

function ownFault(error: unknown, facts: Facts, log: Log): GatewayError {
  log.fault('request failed by a fault of our own', error, { requestId: facts.requestId, route: facts.route });
  const message = `Something went wrong inside the gateway. Its operator finds the reason under request id ${facts.requestId}.`;
  return new GatewayError('internal', message, { retry: false });
}

function line(facts: Facts, status: number, bytesOut: number, totalMs: number, ownMs: number): RequestLine {
  const {
    caller,
    receivedAt: _,
    listsErrors: __,
    retirement: ___,
    echo: ____,
    method,
    upstreamMs,
    route,
    ...rest
  } = facts;
  const round = (ms: number): number => Math.round(ms * 10) / 10;
  return {
    ...rest,
    route: `${method} ${route}`,
    status,
    tenant: caller?.tenant.id ?? null,
    key: caller?.keyId ?? null,
    bytesOut,
    ms: { total: round(totalMs), upstream: round(upstreamMs), own: round(ownMs) },
  };
}
