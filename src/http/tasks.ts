import type { FastifyInstance } from 'fastify';
import type { Dialect } from '../dialects/dialect.ts';
import { unknownTask } from '../tasks/refusals.ts';
import type { Task } from '../tasks/task.ts';
import { readPatience } from './patience.ts';
import { readPrefer } from './prefer.ts';
import { identify, json } from './routes.ts';
import type { Mount, Request, RouteParts } from './routes.ts';
import type { HandlerOver } from './server.ts';
import { taskReply } from './task-reply.ts';

/** A poll is held open no longer than proxies bear: https://www.rfc-editor.org/rfc/rfc7240#section-4.3 */
const LONGEST_WAIT_SECONDS = 60;
/** `GET` and `DELETE` of a task, for every key of the tenant that began it. */
export function registerTasks(app: FastifyInstance, dialects: readonly Dialect[], mount: Mount): void {
  for (const dialect of dialects)
    for (const base of dialect.tasks) {
      const route = `${base}/{id}`;
      const look: HandlerOver = (parts) => async (request, facts, source) => {
        const patience = readPatience(request.headers, performance.now());
        const caller = await identify(parts, request, facts, dialect);
        const task = await known(parts, caller.tenant.id, request);
        const { waitSeconds } = readPrefer(request.headers['prefer']);
        const seconds = Math.min(waitSeconds ?? 0, LONGEST_WAIT_SECONDS);
        if (seconds > 0) {
          const startedAt = performance.now();
          await parts.tasks.wait(
            task,
            Math.min(seconds * 1000, patience.ms),
            AbortSignal.any([source.gone, parts.closing]),
          );
          facts.upstreamMs = performance.now() - startedAt;
        }
        const now = await known(parts, caller.tenant.id, request);
        const reply = taskReply(now, await parts.tasks.answerOf(now), facts, parts.gateway.now());
        const headers = { ...reply.headers, ...(waitSeconds !== null && { 'preference-applied': `wait=${seconds}` }) };
        return { reply: { ...reply, headers } };
      };
      const end: HandlerOver = (parts) => async (request, facts) => {
        const caller = await identify(parts, request, facts, dialect);
        const task = await known(parts, caller.tenant.id, request);
        const cancelled = await parts.tasks.cancel(task);
        if (cancelled === null) return json({ id: task.id, object: 'image.task.deleted', deleted: true }, facts);
        return { reply: taskReply(cancelled, null, facts, parts.gateway.now()) };
      };
      app.get(`${base}/:id`, mount(route, dialect, look));
      app.delete(`${base}/:id`, mount(route, dialect, end));
    }
}

async function known({ tasks }: RouteParts, tenant: string, request: Request): Promise<Task> {
  const task = await tasks.locate(tenant, (request.params as { readonly id: string }).id);
  if (task === null) throw unknownTask();
  return task;
}
