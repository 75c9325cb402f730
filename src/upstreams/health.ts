import { TargetBreaker } from './breaker.ts';
import { KeyRing } from './key-ring.ts';
import { RetryBudget } from './retry.ts';

export interface HealthOptions {
  readonly keys: readonly [string, ...string[]];
  /** How often a call that cannot have cost anything is made again. */
  readonly repeats: number;
  /** Whether it is left alone while it fails, and its keys rest when they are refused. */
  readonly spares: boolean;
  readonly opened: (model: string) => void;
  readonly closed: (model: string) => void;
}

/** What is known of one upstream from the calls before: which of its keys rest, which of its models fail, how often it was asked again. */
export class UpstreamHealth {
  readonly keys: KeyRing;
  readonly retries = new RetryBudget();
  readonly repeats: number;
  readonly spares: boolean;
  readonly #breakers = new Map<string, TargetBreaker>();
  readonly #options: HealthOptions;

  constructor(options: HealthOptions) {
    this.keys = new KeyRing(options.keys);
    this.repeats = options.repeats;
    this.spares = options.spares;
    this.#options = options;
  }

  /** `model`: the upstream's own name of it, out of the configuration. */
  breaker(model: string): TargetBreaker {
    const known = this.#breakers.get(model);
    if (known !== undefined) return known;
    const { opened, closed, spares } = this.#options;
    const made = new TargetBreaker({ isOn: spares, opened: () => opened(model), closed: () => closed(model) });
    this.#breakers.set(model, made);
    return made;
  }
}
