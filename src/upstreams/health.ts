import { TargetBreaker } from './breaker.ts';
import { KeyRing } from './key-ring.ts';
import { RetryBudget } from './retry.ts';

export interface HealthEvents {
  readonly opened: (model: string) => void;
  readonly closed: (model: string) => void;
}

/** What is known of one upstream from the calls before: which of its keys rest, which of its models fail, and how often it was asked again. */
export class UpstreamHealth {
  readonly keys: KeyRing;
  readonly retries = new RetryBudget();
  readonly #breakers = new Map<string, TargetBreaker>();
  readonly #events: HealthEvents;

  constructor(keys: readonly [string, ...string[]], events: HealthEvents) {
    this.keys = new KeyRing(keys);
    this.#events = events;
  }

  /** `model`: the upstream's own name of it, out of the configuration. */
  breaker(model: string): TargetBreaker {
    const { opened, closed } = this.#events;
    const made =
      this.#breakers.get(model) ?? new TargetBreaker({ opened: () => opened(model), closed: () => closed(model) });
    this.#breakers.set(model, made);
    return made;
  }
}
