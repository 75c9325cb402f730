import { describe, expect, it } from 'vitest';

import { Flights, type Lead } from '../../src/cache/flights.ts';
import { GatewayError } from '../../src/errors.ts';
import { LONG } from './sky.ts';

function sky() {
  const flights = new Flights<string, string>({ now: () => 0, sizeOf: (value) => value.length });
  const done = Promise.withResolvers<string>();
  let tell: (word: string) => void = () => undefined;
  const lead: Lead<string, string> = (_givenUp, _lease, say) => {
    tell = say;
    return done.promise;
  };
  return { flights, lead, say: (word: string) => tell(word), land: done.resolve, fail: done.reject };
}

const never: Lead<string, string> = () => {
  throw new Error('this lead was not to be begun');
};

function heardBy(seat: { follow(listener: (word: string) => void): void }): string[] {
  const heard: string[] = [];
  seat.follow((word) => heard.push(word));
  return heard;
}

describe('what is told in a flight', () => {
  it('is heard by all aboard who follow, by those who come late from the beginning', async () => {
    const { flights, lead, say, land } = sky();
    const leader = flights.join('fox', lead);
    const first = heardBy(leader);
    say('one');
    const late = flights.join('fox', never);
    const second = heardBy(late);
    say('two');
    land('picture');
    expect([await leader.wait(LONG), await late.wait(LONG)]).toEqual(['picture', 'picture']);
    expect([first, second]).toEqual([
      ['one', 'two'],
      ['one', 'two'],
    ]);
  });

  it('is heard by nobody who has left, and still by the others', () => {
    const { flights, lead, say } = sky();
    const leader = flights.join('fox', lead);
    const joiner = flights.join('fox', never);
    const [gone, there] = [heardBy(leader), heardBy(joiner)];
    say('one');
    leader.leave(false);
    say('two');
    expect([gone, there]).toEqual([['one'], ['one', 'two']]);
    expect(heardBy(leader)).toEqual([]);
  });

  it('is over when the flight is: who collects the answer hears nothing but that', async () => {
    const { flights, lead, say, land } = sky();
    const leader = flights.fly('owner', lead);
    say('one');
    leader.leave(false);
    land('picture');
    await flights.idle();
    const adopter = flights.fly('owner', never);
    expect(heardBy(adopter)).toEqual([]);
    expect(await adopter.wait(LONG)).toBe('picture');
    say('too late');
  });

  it('is not heard of another flight', async () => {
    const { flights, lead, say } = sky();
    const other = heardBy(flights.join('owl', () => new Promise<string>(() => undefined)));
    flights.join('fox', lead);
    say('one');
    expect(other).toEqual([]);
  });

  it('by one who was refused in person goes on with what the next leader tells', async () => {
    const { flights, lead, say, fail } = sky();
    const leader = flights.join('fox', lead);
    const next = sky();
    const joiner = flights.join('fox', next.lead);
    const heard = heardBy(joiner);
    say('one');
    fail(new GatewayError('budget_exhausted', 'refused'));
    await expect(leader.wait(LONG)).rejects.toMatchObject({ failure: 'budget_exhausted' });
    next.say('two');
    next.land('picture');
    expect(await joiner.wait(LONG)).toBe('picture');
    expect(heard).toEqual(['one', 'two']);
  });
});
