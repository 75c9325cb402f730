import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { LONG, never, refused, sky, work } from './sky.ts';

/** A lead that is told when it is given up, and ends only when the test says so. */
function watched() {
  const made = work();
  const state: { givenUp: AbortSignal | null } = { givenUp: null };
  const lead = (givenUp: AbortSignal): Promise<string> => {
    state.givenUp = givenUp;
    return made.lead();
  };
  return { ...made, lead, isGivenUp: () => state.givenUp?.aborted ?? false, begun: () => made.begun };
}

describe('a flight that is left with cancel', () => {
  it('is given up when the last aboard has left', () => {
    const { flights } = sky();
    const one = watched();
    const seats = [flights.join('fox', one.lead), flights.join('fox', never)];
    seats[0]?.leave(false, 'cancel');
    expect(one.isGivenUp()).toBe(false);
    seats[1]?.leave(false, 'cancel');
    expect(one.isGivenUp()).toBe(true);
  });

  it('goes on for a joiner who is still aboard, and lands for it', async () => {
    const { flights } = sky();
    const one = watched();
    const leader = flights.join('fox', one.lead);
    const joiner = flights.join('fox', never);
    leader.leave(false, 'cancel');
    one.land('picture');
    expect(await joiner.wait(LONG)).toBe('picture');
    joiner.leave(true);
    expect(one.isGivenUp()).toBe(false);
  });

  it('goes on for one who left with finish, be it before or after the others', () => {
    for (const ways of [['finish', 'cancel'] as const, ['cancel', 'finish'] as const]) {
      const { flights } = sky();
      const one = watched();
      const seats = [flights.join('owl', one.lead), flights.join('owl', never)];
      seats.forEach((seat, index) => seat.leave(false, ways[index]));
      expect(one.isGivenUp(), ways.join()).toBe(false);
      one.land('picture');
    }
  });

  it('goes on for one who was told to come back', async () => {
    const { flights } = sky();
    const one = watched();
    const seat = flights.fly('acme fox', one.lead);
    await expect(seat.wait(1)).rejects.toMatchObject({ failure: 'upstream_timeout' });
    seat.leave(false, 'cancel');
    expect(one.isGivenUp()).toBe(false);
    const back = flights.fly('acme fox', never);
    one.land('picture');
    expect(await back.wait(LONG)).toBe('picture');
    back.leave(false, 'cancel');
    expect(one.isGivenUp()).toBe(false);
  });

  it('is found by nobody who comes later, and does not take the place of the one that departs for it', async () => {
    const { flights } = sky();
    const [first, second] = [watched(), watched()];
    flights.join('fox', first.lead, { collects: true }).leave(false, 'cancel');
    const anew = flights.join('fox', second.lead, { collects: true });
    expect(anew.role).toBe('leader');
    first.fail(new GatewayError('upstream_failed', 'broken off'));
    await new Promise(setImmediate);
    const joiner = flights.join('fox', never);
    second.land('picture');
    expect(await joiner.wait(LONG)).toBe('picture');
    anew.leave(true);
    joiner.leave(true);
    await flights.idle();
    expect(flights.orphans.count).toBe(0);
  });

  it('that lands all the same is kept for who left it: its reply had begun, and it is paid for', async () => {
    const { flights } = sky();
    const one = watched();
    flights.fly('acme fox', one.lead).leave(false, 'cancel');
    one.land('picture');
    await flights.idle();
    expect(await flights.fly('acme fox', never).wait(LONG)).toBe('picture');
  });

  it('is not given up once it has landed', async () => {
    const { flights } = sky();
    const one = watched();
    const seat = flights.fly('acme fox', one.lead);
    one.land('picture');
    await seat.wait(LONG);
    seat.leave(false, 'cancel');
    expect(one.isGivenUp()).toBe(false);
    expect(flights.orphans.count).toBe(1);
  });
});

describe('a joiner who boards a flight whose leader has left', () => {
  it('leads when that one is refused, and is the last aboard then', async () => {
    const { flights } = sky();
    const [first, second] = [work(), watched()];
    flights.join('fox', first.lead).leave(false);
    const joiner = flights.join('fox', second.lead);
    first.fail(refused());
    await expect.poll(() => second.begun()).toBe(1);
    expect(flights.detached).toBe(0);
    joiner.leave(false, 'cancel');
    expect(flights.detached).toBe(1);
    second.land('picture');
    await flights.idle();
  });
});

describe('flights that nobody waits for', () => {
  it('are bounded for each owner: above the bound nothing of it departs, and all others fly', async () => {
    const { flights } = sky({ detachedPerOwner: 2 });
    const works = [work(), work()];
    works.forEach(({ lead }, index) => flights.fly(`acme ${index}`, lead, { owner: 'acme' }).leave(false));
    expect(flights.detached).toBe(2);
    expect(() => flights.fly('acme owl', never, { owner: 'acme' })).toThrow('nobody waits for');
    expect(() => flights.join('owl', never, { owner: 'acme' })).toThrow('nobody waits for');
    expect(await flights.fly('zeta fox', async () => 'theirs', { owner: 'zeta' }).wait(LONG)).toBe('theirs');

    // Whoever comes back for one makes room, and so does one that lands.
    const back = flights.fly('acme 0', never, { owner: 'acme' });
    expect(flights.detached).toBe(1);
    expect(await flights.fly('acme owl', async () => 'owl', { owner: 'acme' }).wait(LONG)).toBe('owl');
    back.leave(false);
    works.forEach(({ land }) => land('picture'));
    await flights.idle();
    expect(flights.detached).toBe(0);
  });

  it('stay counted until those that were given up have ended', async () => {
    const { flights } = sky({ detachedPerOwner: 1 });
    const one = watched();
    flights.fly('acme fox', one.lead, { owner: 'acme' }).leave(false, 'cancel');
    expect(() => flights.fly('acme owl', never, { owner: 'acme' })).toThrow('nobody waits for');
    one.fail(new GatewayError('upstream_failed', 'broken off'));
    await flights.idle();
    expect(flights.detached).toBe(0);
  });
});
