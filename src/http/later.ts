import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Directives } from '../cache/policy.ts';
import { GatewayError } from '../errors.ts';
import { servePlanned } from '../gateway.ts';
import type { Incoming, Served } from '../gateway.ts';
import { planRequest } from '../gateway/plan.ts';
import type { Planned } from '../gateway/plan.ts';
import type { Task, TaskAnswer } from '../tasks/task.ts';
import { errorAnswer, newFacts } from './exchange.ts';
import type { Answer, Answered, Facts } from './exchange.ts';
import type { Preferences } from './prefer.ts';
import type { RouteParts } from './routes.ts';
import type { Reply } from './reply.ts';
import { pictureAnswer } from './served.ts';
import { taskReply } from './task-reply.ts';

// Prefer: respond-async (RFC 7240 4.1): who asks does not wait for its pictures, and collects them when they are there.

/** Refuses before anything is read or paid for what could not be kept for its caller. */
export function checkLater(directives: Directives, bare: boolean): void {
  const refused = (message: string, param: string): GatewayError =>
    new GatewayError('invalid_request', message, { param, code: 'unsupported_value' });
  if (directives.noStore)
    throw refused(
      'Prefer: respond-async keeps the answer until it is collected, and Cache-Control: no-store forbids that. Leave one of them out.',
      'Prefer',
    );
  if (bare)
    throw refused(
      "A task's answer is JSON: with Prefer: respond-async, ask for a format by output_format and not by Accept.",
      'Accept',
    );
}

/**
 * Serves a request whose caller would rather not wait: the answer where it is there at once or within the wait preferred,
 * else a 202 and its task. Whatever is refused before the money is held is refused here and now.
 */
export async function serveLater(
  parts: RouteParts,
  incoming: Incoming,
  facts: Facts,
  { waitSeconds }: Preferences,
): Promise<Served | Answered> {
  const { gateway, tasks } = parts;
  const { caller, idempotencyKey } = incoming;
  const planned = await planRequest(gateway, incoming, 'claim');
  if (planned.request.delivery.stream !== null)
    throw new GatewayError(
      'invalid_request',
      'stream tells the answer as it comes, and Prefer: respond-async keeps it for later. Leave one of them out.',
      { param: 'stream', code: 'unsupported_value' },
    );
  const retry = idempotencyKey === null ? null : hash('sha256', JSON.stringify([caller.tenant.id, idempotencyKey]));
  const underRetry = async (): Promise<Task | null> =>
    retry === null ? null : await tasks.underRetry(caller.tenant.id, retry);
  let same = await underRetry();
  if (same === null && planned.pictures.every(({ hit }) => hit !== null))
    return servePlanned(gateway, incoming, planned);

  const { model, request } = planned;
  const { tenant } = caller;
  if (same === null) await tasks.admit({ tenant: tenant.id, pictures: request.count });
  // Another under the same key may have been begun in the meantime; between this look and the opening there is no time.
  while (same === null && tasks.isBegun(retry)) same = await underRetry();
  if (same !== null) return { reply: accepted(parts, incoming, same, facts) };
  const { requestId } = facts;
  const task = tasks.open({ tenant: tenant.id, retry, requestId, model: model.id, pictures: request.count });
  const own: Facts = { ...newFacts(facts.requestId, facts.route, facts.method, facts.receivedAt), caller };
  own.modelRouted = model.id;
  const gone = new AbortController();
  const hangUp = (): void => gone.abort();
  incoming.gone.addEventListener('abort', hangUp, { once: true });
  const boarded = Promise.withResolvers<void>();
  const watch = {
    boarded: boarded.resolve,
    landed: () => tasks.landed(task),
    cancelled: tasks.cancelledOf(task),
  };
  // It may be planned anew when a flight has failed.
  const letGoOfBody = incoming.retainBody();
  const asked = { ...incoming, trace: own, gone: gone.signal, watch };
  const work = servePlanned(gateway, asked, planned).finally(letGoOfBody);
  try {
    if (incoming.gone.aborted) hangUp();
    if (await isDoneFirst(work, boarded.promise, waitMs(parts, waitSeconds, planned, incoming), incoming.gone)) {
      tasks.discard(task);
      return await work;
    }
    await tasks.accept(task);
  } catch (error) {
    tasks.discard(task);
    gone.abort();
    throw error;
  } finally {
    Object.assign(facts, { modelRouted: model.id, upstream: own.upstream, upstreamMs: own.upstreamMs });
  }
  const handedOver = Promise.withResolvers<boolean>();
  tasks.track(conclude(parts, incoming, task, own, work, handedOver.promise));
  return {
    reply: accepted(parts, incoming, task, facts),
    delivered(ok) {
      // Nobody knows of it: it is as if the caller had hung up while it waited.
      if (!ok) {
        tasks.discard(task);
        gone.abort();
      }
      handedOver.resolve(ok);
    },
  };
}

/** What its caller is told: where to ask, and how far it is. */
function accepted({ tasks, gateway }: RouteParts, { dialect }: Incoming, task: Task, facts: Facts): Reply {
  const now = tasks.find(task.tenant, task.id) ?? task;
  const { headers, ...reply } = taskReply(now, null, facts, gateway.now());
  const location = `${dialect.tasks[0]}/${task.id}`;
  return { ...reply, status: 202, headers: { ...headers, location, 'preference-applied': 'respond-async' } };
}

/** Whether it has come to its end before its caller would rather have a task: that is so much after it is on its way. */
async function isDoneFirst(
  work: Promise<unknown>,
  boarded: Promise<void>,
  waitMs: number,
  gone: AbortSignal,
): Promise<boolean> {
  const done = work.then(
    () => true,
    () => true,
  );
  if (await Promise.race([done, boarded.then(() => false)])) return true;
  const over = new AbortController();
  const late = sleep(waitMs, false, { signal: AbortSignal.any([over.signal, gone]) }).catch(() => false);
  const isDone = await Promise.race([done, late]);
  over.abort();
  return isDone;
}

/** To the end of a task, which is when its answer is kept and not when it is there. */
async function conclude(
  { gateway: { log, metrics, now }, tasks }: RouteParts,
  { dialect, call, caller }: Incoming,
  task: Task,
  facts: Facts,
  work: Promise<Served>,
  handedOver: Promise<boolean>,
): Promise<void> {
  let delivered: Served['delivered'] = () => undefined;
  let answer: Answer;
  try {
    const served = await work;
    delivered = served.delivered;
    answer = pictureAnswer(served, dialect, call, facts);
  } catch (error) {
    answer = errorAnswer(error, dialect, facts, log);
  }
  if (!(await handedOver)) return delivered(false);
  let isKept = false;
  try {
    isKept = await tasks.finish(task, { answer: collectable(answer), costUsd: facts.costUsd });
  } catch (error) {
    log.fault('tasks: an answer could not be kept', error, { requestId: facts.requestId });
  }
  // A picture that is not kept waits two minutes for whoever sends the same request again.
  delivered(isKept && answer.status < 400);

  const isCancelled = tasks.find(task.tenant, task.id)?.status === 'cancelled';
  const outcome = isCancelled ? 'cancelled' : facts.outcome;
  metrics.taskEnded(outcome);
  log.task({
    requestId: facts.requestId,
    outcome,
    tenant: task.tenant,
    key: caller.keyId,
    modelRouted: facts.modelRouted,
    upstream: facts.upstream,
    pictures: facts.pictures,
    cache: facts.cache,
    costUsd: facts.costUsd,
    code: !isKept && !isCancelled && answer.status < 400 ? 'result_not_kept' : facts.code,
    ms: { total: now() - facts.receivedAt, upstream: Math.round(facts.upstreamMs) },
  });
}

/** Of the headers those that speak of the pictures; the rest speak of one exchange. */
function collectable({ status, headers, body }: Answer): TaskAnswer {
  const about = Object.entries(headers).filter(([name]) => /^(x-plantain-|cache-status$|server-timing$)/.test(name));
  return { status, headers: Object.fromEntries(about), body };
}

function waitMs(
  { gateway }: RouteParts,
  seconds: number | null,
  { target, shape }: Planned,
  { patience }: Incoming,
): number {
  if (seconds === null) return 0;
  const mostMs = Math.max(0, Math.min(patience.until - performance.now(), 2 ** 31 - 1));
  return Math.min(seconds * 1000, gateway.answerWithinMs(target.upstream, shape.tier), mostMs);
}
