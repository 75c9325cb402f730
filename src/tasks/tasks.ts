import { randomBytes } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import type { JsonObject } from '../wire/json.ts';
import type { Elsewhere } from './elsewhere.ts';
import type { AnswerStore, Row, TaskBook } from './ports.ts';
import { endOf, readRecord, rowOf } from './record.ts';
import { interrupted, noRoomForAnswers, resultGone } from './refusals.ts';
import { newLive, Roster } from './roster.ts';
import type { Live, RosterBounds } from './roster.ts';
import type { Task, TaskAnswer } from './task.ts';

export interface TasksOptions extends RosterBounds {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly keepMs: number;
  readonly answers: AnswerStore;
  readonly book: TaskBook;
  /** What other instances have; null: nobody shares with this one. */
  readonly elsewhere: Elsewhere | null;
  /** How an answer that is none is written: in the words of the dialect that has tasks. */
  readonly renderError: (error: GatewayError) => { readonly status: number; readonly body: JsonObject };
  /** Told of those that a restart ended. */
  readonly onInterrupted: (task: Task) => void;
}

export type Asked = Pick<Task, 'tenant' | 'retry' | 'requestId' | 'model' | 'pictures'>;

/** What it came to. */
export interface Outcome {
  readonly answer: TaskAnswer;
  readonly costUsd: string | null;
}

/**
 * Tasks by tenant: those in the air, and those that ended and wait to be collected. Every look-up needs the tenant, and
 * what another's has cannot be told from what nobody has.
 */
export class Tasks {
  readonly #options: TasksOptions;
  readonly #roster: Roster;
  readonly #work = new Set<Promise<void>>();
  readonly #deafen: readonly (() => void)[];

  constructor(options: TasksOptions) {
    this.#options = options;
    this.#roster = new Roster(options);
    const { elsewhere } = options;
    this.#deafen =
      elsewhere === null
        ? []
        : [elsewhere.onCancel((place) => this.#unwanted(place)), elsewhere.onLost(() => this.#tellAgain())];
  }

  /** Somebody was told so by its tenant on another instance, which does the rest for one that has ended. */
  #unwanted({ tenant, id }: Pick<Task, 'tenant' | 'id'>): void {
    const task = this.find(tenant, id);
    if (task?.status === 'in_progress') void this.cancel(task);
    else if (task !== null) this.#roster.remove(this.#roster.get(id)!);
  }

  #tellAgain(): void {
    for (const live of this.#roster.all())
      void live.accepted.promise.then((isAccepted) =>
        isAccepted && this.#roster.get(live.task.id) === live ? this.#keep(live.task) : undefined,
      );
  }

  /** Being worked on. */
  get inTheAir(): number {
    return this.#roster.running;
  }

  /** The task that a repetition of its request gets too: one that has not failed. Waits until its first caller has been told. */
  async underRetry(tenant: string, retry: string): Promise<Task | null> {
    for (let live = this.#roster.under(retry); live !== undefined; live = this.#roster.under(retry)) {
      const isAccepted = await live.accepted.promise;
      if (isAccepted && this.#isAlive(live) && ['in_progress', 'completed'].includes(live.task.status))
        return live.task;
      if (this.#roster.under(retry) === live) return null;
    }
    return (await this.#options.elsewhere?.underRetry(tenant, retry)) ?? null;
  }

  /** Throws `unavailable` where an answer could not be kept for as long as is promised: before it is paid for. */
  async admit({ tenant, pictures }: Pick<Asked, 'tenant' | 'pictures'>): Promise<void> {
    const bytes = this.#roster.toCome(tenant, pictures);
    if (!(await this.#options.answers.mayKeep(tenant, bytes))) throw noRoomForAnswers();
  }

  /** Whether one was opened here since `underRetry` was asked, which then knows of it. */
  isBegun(retry: string | null): boolean {
    return retry !== null && this.#roster.under(retry)?.task.status === 'in_progress';
  }

  /** A new one, counted from now on, and known to nobody before it is accepted. Throws `rate_limited` or `unavailable`. */
  open(asked: Asked): Task {
    const { now, keepMs } = this.#options;
    this.sweep();
    this.#roster.checkRoom(asked.tenant, asked.pictures);
    const task: Task = {
      ...asked,
      id: `task_${randomBytes(24).toString('base64url')}`,
      createdAt: now(),
      status: 'in_progress',
      done: 0,
      endedAt: null,
      expiresAt: now() + keepMs,
      statusCode: null,
      costUsd: null,
      bytes: 0,
    };
    this.#roster.add(newLive(task, true));
    return task;
  }

  /** It will not be one: its request was answered or refused at once, or its caller never heard of it. */
  discard({ id }: Task): void {
    const live = this.#roster.get(id);
    if (live === undefined) return;
    live.accepted.resolve(false);
    this.#roster.remove(live);
    this.#options.book.drop(live.task);
  }

  /** Resolves when it is known over a restart, as far as that can be. */
  async accept({ id }: Task): Promise<void> {
    const live = this.#roster.get(id);
    if (live === undefined) return;
    await this.#keep(live.task);
    live.accepted.resolve(true);
  }

  /** Aborted when it is cancelled. */
  cancelledOf({ id }: Task): AbortSignal {
    return this.#roster.get(id)?.cancelled.signal ?? AbortSignal.abort();
  }

  landed({ id }: Task): void {
    const live = this.#roster.get(id);
    if (live === undefined) return;
    live.task = { ...live.task, done: live.task.done + 1 };
    // Nobody but other instances reads that before its end.
    if (this.#options.elsewhere !== null)
      void live.accepted.promise.then((isAccepted) => (isAccepted ? this.#keep(live.task) : undefined));
  }

  /** Waits for work that goes on after its caller was answered, before the process ends. */
  track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
    for (const deafen of this.#deafen) deafen();
  }

  /** Keeps what came of it. Whether the answer is safe, to be collected; of one that was cancelled it is not kept. */
  async finish({ id }: Task, { answer, costUsd }: Outcome): Promise<boolean> {
    const live = this.#roster.get(id);
    if (live === undefined) return false;
    const endedAt = this.#options.now();
    const ended = { endedAt, expiresAt: endedAt + this.#options.keepMs, costUsd, statusCode: answer.status };
    const status = answer.status < 400 ? 'completed' : 'failed';
    let bytes: number | null = null;
    try {
      bytes = await this.#put({ ...live.task, ...ended, status }, answer, live);
    } finally {
      if (live.task.status === 'cancelled') live.task = { ...live.task, costUsd };
      else live.task = { ...live.task, ...ended, status: bytes === null ? 'failed' : status, bytes: bytes ?? 0 };
      await this.#keep(live.task);
      this.#roster.rest(live);
      live.ended.resolve();
    }
    return bytes !== null;
  }

  /** `live` may be cancelled before, or meanwhile. */
  async #put(ended: Task, { status, headers, body }: TaskAnswer, live: Live): Promise<number | null> {
    const { answers } = this.#options;
    if (live.task.status === 'cancelled') return null;
    const about = { task: JSON.stringify(ended), status, headers: { ...headers } };
    const bytes = await answers.put(ended, { about, body, model: ended.model, expiresAt: ended.expiresAt });
    if (bytes === null || live.task.status === 'in_progress') return bytes;
    await answers.delete(ended);
    return null;
  }

  find(tenant: string, id: string): Task | null {
    const live = this.#roster.get(id);
    return live !== undefined && live.task.tenant === tenant && this.#isAlive(live) ? live.task : null;
  }

  /** Whichever instance has it. */
  async locate(tenant: string, id: string): Promise<Task | null> {
    return this.find(tenant, id) ?? (await this.#options.elsewhere?.find({ tenant, id })) ?? null;
  }

  /** Resolves when it has ended, when so much time is over, or when `until` is aborted. */
  async wait(task: Task, ms: number, until: AbortSignal): Promise<void> {
    const live = this.#roster.get(task.id);
    if (live === undefined) return this.#options.elsewhere?.wait(task, ms, until);
    if (until.aborted || live.task.status !== 'in_progress') return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms).unref();
    const giveUp = (): void => resolve();
    until.addEventListener('abort', giveUp, { once: true });
    await Promise.race([live.ended.promise, promise]);
    clearTimeout(timer);
    // A signal made of several lives for as long as somebody listens to it.
    until.removeEventListener('abort', giveUp);
  }

  /** What came of one that has ended. */
  async answerOf(task: Task): Promise<TaskAnswer | null> {
    if (task.status === 'in_progress' || task.status === 'cancelled') return null;
    const kept = await this.#options.answers.get(task);
    if (kept !== null) {
      const { status, headers } = kept.about;
      return { status: Number(status), headers: headers as unknown as TaskAnswer['headers'], body: kept.body };
    }
    const error = task.statusCode === null ? interrupted() : resultGone();
    return { ...this.#options.renderError(error), headers: {} };
  }

  /** Of one in the air nobody waits any more; one that has ended is forgotten, its answer with it. */
  async cancel(task: Task): Promise<Task | null> {
    const live = this.#roster.get(task.id);
    if (live === undefined) return (await this.#options.elsewhere?.cancel(task)) ?? null;
    if (live.task.status !== 'in_progress') {
      this.#roster.remove(live);
      this.#options.book.drop(live.task);
      await this.#options.answers.delete(live.task);
      return null;
    }
    const endedAt = this.#options.now();
    live.task = { ...live.task, status: 'cancelled', endedAt, expiresAt: endedAt + this.#options.keepMs };
    live.cancelled.abort();
    live.ended.resolve();
    await this.#keep(live.task);
    return live.task;
  }

  /** Those of an earlier run. What was in the air when it ended was kept by its answer, or was interrupted. */
  async restore(rows: readonly Pick<Row, 'record'>[]): Promise<void> {
    for (const { record } of rows) {
      const task = readRecord(record);
      if (task === null) continue;
      if (task.status !== 'in_progress') {
        this.#roster.add(newLive(task, false));
        continue;
      }
      const { answers, now, keepMs } = this.#options;
      const end = await endOf(task, { answers, endedAt: now(), keepMs });
      this.#roster.add(newLive(end.task, false));
      await this.#keep(end.task);
      if (end.isInterrupted) this.#options.onInterrupted(end.task);
    }
  }

  /** Leaves nothing of a tenant's. */
  forget(tenant: string): void {
    for (const live of this.#roster.of(tenant)) {
      live.cancelled.abort();
      this.discard(live.task);
    }
  }

  /** Forgets what has expired. It is also done before a new one is opened. */
  sweep(): void {
    for (const live of this.#roster.all()) if (!this.#isAlive(live) && !live.running) this.#roster.remove(live);
  }

  #isAlive({ task, running }: Live): boolean {
    return running || task.expiresAt > this.#options.now();
  }

  async #keep(task: Task): Promise<void> {
    await this.#options.book.keep(rowOf(task));
  }
}
