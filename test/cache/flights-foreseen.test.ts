import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LONG, sky, work } from './sky.ts';

describe('looking for a flight without boarding', () => {
  it('finds what is in the air, and leaves it as it was', async () => {
    const { flights } = sky();
    expect(flights.wouldJoin('fox')).toBe(false);
    const one = work();
    const seat = flights.join('fox', one.lead);
    expect(flights.wouldJoin('fox')).toBe(true);
    expect(flights.wouldJoin('hare')).toBe(false);
    expect(flights.waiting).toBe(0);
    one.land('picture');
    await seat.wait(LONG);
    expect(flights.wouldJoin('fox')).toBe(false);
  });

  it('finds what was left behind until it is fetched or forgotten', async () => {
    const { flights, clock } = sky({ orphanMs: 1000 });
    const seats = ['one', 'two'].map((picture) => flights.fly('acme fox', async () => picture));
    for (const seat of seats) await seat.wait(LONG);
    for (const seat of seats) seat.leave(false);
    expect(flights.wouldAdopt('globex fox')).toBe(false);
    expect(flights.wouldAdopt('acme fox')).toBe(true);
    flights.fly('acme fox', async () => 'three').leave(true);
    expect(flights.wouldAdopt('acme fox')).toBe(true);
    clock.now = 1000;
    expect(flights.wouldAdopt('acme fox')).toBe(false);
  });

  it('says what boarding then finds, whatever came before', async () => {
    const step = fc.record({
      name: fc.constantFrom('fox', 'hare'),
      shared: fc.boolean(),
      collects: fc.boolean(),
      delivered: fc.boolean(),
      lands: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const { flights } = sky();
        for (const { name, shared, collects, delivered, lands } of steps) {
          const foreseen = shared ? flights.wouldJoin(name, { collects }) : flights.wouldAdopt(name);
          const drawn = work();
          const seat = shared ? flights.join(name, drawn.lead, { collects }) : flights.fly(name, drawn.lead);
          expect(seat.role !== 'leader').toBe(foreseen);
          if (lands) {
            drawn.land('picture');
            await drawn.lead();
            await Promise.resolve();
          }
          seat.leave(delivered);
        }
      }),
    );
  });
});
