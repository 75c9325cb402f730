import { describe, expect, it } from 'vitest';
import type { Ending, Lease, Leases, Turn, Wishes } from '../../src/cache/leases.ts';
import { GatewayError } from '../../src/errors.ts';
import { LONG, never, refused, sky, work } from './sky.ts';

/** Leases that say what a test has them say, of one flight. */
function oneLease() {
  const turn = Promise.withResolvers<Turn<string>>();
  const asked: { wishes?: Wishes<string>; name?: string } = {};
  const ends: Ending[] = [];
  /** Who waits on other instances. */
  const elsewhere: string[] = [];
  const lease: Lease = {
    token: 7,
    fence: { key: 'fox', token: 7 },
    isMine: () => Promise.resolve(true),
    isAwaited: () => Promise.resolve(elsewhere.length > 0),
    end: (how) => Promise.resolve(void ends.push(how)),
  };
  const leases: Leases = {
    seek<T>(name: string, wishes: Wishes<T>) {
      Object.assign(asked, { name, wishes });
      return turn.promise as Promise<Turn<T>>;
    },
  };
  return { leases, lease, ends, elsewhere, asked, say: (said: Turn<string>) => turn.resolve(said) };
}

const collect = () => Promise.reject(new Error('the leases collect, not the flight'));

function leasedSky() {
  const one = oneLease();
  const { flights } = sky();
  const waits: string[] = [];
  const join = (lead: Parameters<typeof flights.join>[1], who = '', collects = false) =>
    flights.join('fox', lead, { collects, across: { leases: one.leases, collect, onWait: () => waits.push(who) } });
  return { ...one, flights, join, waits };
}

describe('a flight with a lease', () => {
  it('asks for it before anybody leads, once for all aboard, and hands it to who leads', async () => {
    const { flights, join, lease, say, ends, asked } = leasedSky();
    const given: (Lease | null)[] = [];
    const seats = [
      join(async (_givenUp, its) => {
        given.push(its);
        return 'picture';
      }),
      join(never),
    ];
    expect(asked.name).toContain('fox');
    expect(given).toEqual([]);
    say({ kind: 'lead', lease });
    expect(await Promise.all(seats.map((seat) => seat.wait(LONG)))).toEqual(['picture', 'picture']);
    expect(seats.map(({ role }) => role)).toEqual(['leader', 'joiner']);
    expect(given).toEqual([lease]);
    await flights.idle();
    // To tell the others is the lead's own.
    expect(ends).toEqual([]);
  });

  it('is alone where nobody can be asked', async () => {
    const { join, say } = leasedSky();
    const seat = join(async (_givenUp, its) => (its === null ? 'alone' : 'leased'));
    say({ kind: 'lead', lease: null });
    expect(await seat.wait(LONG)).toBe('alone');
  });

  it('lands with what another instance has drawn, and nobody aboard has led', async () => {
    const { join, say, asked, waits } = leasedSky();
    const seats = [join(never, 'first'), join(never, 'second')];
    expect(seats[0]!.role).toBe('leader');
    asked.wishes!.onWait();
    expect(seats.map(({ role }) => role)).toEqual(['joiner', 'joiner']);
    expect(waits).toEqual(['first']);
    say({ kind: 'collected', value: 'theirs' });
    expect(await Promise.all(seats.map((seat) => seat.wait(LONG)))).toEqual(['theirs', 'theirs']);
  });

  it('fails with what another instance came to, for those aboard and nobody after them', async () => {
    const { flights, join, say } = leasedSky();
    const seats = [join(never), join(never)];
    const failure = new GatewayError('no_image', 'only words');
    say({ kind: 'failed', error: failure });
    for (const seat of seats) await expect(seat.wait(LONG)).rejects.toBe(failure);
    expect(flights.size).toBe(0);
    expect(flights.wouldJoin('fox')).toBe(false);
  });

  it('is led, when its turn comes, by one who is still there', async () => {
    const { join, say, lease, asked } = leasedSky();
    const gone = join(never);
    const there = join(async () => 'picture');
    asked.wishes!.onWait();
    gone.leave(false);
    say({ kind: 'lead', lease });
    expect(await there.wait(LONG)).toBe('picture');
    expect([gone.role, there.role]).toEqual(['joiner', 'leader']);
  });

  it('ends when all have left before anybody led: nobody pays, and whoever comes then begins anew', async () => {
    const { flights, join, say, lease, ends, asked } = leasedSky();
    const seats = [join(never), join(never)];
    seats[0]!.leave(false);
    expect(asked.wishes!.deserted.aborted).toBe(false);
    seats[1]!.leave(false);
    expect(asked.wishes!.deserted.aborted).toBe(true);
    expect(flights.wouldJoin('fox')).toBe(false);
    const anew = work();
    const later = flights.join('fox', anew.lead);
    expect(anew.begun).toBe(1);
    // The lease came just then: others have it.
    say({ kind: 'lead', lease });
    for (const seat of seats) await expect(seat.wait(LONG)).rejects.toThrow('Nobody waits');
    await expect.poll(() => ends).toEqual(['left']);
    // The end of the one did not hide the other.
    expect(flights.join('fox', never).role).toBe('joiner');
    anew.land('anew');
    expect(await later.wait(LONG)).toBe('anew');
    await flights.idle();
  });

  it('is not given up by those who leave with cancel while others wait for it elsewhere', async () => {
    for (const waiting of [true, false]) {
      const { flights, join, say, lease, elsewhere, ends } = leasedSky();
      const one = work();
      let signal = AbortSignal.abort();
      const seat = join((givenUp) => {
        signal = givenUp;
        return one.lead();
      });
      say({ kind: 'lead', lease });
      await expect.poll(() => one.begun).toBe(1);
      if (waiting) elsewhere.push('two');
      seat.leave(false, 'cancel');
      if (!waiting) await expect.poll(() => flights.wouldJoin('fox')).toBe(false);
      one.land('picture');
      await flights.idle();
      expect([signal.aborted, ends]).toEqual([!waiting, []]);
    }
  });

  it('is not given up when somebody boards while that is asked', async () => {
    const { flights, join, say, lease } = leasedSky();
    const one = work();
    let signal = AbortSignal.abort();
    const seat = join((givenUp) => {
      signal = givenUp;
      return one.lead();
    });
    say({ kind: 'lead', lease });
    await expect.poll(() => one.begun).toBe(1);
    seat.leave(false, 'cancel');
    const back = join(never);
    one.land('picture');
    expect(await back.wait(LONG)).toBe('picture');
    await flights.idle();
    expect(signal.aborted).toBe(false);
  });

  it('goes on waiting for one who may come back for what the store will not give it', async () => {
    const { join, say, asked } = leasedSky();
    join(never, '', true).leave(false);
    expect(asked.wishes!.deserted.aborted).toBe(false);
    const back = join(never, '', true);
    say({ kind: 'collected', value: 'theirs' });
    expect(await back.wait(LONG)).toBe('theirs');
  });

  it('that nobody has begun here, and nobody waits for, keeps no gateway from ending', async () => {
    const { flights, join, say, asked } = leasedSky();
    join(never, '', true).leave(false);
    const idle = flights.idle();
    expect(asked.wishes!.deserted.aborted).toBe(true);
    say({ kind: 'deserted' });
    await idle;
    expect(flights.size).toBe(0);
  });

  it('keeps the lease while a leader’s own refusal is not the others’, and leaves it to other instances at the end', async () => {
    const { flights, join, say, lease, ends } = leasedSky();
    const given: (Lease | null)[] = [];
    const refuse = (_givenUp: AbortSignal, its: Lease | null): Promise<string> => {
      given.push(its);
      return Promise.reject(refused());
    };
    const seats = [join(refuse), join(refuse)];
    say({ kind: 'lead', lease });
    for (const seat of seats) await expect(seat.wait(LONG)).rejects.toThrow('refused');
    await flights.idle();
    expect(given).toEqual([lease, lease]);
    expect(ends).toEqual(['left']);
  });

  it.each([
    [new GatewayError('upstream_busy', 'busy'), 'told'],
    [new GatewayError('unavailable', 'no ledger'), 'left'],
    [new Error('fault'), 'left'],
  ])('that fails with %s: %s', async (error, how) => {
    const { flights, join, say, lease, ends } = leasedSky();
    const seat = join(() => Promise.reject(error));
    say({ kind: 'lead', lease });
    await expect(seat.wait(LONG)).rejects.toBe(error);
    await flights.idle();
    expect(ends).toEqual([how === 'told' ? { failed: error } : 'left']);
  });
});

it('that is not shared with other instances begins at once', async () => {
  const { flights } = sky();
  const one = work();
  const seats = [
    flights.join('fox', one.lead, { across: null }),
    flights.fly('owl', one.lead),
    flights.fly(null, one.lead),
  ];
  expect(one.begun).toBe(3);
  one.land('picture');
  for (const seat of seats) expect(await seat.wait(LONG)).toBe('picture');
});
