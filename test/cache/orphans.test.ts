import { describe, expect, it } from 'vitest';

import type { Flights } from '../../src/cache/flights.ts';
import { GatewayError } from '../../src/errors.ts';
import { LONG, never, refused, sky, work } from './sky.ts';

async function landed(flights: Flights<string>, ownerKey: string, value: string): Promise<void> {
  const seat = flights.fly(ownerKey, async () => value);
  await seat.wait(LONG);
  seat.leave(false);
}

describe('an orphan', () => {
  it('is adopted in the air by a caller of the same owner key', async () => {
    const { flights } = sky();
    const one = work();
    flights.fly('acme fox', one.lead).leave(false);
    const back = flights.fly('acme fox', never);
    one.land('picture');
    expect(await back.wait(LONG)).toBe('picture');
    expect(back.role).toBe('adopter');
  });

  it('is not made by two workers who both wait: they get two pictures', async () => {
    const { flights } = sky();
    const seats = [flights.fly('acme fox', async () => 'one'), flights.fly('acme fox', async () => 'two')];
    expect(await Promise.all(seats.map((seat) => seat.wait(LONG)))).toEqual(['one', 'two']);
  });

  it('serves one adopter, so that two who come back get both', async () => {
    const { flights } = sky();
    const workers = ['one', 'two'].map((picture) => flights.fly('acme fox', async () => picture));
    for (const worker of workers) worker.leave(false);
    const back = [
      flights.fly('acme fox', never),
      flights.fly('acme fox', never),
      flights.fly('acme fox', async () => 'three'),
    ];
    expect(await Promise.all(back.map((seat) => seat.wait(LONG)))).toEqual(['one', 'two', 'three']);
  });

  it('is looked for a moment later where one is in the air that nobody is known to have left', async () => {
    const { flights } = sky();
    const one = work();
    const seat = flights.fly('acme fox', one.lead);
    expect([flights.mayBeLeft('acme fox'), flights.mayBeLeft('acme owl')]).toEqual([true, false]);
    seat.leave(false);
    expect(flights.mayBeLeft('acme fox')).toBe(false);
    one.land('picture');
    await flights.idle();
    expect(flights.mayBeLeft('acme fox')).toBe(false);
    flights.fly('acme fox', never).leave(true);
    flights.join('fox', async () => 'shared').leave(true);
    expect(flights.mayBeLeft('fox')).toBe(false);
  });

  it('is of one owner key only', async () => {
    const { flights } = sky();
    flights.fly('acme fox', async () => 'picture').leave(false);
    expect(await flights.fly('zeta fox', async () => 'another').wait(LONG)).toBe('another');
  });

  it('waits two minutes from its landing and no longer', async () => {
    const { flights, clock } = sky();
    const left = async (): Promise<void> => {
      const one = work();
      const seat = flights.fly('acme fox', one.lead);
      clock.now += 500_000;
      one.land('picture');
      await seat.wait(LONG);
      seat.leave(false);
    };
    await left();
    clock.now += 119_999;
    expect(await flights.fly('acme fox', never).wait(LONG)).toBe('picture');
    await left();
    clock.now += 120_000;
    expect(await flights.fly('acme fox', async () => 'another').wait(LONG)).toBe('another');
    expect(flights.orphans).toEqual({ count: 0, bytes: 0 });
  });

  it('is one again when its adopter leaves undelivered too, and its two minutes go on', async () => {
    const { flights, clock } = sky();
    await landed(flights, 'acme fox', 'picture');
    clock.now += 60_000;
    flights.fly('acme fox', never).leave(false);
    clock.now += 59_000;
    const last = flights.fly('acme fox', never);
    expect(await last.wait(LONG)).toBe('picture');
    last.leave(true);
    expect(flights.orphans).toEqual({ count: 0, bytes: 0 });
    clock.now += 1000;
    last.leave(false);
    expect(await flights.fly('acme fox', async () => 'another').wait(LONG)).toBe('another');
  });

  it('is forgotten when it fails', async () => {
    const { flights } = sky();
    const one = work();
    flights.fly('acme fox', one.lead).leave(false);
    one.fail(new GatewayError('upstream_failed', 'broken'));
    await flights.idle();
    expect(await flights.fly('acme fox', async () => 'another').wait(LONG)).toBe('another');
  });

  it('shares its failure with an adopter, and is led by the adopter when its own leader was refused', async () => {
    const { flights } = sky();
    const works = [work(), work()];
    flights.fly('acme fox', works[0]!.lead).leave(false);
    const unlucky = flights.fly('acme fox', never);
    works[0]!.fail(new GatewayError('upstream_failed', 'broken'));
    await expect(unlucky.wait(LONG)).rejects.toThrow('broken');
    unlucky.leave(false);

    flights.fly('acme fox', works[1]!.lead).leave(false);
    const lucky = flights.fly('acme fox', async () => 'picture');
    works[1]!.fail(refused());
    expect(await lucky.wait(LONG)).toBe('picture');
    expect(lucky.role).toBe('leader');
  });

  it('is left once by one caller, however often it says so', async () => {
    const { flights } = sky();
    const seat = flights.fly('acme fox', async () => 'picture');
    seat.leave(false);
    seat.leave(false);
    await flights.idle();
    expect(await flights.fly('acme fox', never).wait(LONG)).toBe('picture');
    expect(await flights.fly('acme fox', async () => 'another').wait(LONG)).toBe('another');
  });

  it('is not made by one who leaves when the two minutes are over', async () => {
    const { flights, clock } = sky();
    const seat = flights.fly('acme fox', async () => 'picture');
    await seat.wait(LONG);
    clock.now += 120_000;
    seat.leave(false);
    expect(flights.orphans).toEqual({ count: 0, bytes: 0 });
  });

  it('is not made by one who got the answer', async () => {
    const { flights } = sky();
    const seat = flights.fly('acme fox', async () => 'picture');
    await seat.wait(LONG);
    seat.leave(true);
    expect(flights.orphans).toEqual({ count: 0, bytes: 0 });
  });

  it('makes room for the younger, by count and by bytes', async () => {
    const { flights } = sky({ orphans: 3, orphanBytes: 10 });
    for (const name of ['a', 'b', 'c', 'd']) await landed(flights, name, name);
    expect(flights.orphans).toEqual({ count: 3, bytes: 3 });
    expect(await flights.fly('a', async () => 'anew').wait(LONG)).toBe('anew');
    await landed(flights, 'e', '123456789');
    expect(flights.orphans).toEqual({ count: 2, bytes: 10 });
    await landed(flights, 'f', 'more than ten bytes');
    expect(flights.orphans).toEqual({ count: 2, bytes: 10 });
    expect(await flights.fly('d', never).wait(LONG)).toBe('d');
    expect(await flights.fly('e', never).wait(LONG)).toBe('123456789');
    expect(flights.orphans).toEqual({ count: 0, bytes: 0 });
  });
});

describe('the room for orphans', () => {
  const leftBy = async (flights: Flights<string>, owner: string, name: string, value: string): Promise<void> => {
    const seat = flights.fly(`${owner} ${name}`, async () => value, { owner });
    await seat.wait(LONG);
    seat.leave(false);
  };

  it('is shared: who leaves many behind makes room for them among its own', async () => {
    const { flights } = sky({ orphans: 4 });
    await leftBy(flights, 'zeta', 'one', 'theirs');
    for (let index = 0; index < 20; index += 1) await leftBy(flights, 'acme', String(index), 'x');
    expect(flights.orphans.count).toBe(4);
    expect(await flights.fly('zeta one', never, { owner: 'zeta' }).wait(LONG)).toBe('theirs');
    expect(await flights.fly('acme 17', never, { owner: 'acme' }).wait(LONG)).toBe('x');
    expect(await flights.fly('acme 16', async () => 'anew', { owner: 'acme' }).wait(LONG)).toBe('anew');
  });

  it('is shared in bytes too: large ones push out no small ones of another', async () => {
    const { flights } = sky({ orphanBytes: 100 });
    for (const name of ['one', 'two']) await leftBy(flights, 'zeta', name, 'z'.repeat(20));
    for (let index = 0; index < 5; index += 1) await leftBy(flights, 'acme', String(index), 'x'.repeat(60));
    for (const name of ['one', 'two'])
      expect(await flights.fly(`zeta ${name}`, never, { owner: 'zeta' }).wait(LONG)).toBe('z'.repeat(20));
    expect(flights.orphans).toEqual({ count: 1, bytes: 60 });
  });
});

describe('a joined flight whose answer the store will not give', () => {
  it('is collected once by each who left without it', async () => {
    const { flights } = sky();
    const one = work();
    const seats = [1, 2, 3].map(() => flights.join('fox', one.lead, { collects: true }));
    seats[0]?.leave(false);
    one.land('picture');
    await flights.idle();
    seats[1]?.leave(true);
    seats[2]?.leave(false);
    const back = [1, 2].map(() => flights.join('fox', never, { collects: true }));
    expect(await Promise.all(back.map((seat) => seat.wait(LONG)))).toEqual(['picture', 'picture']);
    expect(await flights.join('fox', async () => 'anew', { collects: true }).wait(LONG)).toBe('anew');
  });

  it('owes nothing any more to one who came back while it was in the air', async () => {
    const { flights } = sky();
    const one = work();
    flights.join('fox', one.lead, { collects: true }).leave(false);
    const back = flights.join('fox', never, { collects: true });
    one.land('picture');
    expect(await back.wait(LONG)).toBe('picture');
    back.leave(true);
    expect(flights.orphans.count).toBe(0);
  });

  it('owes nothing to one who was refused', async () => {
    const { flights } = sky();
    const one = work();
    const unlucky = flights.join('fox', one.lead, { collects: true });
    const lucky = flights.join('fox', async () => 'picture', { collects: true });
    one.fail(refused());
    await expect(unlucky.wait(LONG)).rejects.toThrow('refused');
    unlucky.leave(false);
    expect(await lucky.wait(LONG)).toBe('picture');
    lucky.leave(true);
    expect(flights.orphans.count).toBe(0);
  });

  it('is left alone by those who do not collect', async () => {
    const { flights } = sky();
    flights.join('fox', async () => 'old', { collects: true }).leave(false);
    await flights.idle();
    expect(await flights.join('fox', async () => 'new').wait(LONG)).toBe('new');
    flights.join('owl', async () => 'old').leave(false);
    await flights.idle();
    expect(flights.orphans.count).toBe(1);
  });
});
