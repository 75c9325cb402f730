import { describe, expect, it } from 'vitest';

import { isRefusalInPerson } from '../../src/cache/refusal.ts';
import { FAILURE_STATUS, type Failure, GatewayError } from '../../src/errors.ts';
import { LONG, never, refused, sky, work } from './sky.ts';

describe('a flight that is joined', () => {
  it('is led once for 200 callers, who all get the answer', async () => {
    const { flights } = sky();
    const one = work();
    const seats = Array.from({ length: 200 }, () => flights.join('fox', one.lead));
    one.land('picture');
    expect(await Promise.all(seats.map((seat) => seat.wait(LONG)))).toEqual(Array(200).fill('picture'));
    expect(one.begun).toBe(1);
    expect(seats.map(({ role }) => role)).toEqual(['leader', ...Array(199).fill('joiner')]);
  });

  it('is of one key only, and no concern of those who fly alone', async () => {
    const { flights } = sky();
    const works = [work(), work(), work()];
    flights.join('fox', works[0]!.lead);
    flights.join('owl', works[1]!.lead);
    flights.fly('fox', works[2]!.lead);
    expect(works.map(({ begun }) => begun)).toEqual([1, 1, 1]);
    expect(flights.size).toBe(3);
    for (const one of works) one.land('picture');
    await flights.idle();
    expect(flights.size).toBe(0);
  });

  it('goes on when its leader leaves', async () => {
    const { flights } = sky();
    const one = work();
    const leader = flights.join('fox', one.lead);
    const joiner = flights.join('fox', never);
    leader.leave(false);
    one.land('picture');
    expect(await joiner.wait(LONG)).toBe('picture');
  });

  it('goes on when all have left, and those who come back join it', async () => {
    const { flights } = sky();
    const one = work();
    flights.join('fox', one.lead).leave(false);
    const back = flights.join('fox', never);
    one.land('picture');
    expect(await back.wait(LONG)).toBe('picture');
  });

  it('begins anew once it has landed', async () => {
    const { flights } = sky();
    await flights.join('fox', async () => 'first').wait(LONG);
    expect(await flights.join('fox', async () => 'second').wait(LONG)).toBe('second');
  });

  it('shares its failure once with those aboard, and with nobody after them', async () => {
    const { flights } = sky();
    const one = work();
    const seats = [flights.join('fox', one.lead), flights.join('fox', never), flights.join('fox', never)];
    const failure = new GatewayError('upstream_failed', 'the upstream broke off');
    one.fail(failure);
    for (const seat of seats) await expect(seat.wait(LONG)).rejects.toBe(failure);
    expect(await flights.join('fox', async () => 'picture').wait(LONG)).toBe('picture');
  });

  it('fails like any other when a lead throws at once', async () => {
    const { flights } = sky();
    await expect(flights.join('fox', never).wait(LONG)).rejects.toThrow('not to be begun');
    await flights.idle();
  });

  it('still tells its outcome to one who left while waiting', async () => {
    const { flights } = sky();
    const one = work();
    const seat = flights.join('fox', one.lead);
    const waiting = seat.wait(LONG);
    seat.leave(false);
    one.land('picture');
    expect(await waiting).toBe('picture');
  });
});

describe('a refusal in person', () => {
  it('hands the lead to the next who waits, and each of the refused gets their own', async () => {
    const { flights } = sky();
    const first = work();
    const mine = refused('rate_limited');
    const second = flights.join('fox', first.lead);
    const seats = [
      second,
      flights.join('fox', () => Promise.reject(mine)),
      flights.join('fox', async () => 'picture'),
      flights.join('fox', never),
    ];
    const theirs = refused('budget_exhausted');
    first.fail(theirs);
    const outcomes = await Promise.allSettled(seats.map((seat) => seat.wait(LONG)));
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason))).toEqual([
      theirs,
      mine,
      'picture',
      'picture',
    ]);
    expect(seats.map(({ role }) => role)).toEqual(['leader', 'leader', 'leader', 'joiner']);
  });

  it('does not make one lead who has left', async () => {
    const { flights } = sky();
    const first = work();
    flights.join('fox', first.lead);
    flights.join('fox', never).leave(false);
    const last = flights.join('fox', async () => 'picture');
    first.fail(refused());
    expect(await last.wait(LONG)).toBe('picture');
  });

  it('ends the flight when nobody is left to lead', async () => {
    const { flights } = sky();
    const first = work();
    const seat = flights.join('fox', first.lead);
    first.fail(refused());
    await expect(seat.wait(LONG)).rejects.toThrow('refused');
    await flights.idle();
    expect(await flights.join('fox', async () => 'picture').wait(LONG)).toBe('picture');
  });

  it('is one of five failures', () => {
    const failures = Object.keys(FAILURE_STATUS) as Failure[];
    expect(failures.filter((failure) => isRefusalInPerson(refused(failure)))).toEqual([
      'forbidden',
      'rate_limited',
      'budget_reserved',
      'budget_exhausted',
      'not_cached',
    ]);
    expect(isRefusalInPerson(new Error('rate_limited'))).toBe(false);
  });
});

describe("a caller's own deadline", () => {
  it('is told to the caller alone, and the flight goes on', async () => {
    const { flights } = sky();
    const one = work();
    const hasty = flights.join('fox', one.lead);
    const patient = flights.join('fox', never);
    await expect(hasty.wait(0)).rejects.toMatchObject({
      failure: 'upstream_timeout',
      detail: { retryAfterSeconds: 5, retry: true },
    });
    one.land('picture');
    expect(await patient.wait(LONG)).toBe('picture');
  });

  it('counts as leaving undelivered, whatever is said of the delivery afterwards', async () => {
    const { flights } = sky();
    const one = work();
    const seat = flights.fly('acme fox', one.lead);
    await expect(seat.wait(0)).rejects.toThrow('5 seconds');
    seat.leave(true);
    one.land('picture');
    const back = flights.fly('acme fox', never);
    expect(await back.wait(LONG)).toBe('picture');
  });

  it('may be as far away as the caller likes', async () => {
    const { flights } = sky();
    const one = work();
    const waiting = flights.join('fox', one.lead).wait(Infinity);
    await new Promise((resolve) => setTimeout(resolve, 5));
    one.land('picture');
    expect(await waiting).toBe('picture');
  });
});

describe('idle', () => {
  it('waits for what departs while it waits', async () => {
    const { flights } = sky();
    const [first, second] = [work(), work()];
    flights.join('fox', first.lead);
    let isIdle = false;
    const idle = flights.idle().then(() => (isIdle = true));
    flights.fly('acme owl', second.lead);
    first.land('picture');
    await flights.join('fox', never).wait(LONG);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isIdle).toBe(false);
    second.fail(new Error('broken'));
    await idle;
    await sky().flights.idle();
  });
});
