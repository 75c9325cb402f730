import { describe, expect, test } from 'vitest';
import { FAULTS } from '../../src/simulator/faults.ts';
import { diceOf } from './dice.ts';
import { eventsOf } from './events.ts';
import { askAt, KINDS, WRONGS } from './load/asks.ts';
import type { Ask } from './load/asks.ts';
import { CONDEMNING, PROHIBITED, spellsOf } from './weather.ts';
import type { Spell } from './weather.ts';

const SEED = 'a seed';
const asksOf = (seed: string, count: number): readonly Ask[] =>
  Array.from({ length: count }, (_, index) => askAt(seed, index));
function spells(seed: string, count: number): readonly Spell[] {
  return spellsOf(seed).take(count).toArray();
}

describe('the plan of a soak', () => {
  test('follows from its seed: the same requests, moods of the vendor and events', () => {
    expect(asksOf(SEED, 500)).toEqual(asksOf(SEED, 500));
    expect(spells(SEED, 50)).toEqual(spells(SEED, 50));
    expect(eventsOf(SEED, 60, true)).toEqual(eventsOf(SEED, 60, true));
    expect(asksOf('another', 500)).not.toEqual(asksOf(SEED, 500));
    expect(spells('another', 50)).not.toEqual(spells(SEED, 50));
    expect(eventsOf('another', 60, true)).not.toEqual(eventsOf(SEED, 60, true));
  });

  test('has each request as it is by its number, whatever was asked before', () => {
    const later = askAt(SEED, 400);
    asksOf(SEED, 400);
    expect(askAt(SEED, 400)).toEqual(later);
  });

  test('has requests of every kind and mistake, of every tenant, some of them again', () => {
    const asks = asksOf(SEED, 3_000);
    expect(new Set(asks.map(({ kind }) => kind))).toEqual(new Set(Object.keys(KINDS)));
    const wrong = asks.filter(({ kind }) => kind === 'wrong').map((ask) => ask.wrong);
    expect(new Set(wrong)).toEqual(new Set(WRONGS));
    expect(new Set(asks.map(({ subject }) => subject.tenant)).size).toBe(5);
    const subjects = new Set(asks.map(({ subject }) => subject.id));
    expect(subjects.size).toBeGreaterThan(1_500);
    expect(subjects.size).toBeLessThan(2_700);
    for (const { index, subject } of asks) expect(Number(subject.id.slice(1))).toBeLessThanOrEqual(index);
  });

  test('shows every fault the simulator knows, and those that get a key paused to one tenant alone', () => {
    const rules = spells(SEED, 400).flatMap((spell) => spell.rules);
    expect(new Set(rules.map(({ fault }) => fault))).toEqual(new Set(Object.keys(FAULTS)));
    for (const { fault, times } of rules) if (CONDEMNING.has(fault)) expect(times).toBe(1);
    const prohibited = rules.filter(({ fault }) => PROHIBITED.has(fault));
    expect(prohibited.length).toBeGreaterThan(0);
    const words = new Set(prohibited.map(({ promptContains }) => promptContains!));
    const tenants = asksOf(SEED, 1_000)
      .filter(({ subject }) => [...words].some((each) => subject.prompt.includes(each)))
      .map(({ subject }) => subject.tenant);
    expect(new Set(tenants)).toEqual(new Set(['mallory']));
  });

  test.each([
    [false, ['bad reload', 'kill', 'reload', 'term']],
    [true, ['bad reload', 'kill', 'redis frozen', 'redis killed', 'reload', 'term']],
  ])('has one event of each kind at least, in the first part of the time (Redis: %s)', (redis, kinds) => {
    for (const seconds of [15, 60, 600]) {
      const events = eventsOf(SEED, seconds, redis);
      expect([...new Set(events.map(({ kind }) => kind))].toSorted()).toEqual(kinds);
      expect(events.map(({ atMs }) => atMs)).toEqual(events.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
      expect(events.at(-1)!.atMs).toBeLessThan(seconds * 1000 * 0.6);
    }
  });
});

describe('dice', () => {
  test('fall evenly, and as their weights say', () => {
    const dice = diceOf(SEED);
    const throws = Array.from({ length: 10_000 }, () => dice.whole(1, 6));
    for (let side = 1; side <= 6; side += 1) {
      const share = throws.filter((each) => each === side).length / throws.length;
      expect(share).toBeGreaterThan(0.14);
      expect(share).toBeLessThan(0.19);
    }
    const weighed = Array.from({ length: 10_000 }, () => dice.weighed({ often: 9, seldom: 1 }));
    const seldom = weighed.filter((name) => name === 'seldom').length;
    expect(seldom).toBeGreaterThan(800);
    expect(seldom).toBeLessThan(1_200);
    expect(new Set(dice.shuffled([1, 2, 3, 4, 5]))).toEqual(new Set([1, 2, 3, 4, 5]));
  });
});
