import type { AnswerStore, Row } from './ports.ts';
import type { Task } from './task.ts';

/** What is kept of a task over a restart, and for other instances. */
export function rowOf(task: Task): Row {
  const { id, tenant, retry, expiresAt } = task;
  return { id, tenant, retry, record: JSON.stringify(task), endsAt: expiresAt };
}

export function readRecord(record: unknown): Task | null {
  if (typeof record !== 'string') return null;
  try {
    const task = JSON.parse(record) as Partial<Task> | null;
    return typeof task?.id === 'string' && typeof task.tenant === 'string' && typeof task.status === 'string'
      ? (task as Task)
      : null;
  } catch {
    // Another version's.
    return null;
  }
}

/** How a task ended whose instance died: as its answer says, which is kept before its row is; else it was interrupted. */
export async function endOf(
  task: Task,
  { answers, endedAt, keepMs }: { readonly answers: AnswerStore; readonly endedAt: number; readonly keepMs: number },
): Promise<{ readonly task: Task; readonly isInterrupted: boolean }> {
  const kept = readRecord((await answers.get(task))?.about['task']);
  if (kept !== null) return { task: kept, isInterrupted: false };
  return { task: { ...task, status: 'failed', endedAt, expiresAt: endedAt + keepMs }, isInterrupted: true };
}
