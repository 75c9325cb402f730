import { tooManyInAll, tooManyKept, tooManyOfTenant } from './refusals.ts';
import type { Task } from './task.ts';

/** A task and who waits for what of it. */
export interface Live {
  task: Task;
  readonly cancelled: AbortController;
  /** Whether its caller has been told of it: a refusal is told instead of a task. */
  readonly accepted: PromiseWithResolvers<boolean>;
  readonly ended: PromiseWithResolvers<void>;
  /** Still being worked on, be it for nobody. */
  running: boolean;
}

export interface RosterBounds {
  /** The most in the air, in all and of one tenant. */
  readonly inTheAir: number;
  readonly inTheAirPerTenant: number;
  /** The most bytes of answers kept for one tenant, with those that its tasks in the air will bring. */
  readonly bytesPerTenant: number;
}

interface Share {
  readonly tasks: Set<Live>;
  running: number;
}

/** What an answer is taken to weigh for each picture before it is there. */
const USUAL_BYTES = 4 << 20;
/** Of one tenant: some MB of memory. */
const MOST_KEPT = 10_000;

export function newLive(task: Task, running: boolean): Live {
  const accepted = Promise.withResolvers<boolean>();
  const ended = Promise.withResolvers<void>();
  if (task.status !== 'in_progress') {
    accepted.resolve(true);
    ended.resolve();
  }
  return { task, cancelled: new AbortController(), accepted, ended, running };
}

/** Which tasks there are: by id, by Idempotency-Key, and how many of each tenant's. */
export class Roster {
  readonly #bounds: RosterBounds;
  readonly #shares = new Map<string, Share>();
  readonly #byId = new Map<string, Live>();
  /** The newest under each. */
  readonly #byRetry = new Map<string, Live>();
  #running = 0;

  constructor(bounds: RosterBounds) {
    this.#bounds = bounds;
  }

  get running(): number {
    return this.#running;
  }

  get(id: string): Live | undefined {
    return this.#byId.get(id);
  }

  under(retry: string): Live | undefined {
    return this.#byRetry.get(retry);
  }

  of(tenant: string): readonly Live[] {
    return [...(this.#shares.get(tenant)?.tasks ?? [])];
  }

  all(): Iterable<Live> {
    return this.#byId.values();
  }

  /** Throws `rate_limited` or `unavailable` where there is no room for one more of so many pictures. */
  checkRoom(tenant: string, pictures: number): void {
    const { inTheAir, inTheAirPerTenant, bytesPerTenant } = this.#bounds;
    const share = this.#shares.get(tenant);
    if (this.#running >= inTheAir) throw tooManyInAll(inTheAir);
    if (share === undefined) return;
    if (share.running >= inTheAirPerTenant) throw tooManyOfTenant(inTheAirPerTenant);
    const weigh = ({ running, task }: Live): number => (running ? task.pictures * USUAL_BYTES : task.bytes);
    const bytes = share.tasks.values().reduce((sum, live) => sum + weigh(live), 0);
    // One always fits: what it weighs is only known when it is there.
    const fits = bytes === 0 || bytes + pictures * USUAL_BYTES <= bytesPerTenant;
    if (share.tasks.size >= MOST_KEPT || !fits) throw tooManyKept(bytesPerTenant);
  }

  /** Bytes that a tenant's tasks in the air are taken to bring, with one more of so many pictures. */
  toCome(tenant: string, pictures: number): number {
    const tasks = this.#shares.get(tenant)?.tasks.values() ?? [].values();
    return USUAL_BYTES * tasks.reduce((sum, { running, task }) => sum + (running ? task.pictures : 0), pictures);
  }

  add(live: Live): void {
    const { id, tenant, retry } = live.task;
    const share = this.#shares.get(tenant) ?? { tasks: new Set(), running: 0 };
    this.#shares.set(tenant, share);
    share.tasks.add(live);
    this.#byId.set(id, live);
    if (retry !== null) this.#byRetry.set(retry, live);
    if (!live.running) return;
    share.running += 1;
    this.#running += 1;
  }

  /** Nothing is done for it any more. */
  rest(live: Live): void {
    if (!live.running) return;
    live.running = false;
    this.#running -= 1;
    const share = this.#shares.get(live.task.tenant);
    if (share !== undefined) share.running -= 1;
  }

  remove(live: Live): void {
    this.rest(live);
    const { id, tenant, retry } = live.task;
    this.#byId.delete(id);
    if (retry !== null && this.#byRetry.get(retry) === live) this.#byRetry.delete(retry);
    const share = this.#shares.get(tenant);
    share?.tasks.delete(live);
    if (share?.tasks.size === 0) this.#shares.delete(tenant);
  }
}
