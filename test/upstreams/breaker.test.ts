import { describe, expect, test } from 'vitest';
import { TargetBreaker } from '../../src/upstreams/breaker.ts';

function make(): { breaker: TargetBreaker; told: string[] } {
  const told: string[] = [];
  const breaker = new TargetBreaker({
    isOn: true,
    opened: () => void told.push('opened'),
    closed: () => void told.push('closed'),
  });
  return { breaker, told };
}

function opened(at: number): ReturnType<typeof make> {
  const made = make();
  for (let call = 0; call < 20; call += 1) made.breaker.tell(call % 2 === 0, at);
  return made;
}

describe('the breaker of a target', () => {
  test('opens when of 20 calls in ten seconds one half has failed, and not before', () => {
    const { breaker, told } = make();
    for (let call = 0; call < 19; call += 1) breaker.tell(false, call);
    expect([breaker.state(19), breaker.admits(19, false)]).toEqual(['closed', true]);
    breaker.tell(true, 20);
    expect([breaker.state(21), told]).toEqual(['open', ['opened']]);
  });

  test('stays closed while fewer than half fail, and forgets what is over ten seconds old', () => {
    const { breaker, told } = make();
    for (let call = 0; call < 100; call += 1) breaker.tell(call % 5 !== 0, 1_000);
    for (let call = 0; call < 19; call += 1) breaker.tell(false, 12_500);
    expect([breaker.state(12_500), told]).toEqual(['closed', []]);
    breaker.tell(false, 12_500);
    expect(told).toEqual(['opened']);
  });

  test('lets nobody through while it rests, but one probe a second where nobody else could be asked', () => {
    const { breaker } = opened(1_000);
    expect([1_001, 1_500, 10_900].map((now) => breaker.admits(now, false))).toEqual([false, false, false]);
    expect([1_001, 1_500, 2_000, 2_001].map((now) => breaker.admits(now, true))).toEqual([true, false, false, true]);
    expect(breaker.nextProbeMs(2_500)).toBe(501);
  });

  test('lets one probe a second through when it has rested, rests again where it fails, and closes where it does not', () => {
    const { breaker, told } = opened(1_000);
    expect(breaker.state(11_000)).toBe('half_open');
    expect([breaker.admits(11_000, false), breaker.admits(11_001, false)]).toEqual([true, false]);
    breaker.tell(false, 11_500);
    expect([breaker.state(11_500), breaker.admits(12_500, false)]).toEqual(['open', false]);
    expect(breaker.admits(21_500, false)).toBe(true);
    breaker.tell(true, 21_600);
    expect([breaker.state(21_600), told]).toEqual(['closed', ['opened', 'closed']]);
    for (let call = 0; call < 19; call += 1) breaker.tell(false, 21_700);
    expect(breaker.state(21_700)).toBe('closed');
  });
});
