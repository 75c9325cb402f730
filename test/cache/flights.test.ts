import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Flights, type FlightsOptions, isRefusalInPerson, type Seat } from '../../src/cache/flights.ts';
import { FAILURE_STATUS, type Failure, GatewayError } from '../../src/errors.ts';

const LONG = 3_600_000;
const RUNS = process.env['PLANTAIN_TEST_LONG'] === undefined ? 500 : 20_000;

const unhandled: unknown[] = [];
const note = (reason: unknown): number => unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', note));
afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

function sky(options: Partial<FlightsOptions<string>> = {}) {
  const clock = { now: 0 };
  return { clock, flights: new Flights<string>({ now: () => clock.now, sizeOf: (value) => value.length, ...options }) };
}

/** A lead that lands or fails when told to, and counts how often it was begun. */
function work(): {
  lead: () => Promise<string>;
  land: (value: string) => void;
  fail: (error: unknown) => void;
  begun: number;
} {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const made = {
    begun: 0,
    land: resolve,
    fail: reject,
    lead: () => {
      made.begun += 1;
      return promise;
    },
  };
  return made;
}

const never = (): Promise<string> => {
  throw new Error('this lead was not to be begun');
};

const refused = (failure: Failure = 'budget_exhausted'): GatewayError => new GatewayError(failure, 'refused');

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

async function landed(flights: Flights<string>, ownerKey: string, value: string): Promise<void> {
  const seat: Seat<string> = flights.fly(ownerKey, async () => value);
  await seat.wait(LONG);
  seat.leave(false);
}

describe('in every order of events', () => {
  type End = 'land' | 'refuse' | 'fail';
  interface Caller {
    readonly key: string;
    readonly end: End;
    readonly leaves: 'delivered' | 'in the air' | 'after the landing';
  }
  const caller: fc.Arbitrary<Caller> = fc.record({
    key: fc.constantFrom('fox', 'owl'),
    end: fc.constantFrom<End>('land', 'land', 'refuse', 'fail'),
    leaves: fc.constantFrom('delivered', 'delivered', 'in the air', 'after the landing'),
  });

  it('joiners share: never two leads of one key at once, each lead at most once, none hangs, each gets what is theirs', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(caller, { minLength: 1, maxLength: 12 }),
        async (scheduler, callers) => {
          const { flights } = sky();
          const leading = new Map<string, number>();
          const begun = new Map<number, number>();
          const outcomes: Promise<void>[] = [];

          const act = (one: Caller, id: number): void => {
            const lead = async (): Promise<string> => {
              begun.set(id, (begun.get(id) ?? 0) + 1);
              expect(leading.has(one.key)).toBe(false);
              leading.set(one.key, id);
              await scheduler.schedule(Promise.resolve(), `work of ${id}`);
              leading.delete(one.key);
              if (one.end === 'land') return `${one.key} by ${id}`;
              throw new GatewayError(one.end === 'refuse' ? 'rate_limited' : 'upstream_failed', `${one.key} by ${id}`);
            };
            const seat = flights.join(one.key, lead);
            if (one.leaves === 'in the air')
              void scheduler.schedule(Promise.resolve(), `${id} leaves`).then(() => seat.leave(false));
            outcomes.push(
              seat.wait(LONG).then(
                (value) => {
                  const by = Number(value.split(' ').at(-1));
                  expect(value.startsWith(one.key)).toBe(true);
                  expect(callers[by]?.end).toBe('land');
                  seat.leave(one.leaves === 'delivered');
                },
                (error: unknown) => {
                  const { failure, message } = error as GatewayError;
                  const by = Number(message.split(' ').at(-1));
                  expect(message.startsWith(one.key)).toBe(true);
                  // A refusal is one's own, but for the last that ended a flight others had left.
                  if (failure === 'rate_limited' && one.leaves !== 'in the air') expect(by).toBe(id);
                  if (failure === 'upstream_failed') expect(callers[by]?.end).toBe('fail');
                },
              ),
            );
          };
          for (const [id, one] of callers.entries()) {
            void scheduler.schedule(Promise.resolve(), `${id} comes`).then(() => act(one, id));
          }
          await scheduler.waitIdle();
          await Promise.all(outcomes);
          await flights.idle();
          expect(outcomes.length).toBe(callers.length);
          expect([...begun.values()].every((times) => times === 1)).toBe(true);
          expect(flights.size).toBe(0);
          expect(flights.orphans).toEqual({ count: 0, bytes: 0 });
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('lone flyers do not share: no answer is delivered twice, and none is drawn while one is owed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(caller, { minLength: 1, maxLength: 12 }),
        async (scheduler, callers) => {
          const { flights } = sky();
          const delivered: string[] = [];
          const outcomes: Promise<void>[] = [];
          let drawnAnswers = 0;

          const act = (one: Caller, id: number): void => {
            const lead = async (): Promise<string> => {
              await scheduler.schedule(Promise.resolve(), `work of ${id}`);
              if (one.end !== 'land') {
                throw new GatewayError(one.end === 'refuse' ? 'rate_limited' : 'upstream_failed', 'no');
              }
              drawnAnswers += 1;
              return `${one.key} by ${id}`;
            };
            const seat = flights.fly(one.key, lead);
            const outcome = seat.wait(LONG);
            if (one.leaves === 'in the air')
              void scheduler.schedule(Promise.resolve(), `${id} leaves`).then(() => seat.leave(false));
            outcomes.push(
              outcome.then(
                (value) => {
                  expect(value.startsWith(one.key)).toBe(true);
                  if (one.leaves === 'delivered') delivered.push(value);
                  seat.leave(one.leaves === 'delivered');
                },
                () => seat.leave(false),
              ),
            );
          };
          for (const [id, one] of callers.entries()) {
            void scheduler.schedule(Promise.resolve(), `${id} comes`).then(() => act(one, id));
          }
          await scheduler.waitIdle();
          await Promise.all(outcomes);
          await flights.idle();
          expect(new Set(delivered).size).toBe(delivered.length);

          const kept: string[] = [];
          for (const key of ['fox', 'owl']) {
            for (;;) {
              const seat = flights.fly(key, async () => 'none is left');
              const value = await seat.wait(LONG);
              seat.leave(true);
              if (value === 'none is left') break;
              kept.push(value);
            }
          }
          expect(delivered.length + kept.length).toBe(drawnAnswers);
          expect(new Set([...delivered, ...kept]).size).toBe(drawnAnswers);
          expect(flights.orphans).toEqual({ count: 0, bytes: 0 });
        },
      ),
      { numRuns: RUNS },
    );
  });
});
