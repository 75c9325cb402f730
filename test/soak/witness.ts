import { hash } from 'node:crypto';
import type { BillEntry } from '../../src/simulator/bill.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { Call } from '../../src/simulator/journal.ts';
import type { Simulator } from '../../src/simulator/server.ts';

/** What the vendor says of one call. */
export interface Billed {
  readonly call: number;
  /** sha256 of the prompt; null where the body was never read. */
  readonly prompt: string | null;
  readonly nanoUsd: number;
  readonly fault: Fault | null;
}

/** Keeps what the simulator would forget: its log of calls has room for the newest alone. */
export class Witness {
  readonly #simulator: Simulator;
  readonly #calls = new Map<number, Call>();
  readonly #entries = new Map<number, BillEntry>();
  readonly #timer: NodeJS.Timeout;

  constructor(simulator: Simulator) {
    this.#simulator = simulator;
    this.#timer = setInterval(() => this.#look(), 500);
  }

  get calls(): readonly Call[] {
    this.#look();
    return [...this.#calls.values()];
  }

  /** What was billed, by call. Throws where something was missed. */
  bill(): readonly Billed[] {
    this.#look();
    const billed = [...this.#entries.values()].map(({ call, nanoUsd }) => ({
      call,
      prompt: this.#calls.get(call)?.promptDigest ?? null,
      nanoUsd,
      fault: this.#calls.get(call)?.answered?.fault ?? null,
    }));
    const sum = billed.reduce((total, { nanoUsd }) => total + nanoUsd, 0);
    if (sum !== this.#simulator.bill.totalNanoUsd)
      throw new Error(`the bill is ${this.#simulator.bill.totalNanoUsd} nano-dollars, and ${sum} were seen`);
    return billed;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    // A call that is in the air is told of its answer later: it is the same object.
    newest(this.#simulator.calls, this.#calls, ({ number }) => number);
    newest(this.#simulator.bill.entries, this.#entries, ({ call }) => call);
  }
}

function newest<T>(list: readonly T[], into: Map<number, T>, number: (each: T) => number): void {
  for (let at = list.length - 1; at >= 0; at -= 1) {
    const each = list[at]!;
    if (into.has(number(each))) {
      // Bills are written in the order of answers, not of calls.
      if (list.length - at > 2_000) return;
      continue;
    }
    into.set(number(each), each);
  }
}

export function digestOf(prompt: string): string {
  return hash('sha256', prompt);
}
