import { GatewayError } from '../errors.ts';

/** Who wants to have something drawn. */
export interface Entrant {
  readonly model: string;
  readonly tenant: string;
  /** Nobody waits for it: it makes way for those somebody waits for. */
  readonly isPatient: boolean;
}

export type QueueEvent = 'queued' | 'entered' | 'full' | 'late' | 'made_way' | 'left';

export interface BulkheadOptions {
  /** The most calls in the air at one time, of all models together. */
  readonly inTheAir: number;
  /** Those of one model; null: as many as of all. */
  readonly inTheAirOf: (model: string) => number | null;
  /** How many may wait, and how long each. */
  readonly queue: { readonly length: number; readonly waitMs: number };
  readonly onEvent: (event: QueueEvent, model: string) => void;
}

interface Waiting extends Entrant {
  readonly admit: () => void;
  readonly refuse: (error: GatewayError) => void;
}

/**
 * How many calls are in the air at one time, of each model and of all together, and a short line before them. Whoever's
 * tenant has the fewest in the air is let in first, so that one of them cannot fill the line for all; what nobody waits for
 * comes after what somebody does. Where the line is full, the tenant with the most in it gives up its newest, if need be.
 */
export class Bulkhead {
  readonly #options: BulkheadOptions;
  /** In the order they came. */
  readonly #line = new Set<Waiting>();
  readonly #ofModel = new Map<string, number>();
  readonly #ofTenant = new Map<string, number>();
  /** When one of a tenant's was let in last: of those that have as many in the air, who had its turn longest ago is next. */
  readonly #lastTurns = new Map<string, number>();
  #turn = 0;
  #inTheAir = 0;

  constructor(options: BulkheadOptions) {
    this.#options = options;
  }

  get inTheAir(): number {
    return this.#inTheAir;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** Throws `upstream_busy` where there would be no place in the line now: before anything is set aside for it. */
  check(entrant: Entrant): void {
    if (this.#fits(entrant) || this.#line.size < this.#options.queue.length) return;
    if (this.#leastWelcome(entrant) === entrant) throw this.#refusal('full', entrant);
  }

  /**
   * Resolves, when it may be sent, with what is to be called once it is over. Rejects with `upstream_busy` where it would take
   * too long, and with the signal's reason when that is aborted first.
   */
  async enter(entrant: Entrant, givenUp: AbortSignal): Promise<() => void> {
    givenUp.throwIfAborted();
    // Whoever is in the line does not fit, or would be in: nobody is overtaken.
    if (this.#fits(entrant)) this.#count(entrant, 1);
    else await this.#standInLine(entrant, givenUp);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#count(entrant, -1);
      this.#advance();
    };
  }

  async #standInLine(entrant: Entrant, givenUp: AbortSignal): Promise<void> {
    const { queue, onEvent } = this.#options;
    if (this.#line.size >= queue.length) this.#makeRoomFor(entrant);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const place: Waiting = { ...entrant, admit: resolve, refuse: reject };
    this.#line.add(place);
    onEvent('queued', entrant.model);
    const late = setTimeout(() => this.#leave(place, this.#refusal('late', entrant)), queue.waitMs);
    const leave = (): void => {
      onEvent('left', entrant.model);
      this.#leave(place, givenUp.reason);
    };
    givenUp.addEventListener('abort', leave, { once: true });
    try {
      await promise;
      onEvent('entered', entrant.model);
    } finally {
      clearTimeout(late);
      givenUp.removeEventListener('abort', leave);
    }
  }

  #leave(place: Waiting, reason: unknown): void {
    if (this.#line.delete(place)) place.refuse(reason as GatewayError);
  }

  #makeRoomFor(entrant: Entrant): void {
    const least = this.#leastWelcome(entrant);
    if (least === entrant) throw this.#refusal('full', entrant);
    this.#leave(least as Waiting, this.#refusal('made_way', least));
  }

  /** Of those in the line and this one: what nobody waits for, and of that the newest of the tenant that has the most. */
  #leastWelcome(entrant: Entrant): Entrant {
    const all: readonly Entrant[] = [...this.#line, entrant];
    const patient = all.filter(({ isPatient }) => isPatient);
    const among = patient.length > 0 ? patient : all;
    const counts = new Map<string, number>();
    for (const { tenant } of among) counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
    const most = Math.max(...counts.values());
    // Where it would only be one for another, who came first stays.
    const own = counts.get(entrant.tenant) ?? 0;
    if (own === most && among.includes(entrant)) return entrant;
    return among.findLast(({ tenant }) => counts.get(tenant) === most)!;
  }

  #advance(): void {
    for (let next = this.#next(); next !== null; next = this.#next()) {
      this.#line.delete(next);
      this.#count(next, 1);
      next.admit();
    }
  }

  #next(): Waiting | null {
    let best: Waiting | null = null;
    for (const each of this.#line) if (this.#fits(each) && (best === null || this.#goesBefore(each, best))) best = each;
    return best;
  }

  #goesBefore(one: Entrant, other: Entrant): boolean {
    if (one.isPatient !== other.isPatient) return other.isPatient;
    const [has, otherHas] = [one, other].map(({ tenant }) => this.#ofTenant.get(tenant) ?? 0) as [number, number];
    if (has !== otherHas) return has < otherHas;
    return (this.#lastTurns.get(one.tenant) ?? 0) < (this.#lastTurns.get(other.tenant) ?? 0);
  }

  #fits({ model }: Entrant): boolean {
    const { inTheAir, inTheAirOf } = this.#options;
    return this.#inTheAir < inTheAir && (this.#ofModel.get(model) ?? 0) < (inTheAirOf(model) ?? Infinity);
  }

  #count({ model, tenant }: Entrant, by: 1 | -1): void {
    this.#inTheAir += by;
    add(this.#ofModel, model, by);
    add(this.#ofTenant, tenant, by);
    if (by === 1) this.#lastTurns.set(tenant, (this.#turn += 1));
    else if (this.#inTheAir === 0 && this.#line.size === 0) this.#lastTurns.clear();
  }

  #refusal(why: 'full' | 'late' | 'made_way', { model }: Entrant): GatewayError {
    const { queue, onEvent } = this.#options;
    onEvent(why, model);
    const reason =
      why === 'late'
        ? `none of them ended within ${Math.ceil(queue.waitMs / 1000)} s`
        : 'as many as may are waiting for one of them to end';
    const message = `As many pictures of ${model} are being drawn as may be at one time, and ${reason}. Nothing was drawn and nothing was paid.`;
    return new GatewayError('upstream_busy', message, {
      code: 'too_many_in_the_air',
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }
}

const RETRY_AFTER_SECONDS = 5;

/** Whoever has none is not listed. */
function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
