import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { limitImages } from '../../src/tenants/image-limits.ts';
import type { Limits } from '../../src/tenants/limits.ts';
import type { Hold, SpendState } from '../../src/tenants/state.ts';
import { idleBookkeeping } from '../support/idle-bookkeeping.ts';

const NONE: Limits = { requestsPerMinute: null, imagesPerMinute: null, concurrentImages: null, mode: 'enforce' };

/** A ledger that has money, and none when told so; the money of a step is only there in the next turn. */
function ledger() {
  const told = { poor: false, reserved: 0 };
  const state: SpendState = {
    async reserve(holds) {
      const { poor } = told;
      await Promise.resolve();
      if (poor) throw new GatewayError('budget_exhausted', 'spent');
      told.reserved += holds.length;
    },
    settle: async () => undefined,
    release: async () => undefined,
    spent: async () => [],
    ...idleBookkeeping,
    trouble: () => null,
    close: async () => undefined,
  };
  return { state, told };
}

let id = 0;
const holds = (count: number, tenant = 'acme'): Hold[] =>
  Array.from({ length: count }, () => ({
    id: `hold-${(id += 1)}`,
    tenant,
    keyId: 'k',
    model: 'flash',
    upstream: 'vendor',
    tier: null,
    user: null,
    tags: {},
    leaseMs: 1_000,
    worstNanos: 1,
    limits: null,
    accounts: [],
  }));

function limited(limits: Partial<Limits>) {
  const { state, told } = ledger();
  const clock = { now: 0 };
  const counted: Record<string, number> = {};
  const images = limitImages({
    state,
    count: (limiter, decision) => {
      counted[`${limiter} ${decision}`] = (counted[`${limiter} ${decision}`] ?? 0) + 1;
    },
    now: () => clock.now,
  });
  const limitsOf = (tenant: string): Limits | null => (tenant === 'acme' ? { ...NONE, ...limits } : null);
  const standing = (id: string) => images.standing({ id, limits: limitsOf(id) });
  const ask = async (batch: readonly Hold[]): Promise<GatewayError | null> => {
    try {
      await images.state.reserve(batch.map((each) => ({ ...each, limits: limitsOf(each.tenant) })));
      return null;
    } catch (error) {
      if (error instanceof GatewayError) return error;
      throw error;
    }
  };
  return { images, standing, told, clock, counted, ask };
}

describe('pictures a minute', () => {
  test('are weighed by how many a request draws, and the wait for so many is told', async () => {
    const { ask, clock, standing, counted } = limited({ imagesPerMinute: 6 });
    expect(await ask(holds(4))).toBeNull();
    expect(standing('acme')).toEqual({ limit: 6, remaining: 2, resetMs: 40_000 });
    const refused = await ask(holds(4));
    expect(refused).toMatchObject({ failure: 'rate_limited', detail: { retryAfterSeconds: 20 } });
    expect(await ask(holds(2))).toBeNull();
    clock.now = 40_000;
    expect(await ask(holds(4))).toBeNull();
    expect(counted).toEqual({ 'images allowed': 3, 'images denied': 1 });
  });

  test('are exact however many ask at once, before the money of any is there', async () => {
    const { ask, told, standing } = limited({ imagesPerMinute: 30 });
    const refusals = await Promise.all(Array.from({ length: 100 }, () => ask(holds(1))));
    expect(refusals.filter((refusal) => refusal === null)).toHaveLength(30);
    expect(told.reserved).toBe(30);
    expect(standing('acme')).toMatchObject({ remaining: 0 });
  });

  test('are not used up by what the budget refused', async () => {
    const { ask, told, standing } = limited({ imagesPerMinute: 2, concurrentImages: 2 });
    told.poor = true;
    for (let turn = 0; turn < 5; turn += 1) expect(await ask(holds(2))).toMatchObject({ failure: 'budget_exhausted' });
    expect(standing('acme')).toMatchObject({ remaining: 2, resetMs: 0 });
    told.poor = false;
    expect(await ask(holds(2))).toBeNull();
  });

  test('of which one request wants more than there ever are is a 400 that says so', async () => {
    for (const limits of [{ imagesPerMinute: 3 }, { concurrentImages: 3 }]) {
      const { ask } = limited(limits);
      const refused = await ask(holds(4));
      expect(refused).toMatchObject({
        failure: 'invalid_request',
        status: 400,
        detail: { param: 'n', inPerson: true },
      });
      expect(refused?.message).toMatch(/^4 pictures in one request .* 3 drawn/);
      expect(await ask(holds(3))).toBeNull();
    }
  });

  test('never pass the rate in any window, whatever is refused, released or unpaid on the way', async () => {
    const step = fc.record({ after: fc.nat(20_000), count: fc.integer({ min: 1, max: 6 }), poor: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 40 }), async (limit, steps) => {
        const { ask, told, clock } = limited({ imagesPerMinute: limit });
        const drawn: { at: number; count: number }[] = [];
        const asked: Promise<void>[] = [];
        for (const { after, count, poor } of steps) {
          // Some ask while the money of the one before is not there yet.
          if (after > 2_000) {
            await Promise.all(asked.splice(0));
            clock.now += after;
          }
          told.poor = poor;
          const at = clock.now;
          asked.push(ask(holds(count)).then((refusal) => void (refusal === null && drawn.push({ at, count }))));
        }
        await Promise.all(asked);
        for (const [index, first] of drawn.entries()) {
          let weight = 0;
          for (const { at, count } of drawn.slice(index)) {
            weight += count;
            expect(weight).toBeLessThanOrEqual(limit + ((at - first.at) * limit) / 60_000 + 1e-6);
          }
        }
      }),
      { numRuns: process.env['PLANTAIN_TEST_LONG'] === undefined ? 100 : 5_000 },
    );
  });
});

describe('pictures in the air', () => {
  test('give their place back when they are settled or released, once each', async () => {
    const { ask, images } = limited({ concurrentImages: 3 });
    const [one, two, three] = holds(3);
    expect(await ask([one!, two!, three!])).toBeNull();
    expect(await ask(holds(1))).toMatchObject({ failure: 'rate_limited', detail: { retryAfterSeconds: 5 } });
    await images.state.settle(one!.id, 1, 'settled');
    await images.state.settle(one!.id, 1, 'settled');
    expect(await ask(holds(2))).toMatchObject({ failure: 'rate_limited' });
    expect(await ask(holds(1))).toBeNull();
    await images.state.release(two!.id);
    await images.state.release(two!.id);
    expect(await ask(holds(2))).toMatchObject({ failure: 'rate_limited' });
    expect(await ask(holds(1))).toBeNull();
    expect(await ask(holds(1))).toMatchObject({ failure: 'rate_limited' });
  });

  test('are exact however many ask at once', async () => {
    const { ask, told } = limited({ concurrentImages: 10 });
    const refusals = await Promise.all(Array.from({ length: 100 }, () => ask(holds(3))));
    expect(refusals.filter((refusal) => refusal === null)).toHaveLength(3);
    expect(told.reserved).toBe(9);
  });

  test('that are refused use up no pictures a minute, and the longest wait of all limits is told', async () => {
    const { ask, standing, counted } = limited({ concurrentImages: 1, imagesPerMinute: 2 });
    expect(await ask(holds(1))).toBeNull();
    for (let turn = 0; turn < 3; turn += 1)
      expect(await ask(holds(1))).toMatchObject({ detail: { retryAfterSeconds: 5 } });
    expect(standing('acme')).toMatchObject({ remaining: 1 });
    expect(counted).toEqual({ 'images allowed': 1, 'concurrent_images allowed': 1, 'concurrent_images denied': 3 });
  });
});

describe('a mode', () => {
  test('of shadow counts as if it were enforced and lets everything pass', async () => {
    const { ask, counted } = limited({ imagesPerMinute: 4, concurrentImages: 2, mode: 'shadow' });
    for (let turn = 0; turn < 6; turn += 1) expect(await ask(holds(1))).toBeNull();
    expect(await ask(holds(5))).toBeNull();
    expect(counted).toEqual({
      'images allowed': 4,
      'images shadow_denied': 3,
      'concurrent_images allowed': 2,
      'concurrent_images shadow_denied': 5,
    });
  });

  test('of off counts nothing, nor does a tenant without limits', async () => {
    const { ask, counted, standing } = limited({ imagesPerMinute: 1, concurrentImages: 1, mode: 'off' });
    expect(await ask(holds(5))).toBeNull();
    expect(await ask(holds(5, 'globex'))).toBeNull();
    expect(counted).toEqual({});
    expect(standing('globex')).toBeNull();
  });
});
