import { RedisFailure } from '../redis.ts';
import type { Reply, Script } from '../redis.ts';
import { ENDED_MS } from './lease-scripts.ts';
import type { LeaseScripts } from './lease-scripts.ts';
import { writeFailure } from './leases.ts';
import type { Ending, Lease } from './leases.ts';

export interface HeldLeasesOptions {
  /** Rejects with RedisFailure when there is no reply in time. */
  readonly run: (script: Script, keys: readonly string[], args: readonly string[]) => Promise<Reply>;
  readonly scripts: LeaseScripts;
  /** Where those who wait hear of ends. */
  readonly channel: string;
  readonly times: { readonly leaseMs: number; readonly renewMs: number };
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Told of each lease that turns out to be another's by now. */
  readonly onLost: () => void;
}

interface Held {
  readonly record: string;
  readonly id: string;
  readonly token: number;
  /** Until when nobody else can have been given it, whatever is not heard from Redis. */
  goodUntil: number;
  ended: Promise<void> | null;
  /** When it is ended, or lost. */
  readonly gone: PromiseWithResolvers<void>;
}

/** So many are renewed in one step of Redis. */
const AT_ONCE = 256;
/** An end that was not heard is told again; whoever waits would else wait for the lease to lapse. */
const ENDS_TOLD = 5;

/** The leases this process holds: they are renewed until they are ended or lost. */
export class HeldLeases {
  readonly #options: HeldLeasesOptions;
  readonly #held = new Set<Held>();
  /** Until they are ended or lost. */
  readonly #byId = new Map<string, Held>();
  readonly #ending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #renewing = false;
  #closed = false;

  constructor(options: HeldLeasesOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#renewAll(), options.times.renewMs).unref();
  }

  /** `askedAt`: when Redis was asked for it. */
  begin(record: string, id: string, token: number, askedAt: number): Lease {
    const held: Held = {
      record,
      id,
      token,
      goodUntil: askedAt + this.#options.times.leaseMs,
      ended: null,
      gone: Promise.withResolvers(),
    };
    this.#held.add(held);
    this.#byId.set(id, held);
    return {
      token,
      fence: { key: record, token },
      isMine: () => this.#isMine(held),
      isAwaited: () => this.#isAwaited(held),
      end: (how) => (held.ended ??= this.#track(held, how)),
    };
  }

  /** Resolves when this process does not hold it, or after so many ms. */
  async none(id: string, withinMs: number): Promise<void> {
    const held = this.#byId.get(id);
    if (held === undefined) return;
    const enough = setTimeout(held.gone.resolve, withinMs);
    await held.gone.promise;
    clearTimeout(enough);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const held of this.#held) held.ended ??= this.#track(held, 'left');
    await Promise.all(this.#ending);
  }

  async #isMine(held: Held): Promise<boolean> {
    if (!this.#held.has(held)) return false;
    await this.#renew([held]);
    return this.#held.has(held) && this.#options.now() < held.goodUntil;
  }

  async #isAwaited({ record, token }: Held): Promise<boolean> {
    const { run, scripts } = this.#options;
    try {
      return (await run(scripts.awaited, [record], [String(token)])) !== 0;
    } catch (error) {
      if (error instanceof RedisFailure) return true;
      throw error;
    }
  }

  async #renewAll(): Promise<void> {
    // One that is slow is not asked twice at once.
    if (this.#renewing) return;
    this.#renewing = true;
    try {
      const all = [...this.#held];
      for (let from = 0; from < all.length; from += AT_ONCE) await this.#renew(all.slice(from, from + AT_ONCE));
    } finally {
      this.#renewing = false;
    }
  }

  async #renew(some: readonly Held[]): Promise<void> {
    const { run, scripts, times, now, onLost } = this.#options;
    const askedAt = now();
    let kept: readonly unknown[];
    try {
      const lost = some.map(({ goodUntil }) => (askedAt < goodUntil + ENDED_MS ? 1 : 0));
      const words = [times.leaseMs, ...some.map(({ token }) => token), ...lost].map(String);
      const records = some.map(({ record }) => record);
      kept = (await run(scripts.renew, records, words)) as readonly unknown[];
    } catch (error) {
      // It may be heard the next time; until `goodUntil` nobody else can have it.
      if (error instanceof RedisFailure) return;
      throw error;
    }
    for (const [index, held] of some.entries()) {
      if (kept[index] === 1) held.goodUntil = Math.max(held.goodUntil, askedAt + times.leaseMs);
      else if (held.ended === null && this.#held.delete(held)) {
        this.#forget(held);
        onLost();
      }
    }
  }

  async #end(held: Held, how: Ending): Promise<void> {
    const { run, scripts, channel, times } = this.#options;
    if (!this.#held.delete(held)) return;
    const [state, failure] = typeof how === 'string' ? [how, ''] : ['failed', writeFailure(how.failed)];
    for (let told = 1; told <= ENDS_TOLD; told += 1) {
      try {
        await run(scripts.end, [held.record, channel], [String(held.token), state, failure, held.id]);
        return;
      } catch (error) {
        if (!(error instanceof RedisFailure)) throw error;
        // Whoever waits finds it lapsed in the end.
        if (this.#closed || told === ENDS_TOLD) return;
        await new Promise((resolve) => setTimeout(resolve, times.renewMs));
      }
    }
  }

  #track(held: Held, how: Ending): Promise<void> {
    const work = this.#end(held, how).finally(() => {
      this.#ending.delete(work);
      this.#forget(held);
    });
    this.#ending.add(work);
    return work;
  }

  #forget(held: Held): void {
    if (this.#byId.get(held.id) === held) this.#byId.delete(held.id);
    held.gone.resolve();
  }
}
