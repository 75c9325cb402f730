import type { FaultSpec } from './faults/fault.ts';
import { JSON_FAULTS } from './faults/json.ts';
import { OUTCOMES } from './faults/outcomes.ts';
import { PICTURES } from './faults/pictures.ts';
import { REFUSALS } from './faults/refusals.ts';
import { STREAMS } from './faults/streams.ts';
import { TRANSPORT } from './faults/transport.ts';

const CATALOGUE = { ...REFUSALS, ...OUTCOMES, ...PICTURES, ...JSON_FAULTS, ...TRANSPORT, ...STREAMS };

/** Every way the simulator can misbehave. */
export type Fault = keyof typeof CATALOGUE;

export const FAULTS: Readonly<Record<Fault, FaultSpec>> = CATALOGUE satisfies Record<Fault, FaultSpec>;

/** A fault to be shown by calls that match; each call shows the first rule that still has times left. */
export interface FaultRule {
  readonly fault: Fault;
  /** How many calls; absent: until the rules are cleared. */
  readonly times?: number;
  /** Only calls of this model, by any of its names. */
  readonly model?: string;
  readonly promptContains?: string;
  /** Milliseconds to wait before it, or for faults that hold the connection, how long they hold it. */
  readonly delayMs?: number;
}

export interface ChosenFault {
  readonly name: Fault;
  readonly spec: FaultSpec;
  readonly delayMs: number | null;
}

/** What a call asked for that is no fault. */
export class UnknownFault extends Error {
  constructor(name: string) {
    super(`The simulator knows no fault "${name}". It knows: ${Object.keys(FAULTS).join(', ')}.`);
    this.name = 'UnknownFault';
  }
}

export function isFault(name: string): name is Fault {
  return Object.hasOwn(FAULTS, name);
}

/** `NAME` or `NAME=MILLISECONDS`, as in the header `x-simulator-fault` and, behind `simulate:`, in a prompt. */
export function parseFault(text: string): ChosenFault {
  const [, name = '', delay] = /^\s*([\w-]*)(?:=(\d{1,6}))?\s*$/.exec(text) ?? [];
  if (!isFault(name)) throw new UnknownFault(text.trim().slice(0, 40));
  return choose(name, delay === undefined ? null : Number(delay));
}

/** A person behind a gateway can set no header, but can write a prompt: `a fox, simulate:overloaded`. */
export function faultInPrompt(prompt: string): ChosenFault | null {
  const words = /(?:^|\s)simulate:([\w-]+(?:=\d{1,6})?)/.exec(prompt)?.[1];
  return words === undefined ? null : parseFault(words);
}

export function choose(name: Fault, delayMs: number | null): ChosenFault {
  return { name, spec: FAULTS[name], delayMs };
}
