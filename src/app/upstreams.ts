import { isDeepStrictEqual } from 'node:util';
import { deadlineMs, SIMULATOR_URL } from '../config.ts';
import type { UpstreamConfig } from '../config.ts';
import type { DrawUpstream } from '../draw.ts';
import type { Metrics } from '../metrics.ts';
import type { Simulator } from '../simulator/server.ts';
import { createUpstream } from '../upstreams/client.ts';
import { UpstreamHealth } from '../upstreams/health.ts';

/** Those who draw, by their ids; of one configuration. */
export type Drawing = ReadonlyMap<string, DrawUpstream>;

interface Opened {
  readonly config: UpstreamConfig;
  readonly upstream: DrawUpstream;
  /** Tells the metrics nothing any more: another stands in its place. */
  leave(): void;
}

/** The clients of vendors over all configurations of a process: what did not change goes on with its rests and breakers. */
export class UpstreamClients {
  readonly #via: string;
  readonly #metrics: Pick<Metrics, 'breaker'>;
  #opened: ReadonlyMap<string, Opened> = new Map();
  #simulator: Promise<Simulator> | null = null;
  /** Those of earlier configurations, held by whoever still draws with them: nobody else needs them but the end. */
  readonly #left = new Set<WeakRef<DrawUpstream>>();

  /** `via`: what this gateway calls itself to all of them, whatever its configuration is later. */
  constructor({ via, metrics }: { readonly via: string; readonly metrics: Pick<Metrics, 'breaker'> }) {
    this.#via = via;
    this.#metrics = metrics;
  }

  /** Makes ready what a configuration names. Nothing has changed until `take` is called, which waits for nothing. */
  async prepare(configs: readonly UpstreamConfig[]): Promise<{ readonly drawing: Drawing; readonly take: () => void }> {
    const opened = new Map<string, Opened>();
    for (const config of configs) opened.set(config.id, await this.#open(config));
    return {
      drawing: new Map([...opened].map(([id, { upstream }]) => [id, upstream])),
      take: () => {
        for (const [id, before] of this.#opened)
          if (opened.get(id)?.upstream.health !== before.upstream.health) before.leave();
        for (const { upstream } of this.#opened.values()) this.#left.add(new WeakRef(upstream));
        for (const each of this.#left) if (each.deref() === undefined) this.#left.delete(each);
        this.#opened = opened;
      },
    };
  }

  /**
   * Whose keys are all refused, in words for an operator; null: nobody's. All instances have the same keys: were they not
   * sent requests any more, not even what is stored would be served.
   */
  trouble(): string | null {
    const now = performance.now();
    const refused = [...this.#opened].filter(([, { upstream }]) => upstream.health.keys.isRefused(now));
    if (refused.length === 0) return null;
    return refused.map(([id]) => `upstream ${id}: all of its keys are refused`).join('; ');
  }

  async close(): Promise<void> {
    const left = [...this.#left].map((each) => each.deref()).filter((each) => each !== undefined);
    const all = new Set(
      [...this.#opened.values(), ...left.map((upstream) => ({ upstream }))].map((each) => each.upstream.client),
    );
    await Promise.all([...all].map((client) => client.close()));
    await (await this.#simulator)?.close();
  }

  async #open(config: UpstreamConfig): Promise<Opened> {
    const before = this.#opened.get(config.id);
    if (before !== undefined && isDeepStrictEqual(before.config, config)) return before;
    const same = (...names: readonly (keyof UpstreamConfig)[]): boolean =>
      before !== undefined && names.every((name) => isDeepStrictEqual(before.config[name], config[name]));
    const { id, kind, auth, replyBytes, connectMs, firstByteMs, idleMs } = config;
    const deadlines = { connectMs, firstByteMs, idleMs };
    const [key = 'simulator', ...others] = config.keys;
    const keys: readonly [string, ...string[]] = [key, ...others];
    const goesOn = same('baseUrl', 'auth', 'keys', 'replyBytes', 'connectMs', 'firstByteMs', 'idleMs');
    const client = goesOn
      ? before!.upstream.client
      : createUpstream({
          id,
          baseUrl: await this.#addressOf(config),
          auth,
          keys,
          replyBytes,
          deadlines,
          via: this.#via,
        });
    const kept = goesOn && same('repeats', 'breaker') ? before! : null;
    const made = kept === null ? this.#healthOf(config, keys) : { health: kept.upstream.health, leave: kept.leave };
    return {
      config,
      leave: made.leave,
      upstream: {
        client,
        health: made.health,
        family: kind,
        sizeNames: config.sizeNames,
        abandonAfterMs: (tier) => deadlineMs(config.abandonAfterMs, tier),
        answerWithinMs: (tier) => deadlineMs(config.answerWithinMs, tier),
      },
    };
  }

  #healthOf(
    { id, repeats, breaker }: UpstreamConfig,
    keys: readonly [string, ...string[]],
  ): { readonly health: UpstreamHealth; readonly leave: () => void } {
    const broken = new Set<string>();
    let hasLeft = false;
    const tell = (model: string, isOpen: boolean): void => {
      if (hasLeft) return;
      broken[isOpen ? 'add' : 'delete'](model);
      this.#metrics.breaker(id, model, isOpen);
    };
    return {
      health: new UpstreamHealth({
        keys,
        repeats,
        spares: breaker,
        opened: (model) => tell(model, true),
        closed: (model) => tell(model, false),
      }),
      leave: () => {
        for (const model of broken) tell(model, false);
        hasLeft = true;
      },
    };
  }

  async #addressOf({ baseUrl }: UpstreamConfig): Promise<string> {
    if (baseUrl !== SIMULATOR_URL) return baseUrl;
    // Some 30 modules that a gateway with a vendor never needs.
    return (await (this.#simulator ??= import('../simulator/server.ts').then(({ startSimulator }) => startSimulator())))
      .url;
  }
}
