import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { watchBudgets } from '../../src/tenants/alerts.ts';
import type { Alert } from '../../src/tenants/alerts.ts';
import { accountsOf } from '../../src/tenants/budget.ts';
import type { Account } from '../../src/tenants/budget.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { standingsOf } from '../../src/tenants/standings.ts';
import type { Payer, SpendState } from '../../src/tenants/state.ts';
import { hold } from './spend-history.ts';

const payer: Payer = {
  level: 'tenant',
  id: 'acme',
  budgets: [{ limitNanos: 100, per: 'day', timeZone: 'UTC', models: null }],
};
const DAY = 86_400_000;
const accountsOn = (day: number): readonly Account[] => accountsOf([payer], day * DAY);

let state: SpendState;
beforeEach(async () => {
  state = await openEmbeddedState({ file: ':memory:', now: () => 0 });
});
afterEach(() => state.close());

async function watch(over: Partial<SpendState> = {}) {
  const alerts: Alert[] = [];
  const faults: unknown[] = [];
  const watched = watchBudgets(
    { ...state, ...over },
    {
      thresholds: () => [0.5, 0.8, 1],
      standings: await standingsOf(state, [payer], 0),
      onAlert: (alert) => alerts.push(alert),
      onFault: (error) => faults.push(error),
    },
  );
  const spend = async (nanos: number, accounts = accountsOn(0)): Promise<void> => {
    const one = hold(accounts, nanos, { id: randomUUID() });
    await watched.reserve([one]);
    await watched.settle(one.id, nanos, 'settled');
    // What it asks the state comes after what the watch asked.
    await state.spent([]);
    await Promise.resolve();
  };
  const told = (): readonly unknown[] => alerts.map(({ threshold, account }) => [account.period, threshold]);
  return { watched, spend, told, alerts, faults };
}

describe('a threshold', () => {
  test('is told once when it is reached, and not before', async () => {
    const { spend, told, alerts } = await watch();
    await spend(49);
    expect(told()).toEqual([]);
    await spend(1);
    await spend(10);
    expect(told()).toEqual([['1970-01-01', 0.5]]);
    expect(alerts[0]).toMatchObject({ spentNanos: 50, account: { level: 'tenant', owner: 'acme', limitNanos: 100 } });
    await spend(40);
    expect(told()).toEqual([
      ['1970-01-01', 0.5],
      ['1970-01-01', 0.8],
      ['1970-01-01', 1],
    ]);
  });

  test('is told by the limit of the time: anew after a top-up, at once after a cut', async () => {
    const { spend, told } = await watch();
    const under = (limitNanos: number): readonly Account[] =>
      accountsOn(0).map((account) => ({ ...account, limitNanos }));
    await spend(85);
    await spend(14, under(200));
    expect(told().map((each) => (each as readonly unknown[])[1])).toEqual([0.5, 0.8]);
    await spend(1, under(200));
    await spend(1, under(110));
    expect(told().map((each) => (each as readonly unknown[])[1])).toEqual([0.5, 0.8, 0.5, 0.8]);
  });

  test('is told anew in the next period, and what was begun in the last one still counts there', async () => {
    const { spend, told } = await watch();
    await spend(60);
    await spend(60, accountsOn(1));
    await spend(25);
    expect(told()).toEqual([
      ['1970-01-01', 0.5],
      ['1970-01-02', 0.5],
      ['1970-01-01', 0.8],
    ]);
  });

  test('that was reached before the start is not told again', async () => {
    const before = await watch();
    await before.spend(60);
    const { spend, told } = await watch();
    await spend(25);
    expect(told()).toEqual([['1970-01-01', 0.8]]);
  });

  test('is not told for what is only held, nor for what is given back', async () => {
    const { watched, told } = await watch();
    const one = hold(accountsOn(0), 90);
    await watched.reserve([one]);
    await watched.release(one.id);
    await state.spent([]);
    expect(told()).toEqual([]);
  });

  test('is told at the next settlement when the first look failed; nobody else is told of the fault', async () => {
    let broken = true;
    const spent: SpendState['spent'] = (keys) => (broken ? Promise.reject(new Error('no')) : state.spent(keys));
    const { spend, told, faults } = await watch({ spent });
    await spend(60);
    expect([told(), faults.length]).toEqual([[], 1]);
    broken = false;
    await spend(1);
    expect(told()).toEqual([['1970-01-01', 0.5]]);
  });
});

test('while there are no thresholds nobody looks; from the first settlement after there are some, they are told', async () => {
  let thresholds: readonly number[] = [];
  let looks = 0;
  const told: number[] = [];
  const watched = watchBudgets(
    { ...state, spent: (keys) => ((looks += 1), state.spent(keys)) },
    {
      thresholds: () => thresholds,
      standings: [],
      onAlert: ({ threshold }) => told.push(threshold),
      onFault: () => undefined,
    },
  );
  const spend = async (nanos: number): Promise<void> => {
    const one = hold(accountsOf([payer], 0), nanos);
    await watched.reserve([one]);
    await watched.settle(one.id, nanos, 'ok');
  };
  await spend(85);
  expect(looks).toBe(0);
  thresholds = [0.8];
  await spend(1);
  await expect.poll(() => told).toEqual([0.8]);
  // What is lower was passed long ago, and is no news.
  thresholds = [0.5, 0.8, 0.9];
  await spend(5);
  await expect.poll(() => told).toEqual([0.8, 0.9]);
});

test('how budgets stand is read in order, however many there are', async () => {
  const payers = Array.from({ length: 1_201 }, (_, index): Payer => ({ ...payer, id: `t${index}` }));
  const one = hold(accountsOf([payers[1_100]!], 0), 30);
  await state.reserve([one]);
  const standings = await standingsOf(state, payers, 0);
  expect(standings).toHaveLength(1_201);
  expect(standings.filter(({ balance }) => balance.heldNanos > 0).map(({ account }) => account.owner)).toEqual([
    't1100',
  ]);
});
