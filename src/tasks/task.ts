import type { JsonObject } from '../wire/json.ts';

/** `cancelled` is the caller's own doing; what failed by itself, a restart included, is `failed`. */
export type TaskStatus = 'in_progress' | 'completed' | 'failed' | 'cancelled';

/** What was asked for with `Prefer: respond-async`, and how far it has come. It holds no prompt. */
export interface Task {
  /** Unguessable; and yet of use to nobody but its tenant. */
  readonly id: string;
  readonly tenant: string;
  /** Digest of the Idempotency-Key it was asked under; null without one. */
  readonly retry: string | null;
  /** Of the request that began it. */
  readonly requestId: string;
  readonly model: string;
  readonly pictures: number;
  /** Unix milliseconds, as all times here. */
  readonly createdAt: number;
  readonly status: TaskStatus;
  /** Pictures that are there. */
  readonly done: number;
  readonly endedAt: number | null;
  /** When it is forgotten, its answer with it. One in the air is not forgotten. */
  readonly expiresAt: number;
  /** The HTTP status the answer would have had; null while there is none. */
  readonly statusCode: number | null;
  /** Dollars, as decimal digits; null while they are not known. */
  readonly costUsd: string | null;
  /** Bytes its answer counts for. */
  readonly bytes: number;
}

/** The answer the request would have got, had its caller waited. */
export interface TaskAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

/** As its tenant sees it. `answer`: of one that has ended; null where there is none. Times are Unix seconds. */
export function describeTask(task: Task, answer: TaskAnswer | null, now: number): JsonObject {
  const { id, status, model, pictures, done, requestId, createdAt, endedAt, expiresAt, statusCode, costUsd } = task;
  // What was drawn may have had to make room for others before it was collected.
  const isGone = status === 'completed' && answer !== null && answer.status >= 400;
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  return {
    id,
    object: 'image.task',
    status: isGone ? 'failed' : status,
    model,
    request_id: requestId,
    created_at: seconds(createdAt),
    completed_at: endedAt === null ? null : seconds(endedAt),
    expires_at: seconds(expiresAt),
    progress: { pictures, pictures_done: done, elapsed_seconds: seconds(Math.max(0, (endedAt ?? now) - createdAt)) },
    status_code: answer?.status ?? statusCode,
    cost: costUsd === null ? null : Number(costUsd),
    error: answer === null ? null : (answer.body['error'] ?? null),
    response: answer === null || status !== 'completed' || isGone ? null : answer.body,
  };
}
