import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { Bulkhead } from '../../src/upstreams/bulkhead.ts';
import type { BulkheadOptions, Entrant, QueueEvent } from '../../src/upstreams/bulkhead.ts';

const RUNS = process.env['PLANTAIN_TEST_LONG'] === undefined ? 500 : 50_000;
const never = new AbortController().signal;

function create({ inTheAir = 100, ofModel = 100, length = 100, waitMs = 60_000 } = {}) {
  const events: QueueEvent[] = [];
  const options: BulkheadOptions = {
    inTheAir,
    inTheAirOf: (model) => (model === 'free' ? null : ofModel),
    queue: { length, waitMs },
    onEvent: (event) => void events.push(event),
  };
  return { bulkhead: new Bulkhead(options), events };
}

const entrant = (tenant: string, more: Partial<Entrant> = {}): Entrant => ({
  model: 'flash',
  tenant,
  isPatient: false,
  ...more,
});

const refusalOf = (error: unknown): string =>
  error instanceof GatewayError ? `${error.failure} ${error.detail.code}` : String(error);

/** In the order they were let in, refused or given up. */
function log(bulkhead: Bulkhead) {
  const told: string[] = [];
  const leaves = new Map<string, () => void>();
  const enter = (name: string, who: Entrant, signal: AbortSignal = never): void => {
    const letIn = (leave: () => void): void => {
      leaves.set(name, leave);
      told.push(`in ${name}`);
    };
    bulkhead.enter(who, signal).then(letIn, (error: unknown) => void told.push(`no ${name}: ${refusalOf(error)}`));
  };
  const settle = async (): Promise<readonly string[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    return told.splice(0);
  };
  return { enter, settle, leave: (name: string) => leaves.get(name)!() };
}

describe('calls in the air', () => {
  test('who makes way hears of its own model, and of nobody else’s', async () => {
    const told: (readonly [QueueEvent, string])[] = [];
    const bulkhead = new Bulkhead({
      inTheAir: 1,
      inTheAirOf: () => null,
      queue: { length: 1, waitMs: 60_000 },
      onEvent: (event, model) => void told.push([event, model]),
    });
    const leave = await bulkhead.enter(entrant('acme'), never);
    const waiting = bulkhead.enter(entrant('acme', { model: 'flash', isPatient: true }), never);
    const next = bulkhead.enter(entrant('globex', { model: 'pro' }), never);
    await expect(waiting).rejects.toThrow(/pictures of flash/);
    expect(told).toContainEqual(['made_way', 'flash']);
    leave();
    (await next)();
  });

  test('are as many as may be, of each model and of all, and the next goes when one is over', async () => {
    const { bulkhead } = create({ inTheAir: 3, ofModel: 2 });
    const { enter, settle, leave } = log(bulkhead);
    for (const name of ['a', 'b', 'c']) enter(name, entrant('acme'));
    enter('other model', entrant('acme', { model: 'pro' }));
    enter('all full', entrant('acme', { model: 'free' }));
    expect(await settle()).toEqual(['in a', 'in b', 'in other model']);
    expect([bulkhead.inTheAir, bulkhead.waiting]).toEqual([3, 2]);
    leave('other model');
    // The other of its own model is before it, and still does not fit.
    expect(await settle()).toEqual(['in all full']);
    leave('a');
    leave('a');
    expect(await settle()).toEqual(['in c']);
    expect([bulkhead.inTheAir, bulkhead.waiting]).toEqual([3, 0]);
  });

  test('are let in fairly: who has the fewest in the air first, what nobody waits for last', async () => {
    const { bulkhead } = create({ inTheAir: 2 });
    const { enter, settle, leave } = log(bulkhead);
    for (const name of ['a1', 'a2', 'a3', 'a4']) enter(name, entrant('acme'));
    enter('task', entrant('initech', { isPatient: true }));
    enter('g1', entrant('globex'));
    expect(await settle()).toEqual(['in a1', 'in a2']);
    leave('a1');
    expect(await settle()).toEqual(['in g1']);
    leave('g1');
    expect(await settle()).toEqual(['in a3']);
    leave('a2');
    leave('a3');
    expect(await settle()).toEqual(['in a4', 'in task']);
  });

  test('go to the tenants by turns where there is room for one alone', async () => {
    const { bulkhead } = create({ inTheAir: 1 });
    const { enter, settle, leave } = log(bulkhead);
    for (const name of ['a1', 'a2', 'a3', 'a4']) enter(name, entrant('acme'));
    for (const name of ['g1', 'g2']) enter(name, entrant('globex'));
    const order = ['a1', 'g1', 'a2', 'g2', 'a3', 'a4'];
    for (const name of order) {
      expect(await settle()).toEqual([`in ${name}`]);
      leave(name);
    }
  });

  test('have a short line: above it the tenant with the most in it gives way, and before that what nobody waits for', async () => {
    const { bulkhead, events } = create({ inTheAir: 1, length: 3 });
    const { enter, settle } = log(bulkhead);
    enter('in the air', entrant('acme'));
    for (const name of ['a1', 'a2']) enter(name, entrant('acme'));
    enter('task', entrant('initech', { isPatient: true }));
    enter('a3', entrant('acme'));
    const no = 'upstream_busy too_many_in_the_air';
    expect(await settle()).toEqual(['in in the air', `no task: ${no}`]);
    expect(() => bulkhead.check(entrant('acme'))).toThrow(/As many pictures of flash/);
    enter('a4', entrant('acme'));
    expect(await settle()).toEqual([`no a4: ${no}`]);
    bulkhead.check(entrant('globex'));
    enter('g1', entrant('globex'));
    expect(await settle()).toEqual([`no a3: ${no}`]);
    enter('late task', entrant('globex', { isPatient: true }));
    expect(await settle()).toEqual([`no late task: ${no}`]);
    expect(events.filter((event) => event === 'made_way' || event === 'full')).toEqual([
      'made_way',
      'full',
      'full',
      'made_way',
      'full',
    ]);
  });

  test('are waited for only so long, and not by whoever does not want it any more', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { bulkhead, events } = create({ inTheAir: 1, waitMs: 5_000 });
      const { enter, settle, leave } = log(bulkhead);
      const givenUp = new AbortController();
      enter('in the air', entrant('acme'));
      enter('a', entrant('acme'));
      enter('b', entrant('acme'), givenUp.signal);
      await settle();
      givenUp.abort('gone');
      expect(await settle()).toEqual(['no b: gone']);
      vi.advanceTimersByTime(5_000);
      expect(await settle()).toEqual(['no a: upstream_busy too_many_in_the_air']);
      expect(bulkhead.waiting).toBe(0);
      leave('in the air');
      expect(bulkhead.inTheAir).toBe(0);
      expect(events).toEqual(['queued', 'queued', 'left', 'late']);
    } finally {
      vi.useRealTimers();
    }
  });

  test('are never more than may be, none that could go is left waiting, and each is answered once', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          tenant: fc.constantFrom('a', 'b', 'c'),
          model: fc.constantFrom('flash', 'pro', 'free'),
          isPatient: fc.boolean(),
        }),
      },
      { weight: 2, arbitrary: fc.record({ over: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ abort: fc.nat() }) },
    );
    const bounds = fc.record({
      inTheAir: fc.integer({ min: 1, max: 4 }),
      ofModel: fc.integer({ min: 1, max: 3 }),
      length: fc.nat(4),
    });
    await fc.assert(
      fc.asyncProperty(bounds, fc.array(step, { maxLength: 40 }), async (limits, steps) => {
        const { bulkhead } = create(limits);
        const live: { model: string; leave: () => void }[] = [];
        const waiting = new Map<AbortController, string>();
        const answered = new Set<AbortController>();
        for (const each of steps) {
          if ('tenant' in each) {
            const controller = new AbortController();
            waiting.set(controller, each.model);
            const once = (): void => {
              expect(answered.has(controller)).toBe(false);
              answered.add(controller);
              waiting.delete(controller);
            };
            const letIn = (leave: () => void): void => {
              once();
              live.push({ model: each.model, leave });
            };
            bulkhead.enter(each, controller.signal).then(letIn, once);
          } else if ('over' in each && live.length > 0) live.splice(each.over % live.length, 1)[0]!.leave();
          else if ('abort' in each && waiting.size > 0) [...waiting.keys()][each.abort % waiting.size]!.abort();
          await new Promise((resolve) => setImmediate(resolve));
          const of = (model: string): number => live.filter((one) => one.model === model).length;
          expect(live.length).toBe(bulkhead.inTheAir);
          expect(waiting.size).toBe(bulkhead.waiting);
          expect(live.length).toBeLessThanOrEqual(limits.inTheAir);
          expect(bulkhead.waiting).toBeLessThanOrEqual(limits.length);
          for (const model of ['flash', 'pro']) expect(of(model)).toBeLessThanOrEqual(limits.ofModel);
          const couldGo = [...waiting.values()].filter(
            (model) => live.length < limits.inTheAir && (model === 'free' || of(model) < limits.ofModel),
          );
          expect(couldGo).toEqual([]);
        }
      }),
      { numRuns: RUNS },
    );
  }, 600_000);
});
