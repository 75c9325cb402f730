import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import type { Target } from '../image/model.ts';
import { backOffMs } from '../upstreams/retry.ts';
import type { DrawUpstream } from '../draw.ts';
import type { Judged } from './judge.ts';
import { healthOf, remedyFor } from './remedy.ts';
import type { Remedy } from './remedy.ts';

/** One call to be made: whom, by which key. */
export interface Attempt {
  readonly target: Target;
  readonly upstream: DrawUpstream;
  readonly key: string;
}

export type AttemptEvent = 'repeated' | 'other_key' | 'other_target' | 'breaker_open' | 'keys_resting';

export interface AttemptsOptions {
  /** In the order of preference; at least one. */
  readonly targets: readonly Target[];
  readonly upstreams: ReadonlyMap<string, DrawUpstream>;
  /** How long after its beginning something may still be tried again: longer nobody waits. */
  readonly withinMs: (target: Target) => number;
  readonly givenUp: AbortSignal;
  /** Whether a refusal may be of what the request names, and not of the key: then no key rests for it. */
  readonly namesOthers: boolean;
  readonly onEvent: (event: AttemptEvent, target: Target) => void;
  /** Milliseconds of a clock that is never set. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** A rest that is asked for without saying how long. */
const USUAL_REST_MS = 2_000;
const REFUSED_REST_MS = 300_000;
const SPREAD_MS = 1_000;

/**
 * Who is asked for one picture, one after the other, until somebody draws it or nothing is left that may be tried. Another
 * attempt follows only one that cannot have cost anything.
 */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #startedAt: number;
  #index = 0;
  #repeated = 0;
  #isFirst = true;
  /** Why nobody draws, as it stands. */
  #failure: GatewayError | null = null;

  constructor(options: AttemptsOptions) {
    this.#options = options;
    this.#startedAt = options.now();
  }

  /** The next call to make, when it may be made. Rejects with the last failure where none is left. */
  async next(): Promise<Attempt> {
    const { targets, upstreams, now, onEvent } = this.#options;
    for (; this.#index < targets.length; this.#turnTo(this.#index + 1)) {
      const target = targets[this.#index]!;
      const upstream = upstreams.get(target.upstream);
      if (upstream === undefined) {
        this.#failure ??= unusable(target);
        continue;
      }
      const { keys, retries } = upstream.health;
      const breaker = upstream.health.breaker(target.model);
      if (!breaker.admits(now(), this.#isLast())) {
        onEvent('breaker_open', target);
        this.#failure ??= broken(target, breaker.nextProbeMs(now()));
        continue;
      }
      const key = keys.pick(target.model, now()) ?? (await this.#awaitKey(target, upstream));
      if (key === null) {
        onEvent('keys_resting', target);
        continue;
      }
      if (this.#isFirst) retries.first(now());
      this.#isFirst = false;
      return { target, upstream, key };
    }
    throw this.#failure ?? unusable(targets[0]!);
  }

  /** Whether something else may be tried after this, and gets ready for it. Rejects when the picture is given up meanwhile. */
  async mayFollow({ target, upstream, key }: Attempt, judged: Judged): Promise<boolean> {
    const { now, onEvent, random } = this.#options;
    const { keys } = upstream.health;
    const isWell = healthOf(judged);
    if (isWell !== null) upstream.health.breaker(target.model).tell(isWell, now());
    if (judged.error === null) keys.wake(key, target.model);
    const remedy = applied(remedyFor(judged), upstream, this.#options);
    if (judged.error === null || remedy === 'none') return false;
    const { error } = judged;
    this.#failure = error;
    if (remedy === 'rest' || remedy === 'rest_for_model') {
      const usualMs = remedy === 'rest' ? REFUSED_REST_MS : USUAL_REST_MS;
      const restMs = remedy === 'rest' ? usualMs : (error.detail.retryAfterSeconds ?? usualMs / 1000) * 1000;
      const model = remedy === 'rest' ? null : target.model;
      keys.rest(key, { model, since: now(), until: now() + restMs, refusal: error });
      if (keys.resting(target.model, now()) === null) {
        if (!this.#mayRepeat(upstream)) return this.#goElsewhere(target);
        onEvent('other_key', target);
      } else if (remedy === 'rest' || !this.#mayWait(target, restMs)) return this.#goElsewhere(target);
      return true;
    }
    if (remedy === 'elsewhere') return this.#goElsewhere(target);
    // Of what nobody was asked, nobody has said how long to wait: those seconds are our own word to the caller.
    const toldMs = judged.outcome === 'not_sent' ? 0 : (error.detail.retryAfterSeconds ?? 0) * 1000;
    const pauseMs = Math.max(backOffMs(this.#repeated + 1, random), toldMs);
    if (!this.#mayWait(target, pauseMs) || !this.#mayRepeat(upstream)) return this.#goElsewhere(target);
    onEvent('repeated', target);
    await this.#pause(pauseMs);
    return true;
  }

  /** The key of a target that rests so shortly that its caller still waits; null: there is none. */
  async #awaitKey(target: Target, upstream: DrawUpstream): Promise<string | null> {
    const { now, onEvent, random } = this.#options;
    const { keys } = upstream.health;
    const resting = keys.resting(target.model, now());
    if (resting === null) return keys.pick(target.model, now());
    this.#failure = stillResting(resting.refusal, resting.waitMs);
    // Another target would do it now.
    if (!this.#isLast() || !this.#mayWait(target, resting.waitMs)) return null;
    if (!this.#isFirst && !this.#mayRepeat(upstream)) return null;
    if (!this.#isFirst) onEvent('repeated', target);
    // Those who wait for it do not come all at once.
    await this.#pause(resting.waitMs + random() * SPREAD_MS);
    return keys.pick(target.model, now());
  }

  #goElsewhere(target: Target): boolean {
    const isLeft = !this.#isLast();
    if (isLeft) this.#options.onEvent('other_target', target);
    this.#turnTo(this.#index + 1);
    return isLeft;
  }

  #turnTo(index: number): void {
    this.#index = index;
    this.#repeated = 0;
  }

  #isLast(): boolean {
    const { targets, upstreams } = this.#options;
    return !targets.slice(this.#index + 1).some(({ upstream }) => upstreams.has(upstream));
  }

  #mayRepeat({ health: { retries, repeats } }: DrawUpstream): boolean {
    if (this.#repeated >= repeats || !retries.spend(this.#options.now())) return false;
    this.#repeated += 1;
    return true;
  }

  #mayWait(target: Target, ms: number): boolean {
    const { now, withinMs } = this.#options;
    return now() + ms < this.#startedAt + withinMs(target);
  }

  async #pause(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: this.#options.givenUp });
    } catch {
      throw this.#failure ?? new GatewayError('upstream_failed', 'The picture was given up before it was drawn.');
    }
  }
}

/**
 * Where keys never rest, what one of them was refused for a while is a passing trouble of the target. A refused key rests
 * for all who come: no caller may bring that about by naming what the key must not read.
 */
function applied(
  remedy: Remedy,
  { health }: DrawUpstream,
  { namesOthers }: Pick<AttemptsOptions, 'namesOthers'>,
): Remedy {
  if (remedy === 'rest' && namesOthers) return 'elsewhere';
  if (health.spares) return remedy;
  return remedy === 'rest_for_model' ? 'repeat' : remedy === 'rest' ? 'elsewhere' : remedy;
}

function unusable({ upstream }: Target): GatewayError {
  return new GatewayError('unavailable', `The upstream "${upstream}" is not usable here.`, { retry: false });
}

function broken({ upstream }: Target, probeMs: number): GatewayError {
  const message = `The upstream "${upstream}" has been failing and is left alone for a moment. Nothing was drawn and nothing was paid.`;
  return new GatewayError('upstream_busy', message, {
    code: 'upstream_breaker_open',
    retryAfterSeconds: Math.max(1, Math.ceil(probeMs / 1000)),
  });
}

/** What it was refused with, and when it may be asked for again by now. None of it is the vendor's word about this request. */
function stillResting({ failure, message, detail }: GatewayError, waitMs: number): GatewayError {
  const { vendor: _vendor, ...own } = detail;
  return new GatewayError(failure, message, { ...own, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) });
}
