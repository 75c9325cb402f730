import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accountsFor } from '../../src/tenants/state.ts';
import type { Account, SpendState } from '../../src/tenants/state.ts';
import { LONG, freshAccounts, history, hold, play, verdictOf, withoutRollUps } from './spend-history.ts';

/** What every store of the port must keep: the numbers are those of the invariants. */
export function describeSpendState(
  name: string,
  open: () => Promise<SpendState>,
  /** A store that hears of an end after its roll-up: histories must leave that out, which takes days outside of them. */
  { rollsUp = true }: { readonly rollsUp?: boolean } = {},
): void {
  describe(name, () => {
    let state: SpendState;
    beforeAll(async () => {
      state = await open();
    });
    afterAll(() => state.close());
    const balance = async ([account]: readonly Account[]) => (await state.spent([account!.key]))[0];

    test('I1 to I6, I11: does after any history what the plain model does', async () => {
      const shared: SpendState = { ...state, close: () => Promise.resolve() };
      await fc.assert(
        fc.asyncProperty(history, (steps) =>
          play(rollsUp ? steps : withoutRollUps(steps), () => Promise.resolve(shared), null),
        ),
        { numRuns: LONG ? 2_000 : 60 },
      );
    }, 600_000);

    test('I4: a repeated settle changes nothing, whatever it says', async () => {
      const accounts = freshAccounts(100);
      const one = hold(accounts, 40);
      await state.reserve([one]);
      await Promise.all([
        state.settle(one.id, 25, 'ok'),
        state.settle(one.id, 25, 'ok'),
        state.settle(one.id, 7, 'ok'),
      ]);
      await state.release(one.id);
      expect(await balance(accounts)).toEqual({ spentNanos: 25, heldNanos: 0 });
    });

    test('more than the worst case is charged truly, and then leaves room for nothing', async () => {
      const accounts = freshAccounts(100);
      const one = hold(accounts, 90);
      await state.reserve([one]);
      await state.settle(one.id, 130, 'ok');
      expect(await balance(accounts)).toEqual({ spentNanos: 130, heldNanos: 0 });
      expect(await verdictOf(state.reserve([hold(accounts, 1)]))).toBe('budget_exhausted');
      expect(await verdictOf(state.reserve([hold(accounts, 0)]))).toBe('budget_exhausted');
    });

    test('a cost that turns up after a release is charged all the same, once', async () => {
      const accounts = freshAccounts(100);
      const one = hold(accounts, 40);
      await state.reserve([one]);
      await state.release(one.id);
      await state.release(one.id);
      expect(await balance(accounts)).toEqual({ spentNanos: 0, heldNanos: 0 });
      await state.settle(one.id, 30, 'ok');
      await state.settle(one.id, 30, 'ok');
      expect(await balance(accounts)).toEqual({ spentNanos: 30, heldNanos: 0 });
    });

    test('I6: of several holds all are taken or none, on every account', async () => {
      const wide = freshAccounts(100);
      const narrow = freshAccounts(10);
      const holds = [hold(wide, 5), hold([...wide, ...narrow], 6), hold(narrow, 5)];
      expect(await verdictOf(state.reserve(holds))).toBe('budget_exhausted');
      expect([await balance(wide), await balance(narrow)]).toEqual([
        { spentNanos: 0, heldNanos: 0 },
        { spentNanos: 0, heldNanos: 0 },
      ]);
      await state.reserve(holds.slice(0, 2));
      expect([await balance(wide), await balance(narrow)]).toEqual([
        { spentNanos: 0, heldNanos: 11 },
        { spentNanos: 0, heldNanos: 6 },
      ]);
    });

    test('an exhausted account is the answer even where another is only reserved', async () => {
      const reserved = freshAccounts(10);
      const exhausted = freshAccounts(10);
      await state.reserve([hold(reserved, 8)]);
      const spender = hold(exhausted, 8);
      await state.reserve([spender]);
      await state.settle(spender.id, 8, 'ok');
      expect(await verdictOf(state.reserve([hold(reserved, 5)]))).toBe('budget_reserved');
      expect(await verdictOf(state.reserve([hold([...reserved, ...exhausted], 5)]))).toBe('budget_exhausted');
    });

    test('I10: of any number that ask at once, exactly as many get in as fit', async () => {
      const cases = fc.record({
        limit: fc.integer({ min: 0, max: 200 }),
        worst: fc.integer({ min: 1, max: 30 }),
        callers: fc.integer({ min: 1, max: 60 }),
      });
      await fc.assert(
        fc.asyncProperty(cases, async ({ limit, worst, callers }) => {
          const accounts = freshAccounts(limit);
          const verdicts = await Promise.all(
            Array.from({ length: callers }, () => verdictOf(state.reserve([hold(accounts, worst)]))),
          );
          const admitted = Math.min(callers, Math.floor(limit / worst));
          expect(verdicts.filter((verdict) => verdict === 'ok')).toHaveLength(admitted);
          const refused = worst > limit ? 'budget_exhausted' : 'budget_reserved';
          expect(verdicts.filter((verdict) => verdict === refused)).toHaveLength(callers - admitted);
        }),
        { numRuns: LONG ? 1_000 : 30 },
      );
    });

    test('I10, I6: against nested budgets as many get in as fit the narrowest; who is refused changes none of them', async () => {
      const limit = fc.integer({ min: 0, max: 200 });
      const cases = fc.record({
        limits: fc.tuple(limit, limit, limit, limit),
        worst: fc.integer({ min: 1, max: 30 }),
        callers: fc.integer({ min: 1, max: 40 }),
      });
      await fc.assert(
        fc.asyncProperty(cases, async ({ limits, worst, callers }) => {
          const id = randomUUID();
          const budgets = (limitNanos: number) =>
            [{ limitNanos, per: 'total', timeZone: 'UTC', models: null }] as const;
          const alongside = (['key', 'organisation', 'everything'] as const).map((level, index) => ({
            level,
            id,
            budgets: budgets(limits[index]!),
          }));
          const accounts = accountsFor({ id, budgets: budgets(limits[3]), alongside }, 'pro', 0);
          expect(accounts).toHaveLength(4);
          const verdicts = await Promise.all(
            Array.from({ length: callers }, () => verdictOf(state.reserve([hold(accounts, worst)]))),
          );
          const admitted = Math.min(callers, Math.floor(Math.min(...limits) / worst));
          expect(verdicts.filter((verdict) => verdict === 'ok')).toHaveLength(admitted);
          const balances = await state.spent(accounts.map(({ key }) => key));
          expect(balances).toEqual(accounts.map(() => ({ spentNanos: 0, heldNanos: admitted * worst })));
        }),
        { numRuns: LONG ? 1_000 : 30 },
      );
    });

    test('a dollar buys seven pictures of $0.134, however many ask: then it is reserved, and once spent exhausted', async () => {
      const accounts = freshAccounts(1_000_000_000);
      const holds = Array.from({ length: 100 }, () => hold(accounts, 134_000_000));
      const verdicts = await Promise.all(holds.map((one) => verdictOf(state.reserve([one]))));
      expect(verdicts.filter((verdict) => verdict === 'ok')).toHaveLength(7);
      expect(verdicts.filter((verdict) => verdict === 'budget_reserved')).toHaveLength(93);
      const admitted = holds.filter((_, index) => verdicts[index] === 'ok');
      await Promise.all(admitted.map(({ id }) => state.settle(id, 134_000_000, 'ok')));
      expect(await verdictOf(state.reserve([hold(accounts, 134_000_000)]))).toBe('budget_exhausted');
      expect(await balance(accounts)).toEqual({ spentNanos: 938_000_000, heldNanos: 0 });
    });

    test('I11: a picture begun in one day is charged to that day', async () => {
      const tenant = {
        id: randomUUID(),
        budgets: [{ limitNanos: 10, per: 'day', timeZone: 'Europe/Berlin', models: null }] as const,
      };
      const before = accountsFor(tenant, 'pro', Date.parse('2026-10-31T22:59:59.999Z'));
      const after = accountsFor(tenant, 'pro', Date.parse('2026-10-31T23:00:00Z'));
      const late = hold(before, 10);
      await state.reserve([late]);
      await state.reserve([hold(after, 10)]);
      await state.settle(late.id, 10, 'ok');
      expect(await balance(before)).toEqual({ spentNanos: 10, heldNanos: 0 });
      expect(await balance(after)).toEqual({ spentNanos: 0, heldNanos: 10 });
    });

    test('I12: a lowered limit refuses what is new and lets what was begun end', async () => {
      const id = randomUUID();
      const of = (limitNanos: number) =>
        accountsFor({ id, budgets: [{ limitNanos, per: 'total', timeZone: 'UTC', models: null }] }, 'pro', 0);
      const begun = hold(of(100), 60);
      await state.reserve([begun]);
      expect(await verdictOf(state.reserve([hold(of(50), 1)]))).toBe('budget_reserved');
      await state.settle(begun.id, 55, 'ok');
      expect(await verdictOf(state.reserve([hold(of(50), 1)]))).toBe('budget_exhausted');
      expect(await verdictOf(state.reserve([hold(of(100), 45)]))).toBe('ok');
    });

    test('I13: asking for balances costs nothing, and an account that was never used stands at zero', async () => {
      const accounts = freshAccounts(100);
      expect(await balance(accounts)).toEqual({ spentNanos: 0, heldNanos: 0 });
      expect(await state.spent([])).toEqual([]);
      expect(await balance(accounts)).toEqual({ spentNanos: 0, heldNanos: 0 });
    });

    test('amounts are exact up to the largest safe integer', async () => {
      const accounts = freshAccounts(Number.MAX_SAFE_INTEGER);
      const one = hold(accounts, Number.MAX_SAFE_INTEGER - 1);
      await state.reserve([one, hold(accounts, 1)]);
      expect(await verdictOf(state.reserve([hold(accounts, 1)]))).toBe('budget_reserved');
      await state.settle(one.id, Number.MAX_SAFE_INTEGER - 2, 'ok');
      expect(await balance(accounts)).toEqual({ spentNanos: Number.MAX_SAFE_INTEGER - 2, heldNanos: 1 });
      expect(await verdictOf(state.reserve([hold(accounts, 1)]))).toBe('ok');
      expect(await verdictOf(state.reserve([hold(accounts, 1)]))).toBe('budget_reserved');
    });

    test.each([0.5, -1, Number.NaN, Infinity, 2 ** 53])('%d is no amount: nothing is changed', async (nanos) => {
      const accounts = freshAccounts(100);
      await expect(state.reserve([hold(accounts, 1), hold(accounts, nanos)])).rejects.toMatchObject({
        failure: 'internal',
      });
      const one = hold(accounts, 10);
      await state.reserve([one]);
      await expect(state.settle(one.id, nanos, 'ok')).rejects.toMatchObject({ failure: 'internal' });
      expect(await balance(accounts)).toEqual({ spentNanos: 0, heldNanos: 10 });
    });

    test('an id is never held twice, and none is settled that was never held', async () => {
      const accounts = freshAccounts(100);
      const one = hold(accounts, 10);
      await state.reserve([one]);
      await expect(state.reserve([hold(accounts, 5), one])).rejects.toMatchObject({ failure: 'internal' });
      await expect(state.settle(randomUUID(), 5, 'ok')).rejects.toMatchObject({ failure: 'internal' });
      await expect(state.release(randomUUID())).rejects.toMatchObject({ failure: 'internal' });
      expect(await balance(accounts)).toEqual({ spentNanos: 0, heldNanos: 10 });
    });

    test('a refusal in the same commit as others touches none of them', async () => {
      const good = freshAccounts(1_000);
      const bad = freshAccounts(1);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 40 }, (_, index) => state.reserve([hold(index % 2 === 0 ? good : bad, 10)])),
      );
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(outcomes.map((_, index) => index % 2 === 0));
      expect(await balance(good)).toEqual({ spentNanos: 0, heldNanos: 200 });
    });
  });
}
