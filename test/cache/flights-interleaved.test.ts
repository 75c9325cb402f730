import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Seat } from '../../src/cache/flights.ts';
import { GatewayError } from '../../src/errors.ts';
import { LONG, sky } from './sky.ts';

const RUNS = process.env['PLANTAIN_TEST_LONG'] === undefined ? 500 : 30_000;

const unhandled: unknown[] = [];
const note = (reason: unknown): number => unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', note));
afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

/** What one caller's request is like: what becomes of its own lead, and when it leaves. */
interface Caller {
  readonly key: string;
  readonly end: 'land' | 'refuse' | 'fail';
  readonly leaves: 'delivered' | 'in the air' | 'undelivered';
}

const callers: fc.Arbitrary<Caller[]> = fc.array(
  fc.record({
    key: fc.constantFrom('fox', 'owl'),
    end: fc.constantFrom<Caller['end'][]>('land', 'land', 'refuse', 'fail'),
    leaves: fc.constantFrom<Caller['leaves'][]>('delivered', 'delivered', 'in the air', 'undelivered'),
  }),
  { minLength: 1, maxLength: 12 },
);

/** What became of a caller's wait: `by` is the caller whose lead decided it. */
type Told = { readonly key: string; readonly by: number } & ({ readonly value: string } | { readonly failure: string });

interface Story {
  /** By caller; each is told once, or hangs. */
  readonly told: ReadonlyMap<number, Told>;
  /** Callers whose lead was begun, in that order. */
  readonly led: readonly number[];
  /** The most leads of one key at work at once. */
  readonly atOnce: number;
  /** Answers that reached a caller who stayed for them. */
  readonly delivered: readonly string[];
}

type Board = (key: string, lead: () => Promise<string>) => Seat<string>;

async function play(scheduler: fc.Scheduler, all: readonly Caller[], board: Board): Promise<Story> {
  const told = new Map<number, Told>();
  const led: number[] = [];
  const delivered: string[] = [];
  const atWork = new Map<string, number>();
  let atOnce = 0;

  const lead = async ({ key, end }: Caller, id: number): Promise<string> => {
    led.push(id);
    atWork.set(key, (atWork.get(key) ?? 0) + 1);
    atOnce = Math.max(atOnce, ...atWork.values());
    await scheduler.schedule(Promise.resolve(), `work of ${id}`);
    atWork.set(key, (atWork.get(key) ?? 0) - 1);
    if (end === 'land') return `${key} ${id}`;
    throw new GatewayError(end === 'refuse' ? 'rate_limited' : 'upstream_failed', `${key} ${id}`);
  };
  const live = async (caller: Caller, id: number): Promise<void> => {
    await scheduler.schedule(Promise.resolve(), `${id} comes`);
    const seat = board(caller.key, () => lead(caller, id));
    const leaving = async (): Promise<void> => {
      await scheduler.schedule(Promise.resolve(), `${id} leaves`);
      seat.leave(false);
    };
    const left = caller.leaves === 'in the air' ? leaving() : Promise.resolve();
    try {
      const value = await seat.wait(LONG);
      const [key = '', by] = value.split(' ');
      told.set(id, { key, by: Number(by), value });
      if (caller.leaves === 'delivered') delivered.push(value);
    } catch (error) {
      const { failure, message } = error as GatewayError;
      const [key = '', by] = message.split(' ');
      told.set(id, { key, by: Number(by), failure });
    }
    if (caller.leaves !== 'in the air') seat.leave(caller.leaves === 'delivered');
    await left;
  };
  const lives = Promise.all(all.map(live));
  await scheduler.waitIdle();
  await lives;
  return { told, led, atOnce, delivered };
}

describe('in every order of events', () => {
  it('joiners share one lead at a time, none hangs, and each is told what is theirs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), callers, async (scheduler, all) => {
        const { flights } = sky();
        const { told, led, atOnce } = await play(scheduler, all, (key, lead) => flights.join(key, lead));
        expect(told.size).toBe(all.length);
        expect(atOnce).toBeLessThanOrEqual(1);
        expect(new Set(led).size).toBe(led.length);
        for (const [id, one] of told) {
          expect(one.key).toBe(all[id]?.key);
          expect(led).toContain(one.by);
          if ('value' in one) expect(all[one.by]?.end).toBe('land');
          // A refusal is one's own, but for the last of a flight that all others had left.
          else if (one.failure === 'rate_limited') expect(one.by === id || all[id]?.leaves === 'in the air').toBe(true);
          else expect(all[one.by]?.end).toBe('fail');
        }
        await flights.idle();
        expect(flights.orphans).toEqual({ count: 0, bytes: 0 });
      }),
      { numRuns: RUNS },
    );
  });

  it('an answer flown alone is delivered once or kept for one who comes back, never lost and never shared', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), callers, async (scheduler, all) => {
        const { flights } = sky();
        const { told, led, delivered } = await play(scheduler, all, (key, lead) => flights.fly(key, lead));
        expect(told.size).toBe(all.length);
        await flights.idle();

        const kept: string[] = [];
        for (const key of ['fox', 'owl']) {
          for (let value = ''; value !== 'none';) {
            const seat = flights.fly(key, async () => 'none');
            value = await seat.wait(LONG);
            seat.leave(true);
            if (value !== 'none') kept.push(value);
          }
        }
        const drawn = led.filter((id) => all[id]?.end === 'land').map((id) => `${all[id]?.key} ${id}`);
        expect([...delivered, ...kept].toSorted()).toEqual(drawn.toSorted());
        expect(flights.orphans).toEqual({ count: 0, bytes: 0 });
      }),
      { numRuns: RUNS },
    );
  });
});
