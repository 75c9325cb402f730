import type { GatewayError } from '../errors.ts';

/** A key's rest: for one model where its quota is that model's, else for all. */
export interface Rest {
  readonly model: string | null;
  /** In the ring's milliseconds. */
  readonly since: number;
  readonly until: number;
  /** What the upstream refused it with. */
  readonly refusal: GatewayError;
}

/** A rest that a vendor asked for in seconds is obeyed. In a longer one, an operator may have paid, or changed a key's rights: */
const LONG_MS = 60_000;
/** where every key has such a one, one is tried so often all the same. */
const PROBE_EVERY_MS = 30_000;

/**
 * The keys of one upstream, used in turn. One that was refused rests, for the model it was refused for or for all of them,
 * and the others go on.
 */
export class KeyRing {
  readonly #keys: readonly string[];
  /** By key and model; the model '' stands for all. */
  readonly #rests = new Map<string, Map<string, Rest>>();
  readonly #probedAt = new Map<string, number>();
  #turn = 0;

  constructor(keys: readonly [string, ...string[]]) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** The next key that may be used for a model; null: all of them rest. */
  pick(model: string, nowMs: number): string | null {
    for (let tries = 0; tries < this.#keys.length; tries += 1) {
      const key = this.#keys[this.#turn % this.#keys.length]!;
      this.#turn += 1;
      if ((this.#restOf(key, model)?.until ?? 0) <= nowMs) return key;
    }
    return this.#probe(model, nowMs);
  }

  /** What keeps a model from being asked for, of the key whose rest ends first; null: nothing does. */
  resting(model: string, nowMs: number): { readonly waitMs: number; readonly refusal: GatewayError } | null {
    let first: Rest | null = null;
    for (const key of this.#keys) {
      const rest = this.#restOf(key, model);
      if (rest === null || rest.until <= nowMs) return null;
      if (first === null || rest.until < first.until) first = rest;
    }
    return first && { waitMs: first.until - nowMs, refusal: first.refusal };
  }

  /** A longer rest is not made shorter. */
  rest(key: string, rest: Rest): void {
    const own = this.#rests.get(key) ?? new Map<string, Rest>();
    this.#rests.set(key, own);
    const before = own.get(rest.model ?? '');
    if (before === undefined || before.until < rest.until) own.set(rest.model ?? '', rest);
  }

  /** It was answered: whatever it was refused for before is over. */
  wake(key: string, model: string): void {
    const own = this.#rests.get(key);
    own?.delete('');
    own?.delete(model);
  }

  /** Whether each of its keys was refused for all models, and has not been answered since: nothing can be drawn with it. */
  isRefused(nowMs: number): boolean {
    return this.#keys.every((key) => (this.#rests.get(key)?.get('')?.until ?? 0) > nowMs);
  }

  #restOf(key: string, model: string): Rest | null {
    const own = this.#rests.get(key);
    const [all, one] = [own?.get('') ?? null, own?.get(model) ?? null];
    return all !== null && (one === null || all.until > one.until) ? all : one;
  }

  #probe(model: string, nowMs: number): string | null {
    const rests = this.#keys.map((key) => ({ key, rest: this.#restOf(key, model) }));
    const [first] = rests.toSorted((a, b) => (a.rest?.until ?? 0) - (b.rest?.until ?? 0));
    if (first?.rest == null || first.rest.until - first.rest.since <= LONG_MS) return null;
    const lastAt = Math.max(first.rest.since, this.#probedAt.get(model) ?? 0);
    if (nowMs - lastAt < PROBE_EVERY_MS) return null;
    this.#probedAt.set(model, nowMs);
    return first.key;
  }
}
