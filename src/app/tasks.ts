import type { Config } from '../config.ts';
import { renderError } from '../dialects/openai-errors.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { Elsewhere } from '../tasks/elsewhere.ts';
import type { Task } from '../tasks/task.ts';
import { Tasks } from '../tasks/tasks.ts';
import type { CacheParts } from './cache.ts';

export interface TaskOptions {
  readonly config: Config['tasks'];
  readonly cache: Pick<CacheParts, 'answers' | 'taskBook' | 'sharedTasks'>;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

const SWEEP_EVERY_MS = 60_000;

/** Tasks, with those of an earlier run. `close` waits for what is still to be kept. */
export async function openTasks({
  config,
  cache,
  now,
  log,
  metrics,
}: TaskOptions): Promise<{ readonly tasks: Tasks; close(): Promise<void> }> {
  const { keepSeconds, ...bounds } = config;
  const kept = { now, keepMs: keepSeconds * 1000, answers: cache.answers };
  const onInterrupted = ({ requestId, tenant, model, createdAt }: Task): void => {
    metrics.taskEnded('interrupted');
    log.task({
      requestId,
      outcome: 'interrupted',
      tenant,
      key: null,
      modelRouted: model,
      upstream: null,
      pictures: 0,
      cache: null,
      costUsd: null,
      code: 'interrupted',
      ms: { total: now() - createdAt, upstream: 0 },
    });
  };
  const shared = cache.sharedTasks;
  const tasks = new Tasks({
    ...bounds,
    ...kept,
    book: cache.taskBook,
    elsewhere: shared === null ? null : new Elsewhere({ ...kept, book: shared, onInterrupted }),
    renderError,
    onInterrupted,
  });
  await tasks.restore(await cache.taskBook.rows());
  const timer = setInterval(() => tasks.sweep(), SWEEP_EVERY_MS).unref();
  return {
    tasks,
    async close() {
      clearInterval(timer);
      await tasks.idle();
    },
  };
}
