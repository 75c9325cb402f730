import { describeTask } from '../tasks/task.ts';
import type { Task, TaskAnswer } from '../tasks/task.ts';
import { splice } from '../wire/json.ts';
import { commonHeaders } from './exchange.ts';
import type { Facts } from './exchange.ts';
import type { Reply } from './reply.ts';

/** Between two polls of one who does not wait. */
const POLL_SECONDS = 2;

/** A task as its tenant sees it, with the headers its answer would have had. */
export function taskReply(task: Task, answer: TaskAnswer | null, facts: Facts, now: number): Reply {
  return {
    status: 200,
    headers: {
      ...commonHeaders(facts.requestId),
      'content-type': 'application/json; charset=utf-8',
      ...(task.status === 'in_progress' && { 'retry-after': String(POLL_SECONDS) }),
      ...answer?.headers,
    },
    ...splice(describeTask(task, answer, now)),
  };
}
