import { setTimeout as sleep } from 'node:timers/promises';
import type { AnswerStore, Place, SharedTaskBook, TaskBook } from './ports.ts';
import { endOf, readRecord, rowOf } from './record.ts';
import { tasksUnknown } from './refusals.ts';
import type { Task } from './task.ts';

export interface ElsewhereOptions {
  readonly book: TaskBook & SharedTaskBook;
  readonly answers: AnswerStore;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly keepMs: number;
  readonly onInterrupted: (task: Task) => void;
}

/** Between two looks at what another instance does. */
const LOOK_EVERY_MS = 500;
/** As long as one who cancels waits to hear that it was. */
const CANCEL_MS = 3_000;

/** Tasks that another instance has, or had: known by what it keeps of them where all can read it. */
export class Elsewhere {
  readonly #options: ElsewhereOptions;

  constructor(options: ElsewhereOptions) {
    this.#options = options;
  }

  /** One whose instance has died ends here. Throws `unavailable` where nobody can say now whether there is one. */
  async find(place: Place): Promise<Task | null> {
    const task = await this.#look(place);
    if (task === 'unknown') throw tasksUnknown();
    return task;
  }

  async #look(place: Place): Promise<Task | 'unknown' | null> {
    const { book, answers, now, keepMs, onInterrupted } = this.#options;
    const found = await book.find(place);
    if (found === 'unknown') return found;
    const task = found === null ? null : readRecord(found.record);
    if (task === null || task.tenant !== place.tenant || task.expiresAt <= now()) return null;
    if (task.status !== 'in_progress' || found?.isOrphaned !== true) return task;
    const end = await endOf(task, { answers, endedAt: now(), keepMs });
    await book.keep(rowOf(end.task));
    if (end.isInterrupted) onInterrupted(end.task);
    return end.task;
  }

  /** As `Tasks.underRetry`. */
  async underRetry(tenant: string, retry: string): Promise<Task | null> {
    const id = await this.#options.book.under(tenant, retry);
    const task = id === null ? null : await this.#look({ tenant, id });
    if (task === null || task === 'unknown') return null;
    return ['in_progress', 'completed'].includes(task.status) ? task : null;
  }

  async wait(task: Task, ms: number, until: AbortSignal): Promise<void> {
    const endsAt = performance.now() + ms;
    const goesOn = (now: Task | 'unknown' | null): boolean => now === 'unknown' || now?.status === 'in_progress';
    for (let now: Task | 'unknown' | null = task; goesOn(now); now = await this.#look(task)) {
      const left = endsAt - performance.now();
      if (left <= 0 || until.aborted) return;
      await sleep(Math.min(LOOK_EVERY_MS, left), undefined, { signal: until }).catch(() => undefined);
    }
  }

  /** As `Tasks.cancel`: what it is now; null: it is forgotten. */
  async cancel(task: Task): Promise<Task | null> {
    const { book, answers } = this.#options;
    book.cancel(task);
    if (task.status !== 'in_progress') {
      book.drop(task);
      await answers.delete(task);
      return null;
    }
    await this.wait(task, CANCEL_MS, new AbortController().signal);
    return (await this.find(task)) ?? task;
  }

  onCancel(hear: (place: Place) => void): () => void {
    return this.#options.book.onCancel(hear);
  }

  onLost(hear: () => void): () => void {
    return this.#options.book.onLost(hear);
  }
}
