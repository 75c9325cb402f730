import { GatewayError } from '../errors.ts';
import type { Caller } from './authenticate.ts';

/** An hour begins with its first verdict. */
const HOUR_MS = 3_600_000;
const VERDICTS = 20;
/** Keys with a verdict in the last hour, of which there are seldom more than a few. */
const MOST_KEYS = 100_000;

interface Hour {
  readonly endsAt: number;
  verdicts: number;
}

export interface PauseOptions {
  /** Unix ms. */
  readonly now: () => number;
  /** How many verdicts within an hour pause a key. Default: 20. */
  readonly verdicts?: number;
  /** The most keys that are watched at one time; the one watched longest makes room. */
  readonly keys?: number;
}

/**
 * Keys whose prompts the vendor keeps calling prohibited: one tenant's endanger the whole account. So many verdicts
 * within an hour pause the key for the rest of it; the tenant's other keys go on. Kept in memory: a restart forgets.
 */
export class KeyPauses {
  /** In the order in which the hours began, and so end. */
  readonly #hours = new Map<string, Hour>();
  readonly #now: () => number;
  readonly #verdicts: number;
  readonly #keys: number;

  constructor({ now, verdicts = VERDICTS, keys = MOST_KEYS }: PauseOptions) {
    this.#now = now;
    this.#verdicts = verdicts;
    this.#keys = keys;
  }

  /** Counts a verdict against the caller's key. The end of the pause (unix ms) when this one began it, else null. */
  note(caller: Caller): number | null {
    this.#dropEnded();
    const name = nameOf(caller);
    let hour = this.#hours.get(name);
    // A clock that was set back leaves hours out of their order.
    if (hour === undefined || hour.endsAt <= this.#now()) {
      this.#hours.delete(name);
      hour = { endsAt: this.#now() + HOUR_MS, verdicts: 0 };
      this.#hours.set(name, hour);
    }
    hour.verdicts += 1;
    for (const oldest of this.#hours.keys()) {
      if (this.#hours.size <= this.#keys) break;
      this.#hours.delete(oldest);
    }
    return hour.verdicts === this.#verdicts ? hour.endsAt : null;
  }

  /** Throws GatewayError `forbidden` while the caller's key is paused: whatever is asked, and whatever it would cost. */
  check(caller: Caller): void {
    const hour = this.#hours.get(nameOf(caller));
    const now = this.#now();
    if (hour === undefined || hour.verdicts < this.#verdicts || hour.endsAt <= now) return;
    const until = new Date(hour.endsAt).toISOString();
    const message =
      `This key is paused until ${until}: the vendor called ${this.#verdicts} of its prompts or pictures prohibited ` +
      `content within an hour. Stop sending such prompts; other keys are not affected.`;
    const retryAfterSeconds = Math.ceil((hour.endsAt - now) / 1000);
    throw new GatewayError('forbidden', message, { code: 'key_paused', retry: false, retryAfterSeconds });
  }

  /** Keys that are paused now. */
  get paused(): number {
    this.#dropEnded();
    return this.#hours
      .values()
      .filter(({ verdicts }) => verdicts >= this.#verdicts)
      .toArray().length;
  }

  #dropEnded(): void {
    const now = this.#now();
    for (const [name, { endsAt }] of this.#hours) {
      if (endsAt > now) break;
      this.#hours.delete(name);
    }
  }
}

function nameOf({ tenant, keyId }: Caller): string {
  return `${tenant.id} ${keyId}`;
}
