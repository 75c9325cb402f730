import { FAULTS } from '../../src/simulator/faults.ts';
import type { Fault, FaultRule } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { diceOf } from './dice.ts';
import type { Dice } from './dice.ts';
import { LOTS, lotWords, PROHIBITED_LOTS } from './load/asks.ts';

/** For so long the vendor behaves so. */
export interface Spell {
  readonly forMs: number;
  readonly latencyMs: number;
  readonly rules: readonly FaultRule[];
  /** So long at its beginning no call is answered at all. */
  readonly pauseMs: number;
}

/** Many of these and a key is paused. */
export const PROHIBITED: ReadonlySet<string> = new Set<Fault>([
  'prohibited-content',
  'image-prohibited',
  'blocked-prohibited',
]);
/** After each of these a key of the gateway's rests for minutes: they come seldom, and once. */
export const CONDEMNING: ReadonlySet<string> = new Set<Fault>([
  'daily-quota',
  'limit-zero',
  'unauthorized',
  'key-invalid',
  'forbidden',
  'service-disabled',
  'location',
]);
const CONDEMNED = 0.12;
/** They hold a connection: for how long, from and to. */
const HOLDING: Partial<Record<Fault, readonly [number, number]>> = {
  slow: [200, 2_000],
  'slow-headers': [500, 6_000],
  'stall-body': [500, 6_000],
  huge: [500, 3_000],
};

/**
 * The vendor's moods by their number: a calm one, then a bad one. All faults there are come in turn, in an order that is
 * another one each time.
 */
export function* spellsOf(seed: string): Generator<Spell> {
  const dice = diceOf(seed, 'weather');
  let deck: Fault[] = [];
  const deal = (): Fault => {
    if (deck.length === 0) deck = [...dice.shuffled(Object.keys(FAULTS) as Fault[])];
    const fault = deck.pop()!;
    return CONDEMNING.has(fault) && !dice.chance(CONDEMNED) ? deal() : fault;
  };
  for (let number = 0; ; number += 1) {
    const isBad = number % 2 === 1;
    const rules = Array.from({ length: isBad ? dice.whole(10, 20) : dice.whole(2, 5) }, () => ruleFor(deal(), dice));
    yield {
      forMs: dice.whole(800, 2_500),
      latencyMs: dice.chance(0.2) ? dice.whole(300, 900) : dice.whole(0, 150),
      rules,
      pauseMs: dice.chance(0.12) ? dice.whole(100, 800) : 0,
    };
  }
}

function ruleFor(fault: Fault, dice: Dice): FaultRule {
  const lot = PROHIBITED.has(fault) ? `m${dice.whole(0, PROHIBITED_LOTS - 1)}` : String(dice.whole(0, LOTS - 1));
  const holding = HOLDING[fault];
  const delayMs = holding && dice.whole(...holding);
  const most = CONDEMNING.has(fault) ? 1 : 3;
  const times = most === 1 || dice.chance(0.5) ? dice.whole(1, most) : undefined;
  return {
    fault,
    promptContains: lotWords(lot),
    ...(times !== undefined && { times }),
    ...(delayMs !== undefined && { delayMs }),
  };
}

/** Lets the vendor be as the spells say until it is told to stop; tells which faults were asked for. */
export async function makeWeather(simulator: Simulator, spells: Iterable<Spell>, stop: AbortSignal): Promise<void> {
  for (const spell of spells) {
    if (stop.aborted) break;
    simulator.clearRules();
    simulator.settings.latencyMs = spell.latencyMs;
    for (const rule of spell.rules) simulator.rule(rule);
    if (spell.pauseMs > 0) {
      const resume = simulator.pause();
      await until(stop, spell.pauseMs);
      resume();
    }
    await until(stop, spell.forMs);
  }
  simulator.clearRules();
  simulator.settings.latencyMs = 0;
}

/** Resolves after so long, or when it is told to stop. */
export function until(stop: AbortSignal, ms: number): Promise<void> {
  if (stop.aborted || ms <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener('abort', done);
  });
}
