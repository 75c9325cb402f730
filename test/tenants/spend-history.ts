import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { accountsFor } from '../../src/tenants/state.ts';
import type { Account, Budget, Hold, Payer, SpendState } from '../../src/tenants/state.ts';
import { SpendModel } from './spend-model.ts';
import type { Verdict } from './spend-model.ts';

export const LONG = process.env['PLANTAIN_TEST_LONG'] !== undefined;

export function hold(accounts: readonly Account[], worstNanos: number, over: Partial<Hold> = {}): Hold {
  const who = { tenant: 'acme', keyId: 'k1', model: 'pro', upstream: 'vendor', tier: '1K', user: null, tags: {} };
  return { id: randomUUID(), ...who, leaseMs: 60_000, worstNanos, limits: null, accounts, ...over };
}

/** Accounts nobody used before. */
export function freshAccounts(limitNanos: number, over: Partial<Budget> = {}): readonly Account[] {
  return accountsFor(
    { id: randomUUID(), budgets: [{ limitNanos, per: 'total', timeZone: 'UTC', models: null, ...over }] },
    'pro',
    0,
  );
}

export async function verdictOf(reserving: Promise<void>): Promise<Verdict> {
  try {
    await reserving;
    return 'ok';
  } catch (error) {
    if (error instanceof GatewayError && (error.failure === 'budget_exhausted' || error.failure === 'budget_reserved'))
      return error.failure;
    throw error;
  }
}

export type Step =
  | { readonly verb: 'reserve'; readonly tenant: number; readonly model: string; readonly worsts: readonly number[] }
  | { readonly verb: 'settle'; readonly which: number; readonly nanos: number; readonly outcome: string }
  | { readonly verb: 'release'; readonly which: number }
  | { readonly verb: 'refund'; readonly which: number }
  | { readonly verb: 'adjust'; readonly which: number; readonly nanos: number; readonly adjustment: number }
  | { readonly verb: 'rollUp'; readonly butUnknown: boolean }
  | { readonly verb: 'wait'; readonly hours: number }
  | { readonly verb: 'crash' };

/** Small amounts against small limits: so the edges are met, not just approached. */
const amount = fc.integer({ min: 0, max: 6 });
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      verb: fc.constant('reserve' as const),
      tenant: fc.integer({ min: 0, max: 1 }),
      model: fc.constantFrom('pro', 'flash'),
      worsts: fc.array(amount, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      verb: fc.constant('settle' as const),
      which: fc.nat(40),
      nanos: amount,
      outcome: fc.constantFrom('ok', 'ok', 'no_image', 'unknown'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('release' as const), which: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('refund' as const), which: fc.nat(40) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      verb: fc.constant('adjust' as const),
      which: fc.nat(40),
      nanos: amount,
      adjustment: fc.nat(5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('rollUp' as const), butUnknown: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 500 }) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('crash' as const) }) },
);
export const history = fc.array(step, { minLength: 1, maxLength: 40, size: 'max' });

export function withoutRollUps(steps: readonly Step[]): readonly Step[] {
  return steps.filter(({ verb }) => verb !== 'rollUp');
}

/** Plays a history on a state and on the model, and holds one to the other after every step. */
export async function play(
  steps: readonly Step[],
  open: () => Promise<SpendState>,
  restart: ((state: SpendState) => Promise<SpendState>) | null,
): Promise<void> {
  let state = await open();
  const model = new SpendModel();
  const run = randomUUID();
  const budgets: readonly (readonly Budget[])[] = [
    [
      { limitNanos: 12, per: 'day', timeZone: 'Europe/Berlin', models: null },
      { limitNanos: 20, per: 'month', timeZone: 'UTC', models: null },
      { limitNanos: 8, per: 'day', timeZone: 'UTC', models: ['pro'] },
    ],
    [{ limitNanos: 30, per: 'total', timeZone: 'UTC', models: null }],
  ];
  const shared = (limitNanos: number): readonly Budget[] => [
    { limitNanos, per: 'month', timeZone: 'UTC', models: null },
  ];
  const alongside = (tenant: number): readonly Payer[] => [
    { level: 'key', id: `${run}-key-${tenant}`, budgets: shared(18) },
    { level: 'organisation', id: run, budgets: shared(35) },
    { level: 'everything', id: run, budgets: shared(40) },
  ];
  const seen = new Map<string, Account>();
  const ids: string[] = [];
  let now = Date.parse('2026-10-24T20:00:00Z');

  for (const step of steps) {
    if (step.verb === 'reserve') {
      const tenant = { id: `${run}-${step.tenant}`, budgets: budgets[step.tenant]!, alongside: alongside(step.tenant) };
      const accounts = accountsFor(tenant, step.model, now);
      for (const account of accounts) seen.set(account.key, account);
      const holds = step.worsts.map((worst) => hold(accounts, worst, { tenant: tenant.id, model: step.model }));
      const expected = model.reserve(holds);
      expect(await verdictOf(state.reserve(holds))).toBe(expected);
      if (expected === 'ok') ids.push(...holds.map(({ id }) => id));
    } else if (step.verb === 'rollUp') {
      const which = { before: FOR_EVER, unknownsBefore: step.butUnknown ? 0 : FOR_EVER };
      // So few at a time that holds are rolled up in several steps.
      while (await state.rollUp(which, 3));
      model.rollUp(step.butUnknown);
    } else if (step.verb === 'wait') now += step.hours * 3_600_000;
    else if (step.verb === 'crash') {
      if (restart === null) continue;
      state = await restart(state);
      model.crash();
    } else if (ids.length > 0) {
      const id = ids[step.which % ids.length]!;
      if (model.isRolledUp(id) && step.verb !== 'refund')
        await expect(playOne(step, id, run, model, state)).rejects.toBeInstanceOf(GatewayError);
      else await playOne(step, id, run, model, state);
    }
    const balances = await state.spent([...seen.keys()]);
    for (const [index, [key, { limitNanos }]] of [...seen].entries()) {
      const balance = balances[index]!;
      expect(balance).toEqual(model.balance(key));
      expect(balance.spentNanos + balance.heldNanos).toBeLessThanOrEqual(limitNanos + model.excess(key));
      expect(Math.min(balance.spentNanos, balance.heldNanos)).toBeGreaterThanOrEqual(0);
    }
  }
  await state.close();
}

/** Unix ms: whatever has ended did so before. */
export const FOR_EVER = Date.parse('9999-01-01T00:00:00Z');

/** One step that concerns one hold, on the state and on the model. */
async function playOne(
  step: Extract<Step, { readonly which: number }>,
  id: string,
  run: string,
  model: SpendModel,
  state: SpendState,
): Promise<void> {
  const goneBefore = model.isRolledUp(id);
  if (step.verb === 'settle') {
    await state.settle(id, step.nanos, step.outcome);
    model.settle(id, step.nanos, step.outcome);
  } else if (step.verb === 'release') {
    await state.release(id);
    model.release(id);
  } else if (step.verb === 'refund') expect(await state.refund([id])).toEqual([goneBefore ? 0 : model.refund(id)]);
  else if (step.verb === 'adjust') {
    const adjustment = `${run}-${step.adjustment}`;
    const expected = goneBefore ? null : model.adjust(adjustment, id, step.nanos);
    const adjusting = state.adjust({ adjustment, id, nanos: step.nanos, reason: 'the bill says so' });
    if (expected !== null || goneBefore) expect(await adjusting).toBe(expected);
    else await expect(adjusting).rejects.toMatchObject({ failure: 'invalid_request' });
  }
}
