import { describe, expect, it } from 'vitest';
import { LONG, refused, sky, work } from './sky.ts';

function watched() {
  const spent: string[] = [];
  return { ...sky({ onSpent: (value) => spent.push(value) }), spent };
}

describe('an answer is spent', () => {
  it('when the last of those aboard has received it, and not before', async () => {
    const { flights, spent } = watched();
    const { lead, land } = work();
    const seats = [flights.join('a', lead), flights.join('a', lead), flights.join('a', lead)];
    land('picture');
    await Promise.all(seats.map((seat) => seat.wait(LONG)));
    for (const seat of seats) {
      expect(spent).toEqual([]);
      seat.leave(true);
    }
    expect(spent).toEqual(['picture']);
    seats.forEach((seat) => seat.leave(true));
    expect(spent).toEqual(['picture']);
  });

  it('when it was for one caller alone', async () => {
    const { flights, spent } = watched();
    for (const owner of ['me', null]) {
      const { lead, land } = work();
      const seat = flights.fly(owner, lead);
      land(`for ${owner}`);
      await seat.wait(LONG);
      seat.leave(true);
    }
    expect(spent).toEqual(['for me', 'for null']);
  });

  it.each([true, false])('never, when somebody left without it (who collects it: %s)', async (collects) => {
    const { flights, spent } = watched();
    const { lead, land } = work();
    const [one, other] = [flights.join('a', lead, { collects }), flights.join('a', lead, { collects })];
    one.leave(false);
    land('picture');
    await other.wait(LONG);
    other.leave(true);
    const back = flights.join('a', async () => 'another', { collects });
    expect(await back.wait(LONG)).toBe(collects ? 'picture' : 'another');
    back.leave(true);
    expect(spent).toEqual(collects ? [] : ['another']);
  });

  it('never, when its reading broke off', async () => {
    const { flights, spent } = watched();
    const { lead, land } = work();
    const seat = flights.join('a', lead);
    land('picture');
    await seat.wait(LONG);
    seat.leave(false);
    expect(spent).toEqual([]);
  });

  it('never, when it failed', async () => {
    const { flights, spent } = watched();
    const { lead, fail } = work();
    const seat = flights.join('a', lead);
    fail(new Error('broken'));
    await expect(seat.wait(LONG)).rejects.toThrow('broken');
    seat.leave(true);
    expect(spent).toEqual([]);
  });

  it('after a refused leader too, when those who followed have it', async () => {
    const { flights, spent } = watched();
    const { lead, land } = work();
    const first = flights.join('a', () => Promise.reject(refused()));
    const second = flights.join('a', lead);
    await expect(first.wait(LONG)).rejects.toThrow('refused');
    first.leave(false);
    land('picture');
    expect(await second.wait(LONG)).toBe('picture');
    second.leave(true);
    expect(spent).toEqual(['picture']);
  });
});
