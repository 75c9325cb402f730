import { createHash } from 'node:crypto';

/** Throws that follow from their seed alone. */
export interface Dice {
  /** From 0 up to, and never, 1. */
  throw(): number;
  /** A whole number from `from` to `to`, both among them. */
  whole(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(of: readonly T[]): T;
  /** One of the names, each as often as its weight says. */
  weighed<T extends string>(weights: Readonly<Record<T, number>>): T;
  shuffled<T>(of: readonly T[]): readonly T[];
}

/** The same words make the same dice, on every machine. */
export function diceOf(...words: readonly (string | number)[]): Dice {
  const digest = createHash('sha256').update(JSON.stringify(words)).digest();
  let [a, b, c, d] = [0, 4, 8, 12].map((at) => digest.readInt32LE(at)) as [number, number, number, number];
  // sfc32, of Chris Doty-Humphrey's PractRand.
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  const dice: Dice = {
    throw: next,
    whole: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => next() < probability,
    pick: (of) => of[Math.floor(next() * of.length)]!,
    weighed(weights) {
      const names = Object.keys(weights) as (keyof typeof weights)[];
      const sum = names.reduce((total, name) => total + weights[name], 0);
      let left = next() * sum;
      return names.find((name) => (left -= weights[name]) < 0) ?? names.at(-1)!;
    },
    shuffled(of) {
      const list = [...of];
      for (let at = list.length - 1; at > 0; at -= 1) {
        const other = dice.whole(0, at);
        [list[at], list[other]] = [list[other]!, list[at]!];
      }
      return list;
    },
  };
  return dice;
}
