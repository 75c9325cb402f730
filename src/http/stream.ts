import { setTimeout as sleep } from 'node:timers/promises';
import type { Events } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import { servePlanned } from '../gateway.ts';
import type { Incoming, Patience, Served } from '../gateway.ts';
import type { Planned } from '../gateway/plan.ts';
import type { Picture } from '../image/answer.ts';
import { FRAMINGS } from '../wire/framing.ts';
import { Drafts } from './drafts.ts';
import { countDenied, noteFailure } from './exchange.ts';
import type { Answered, Facts } from './exchange.ts';
import { Outbox } from './outbox.ts';
import type { RouteParts } from './routes.ts';
import { earlyHeaders, headersOf } from './served.ts';

/** In milliseconds. */
export interface StreamPace {
  /** How long an answer may still become an ordinary one, of whatever status, while nothing is told. */
  readonly patienceMs: number;
  /** After how long a silence something is sent that says nothing. */
  readonly silenceMs: number;
}

const USUAL_PACE: StreamPace = { patienceMs: 10_000, silenceMs: 15_000 };

/** Told in trailers where the 200 goes out before they are known. */
const LATE = ['cache-status', 'age', 'server-timing', 'x-plantain-cost-usd', 'x-plantain-size', 'x-plantain-warning'];

/** Told there too where another model than the one asked for may answer. */
const LATE_WHO = ['x-plantain-model', 'x-plantain-upstream'];

type End = Answer | { readonly error: unknown };

interface Answer {
  readonly served: Served;
  readonly headers: Readonly<Record<string, string>>;
  /** Of drafts that were not told on the way. */
  readonly untold: readonly Picture[];
}

/**
 * Tells an answer as it comes. The 200 goes out with the first draft, with the answer, or when nothing came for a while;
 * what fails before is an ordinary failure. The picture itself is told when it is checked and settled, as always.
 */
export async function serveStream(
  parts: RouteParts,
  incoming: Incoming,
  planned: Planned,
  facts: Facts,
  events: Events,
): Promise<Answered> {
  const { dialect, call, patience } = incoming;
  const { patienceMs, silenceMs } = paceFor(patience, parts.pace ?? USUAL_PACE);
  const outbox = new Outbox(FRAMINGS[events.framing ?? 'lf']);
  const begun = Promise.withResolvers<void>();
  let hasBegun = false;
  const begin = (): void => {
    if (hasBegun) return;
    hasBegun = true;
    outbox.push(events.begin());
    begun.resolve();
  };
  const drafts = new Drafts(parts.gateway, planned, incoming.caller, events, (make) => {
    begin();
    outbox.push(make());
  });
  const letGoOfBody = incoming.retainBody();
  const work = endOf(parts, { ...incoming, follow: drafts.hear }, planned, facts, drafts).finally(letGoOfBody);

  const first = await earliest(work, begun.promise, patienceMs);
  if (first !== null && 'error' in first && !hasBegun) {
    const { error } = first;
    // Where a failure is an answer, such as a refusal, it is told like one.
    if (!(error instanceof GatewayError) || dialect.renderError(error, call).status >= 400) throw error;
  }
  begin();

  const announced = planned.instead === null ? LATE : [...LATE, ...LATE_WHO];
  let late: Readonly<Record<string, string>> = {};
  const tellEnd = async (): Promise<void> => {
    try {
      const end = toldTo(outbox, events, await work);
      if ('error' in end) {
        outbox.push(events.fail(noteFailure(end.error, facts, parts.gateway.log)));
        countDenied(facts, parts.gateway.metrics);
      }
      late = lateHeaders(end, facts, announced);
    } catch (error) {
      parts.gateway.log.fault('stream: its end could not be told', error);
    } finally {
      outbox.end();
    }
  };
  const telling = tellEnd();
  // Where all of it is there, nobody is told that it is still being drawn.
  if (first !== null) await telling;
  const isKnown = first !== null && 'served' in first;
  const early = isKnown ? first.headers : { ...earlyHeaders(planned, facts), trailer: announced.join(', ') };
  return {
    reply: {
      status: 200,
      headers: {
        ...early,
        'content-type': FRAMINGS[events.framing ?? 'lf'].contentType,
        'cache-control': 'private, no-store, no-transform',
        // nginx gathers what comes until it is asked not to.
        'x-accel-buffering': 'no',
      },
      pieces: outbox.pieces(silenceMs),
      trailers: () => late,
      readyAt: () => outbox.endedAt,
    },
    // The work may outlast a reply that could not be sent.
    delivered: (ok) => void deliver(work, ok),
  };
}

/** A client that gives up sooner hears of it sooner: that its answer has begun, and then that it still comes. */
function paceFor({ ms, until }: Patience, { patienceMs, silenceMs }: StreamPace): StreamPace {
  return {
    patienceMs: Math.min(patienceMs, Math.max(0, until - performance.now())),
    silenceMs: Math.min(silenceMs, Math.max(LEAST_SILENCE_MS, ms / 2)),
  };
}

const LEAST_SILENCE_MS = 250;

/** The end of the work, or null when something was told before it, or nothing for so long. */
async function earliest(work: Promise<End>, begun: Promise<void>, patienceMs: number): Promise<End | null> {
  const over = new AbortController();
  const patience = sleep(patienceMs, null, { signal: over.signal }).catch(() => null);
  const first = await Promise.race([work, begun, patience]);
  over.abort();
  return first ?? null;
}

async function deliver(work: Promise<End>, ok: boolean): Promise<void> {
  const end = await work;
  if ('served' in end) end.served.delivered(ok);
}

/** To the end of the work, when all drafts have been told. Never rejects. */
async function endOf(
  { gateway }: RouteParts,
  incoming: Incoming,
  planned: Planned,
  facts: Facts,
  drafts: Drafts,
): Promise<End> {
  let served: Served;
  try {
    served = await servePlanned(gateway, incoming, planned);
  } catch (error) {
    await drafts.told();
    return { error };
  }
  try {
    await drafts.told();
    const { headers } = headersOf(served, facts);
    return { served, headers, untold: await drafts.untold(served) };
  } catch (error) {
    // Drawn and paid for: whoever asks again collects it.
    served.delivered(false);
    return { error };
  }
}

/** The end as it is told: one that cannot be rendered is a fault. */
function toldTo(outbox: Outbox, events: Events, end: End): End {
  if ('error' in end) return end;
  try {
    outbox.push([
      ...end.untold.flatMap((draft) => events.draft(draft)),
      ...events.finish(end.served.pictures, end.served.costNanos),
    ]);
    return end;
  } catch (error) {
    end.served.delivered(false);
    return { error };
  }
}

/** What could not be told in headers. */
function lateHeaders(end: End, { costUsd }: Facts, announced: readonly string[]): Record<string, string> {
  if ('error' in end) return costUsd === null ? {} : { 'x-plantain-cost-usd': costUsd };
  return Object.fromEntries(Object.entries(end.headers).filter(([name]) => announced.includes(name)));
}
