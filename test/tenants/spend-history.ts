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
  | { readonly verb: 'settle'; readonly which: number; readonly nanos: number }
  | { readonly verb: 'release'; readonly which: number }
  | { readonly verb: 'wait'; readonly hours: number }
  | { readonly verb: 'crash' };

/** Small amounts against small limits: so the edges are met, not just approached. */
const amount = fc.integer({ min: 0, max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      verb: fc.constant('reserve' as const),
      tenant: fc.integer({ min: 0, max: 1 }),
      model: fc.constantFrom('pro', 'flash'),
      worsts: fc.array(amount, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ verb: fc.constant('settle' as const), which: fc.nat(40), nanos: amount }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('release' as const), which: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 500 }) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('crash' as const) }) },
);
export const history = fc.array(step, { minLength: 1, maxLength: 40, size: 'max' });

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
    } else if (step.verb === 'wait') now += step.hours * 3_600_000;
    else if (step.verb === 'crash') {
      if (restart === null) continue;
      state = await restart(state);
      model.crash();
    } else if (ids.length > 0) {
      const id = ids[step.which % ids.length]!;
      if (step.verb === 'settle') {
        model.settle(id, step.nanos);
        await state.settle(id, step.nanos, 'ok');
      } else {
        model.release(id);
        await state.release(id);
      }
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
