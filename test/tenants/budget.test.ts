import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accountsFor, accountsOf, dollars, LEVELS, periodEnd, periodOf, refusal } from '../../src/tenants/budget.ts';
import type { Account, Budget } from '../../src/tenants/budget.ts';

const at = (text: string): number => Date.parse(text);
const budget = (over: Partial<Budget> = {}): Budget => ({
  limitNanos: 1_000_000_000,
  per: 'day',
  timeZone: 'UTC',
  models: null,
  ...over,
});
const account = (over: Partial<Budget> = {}, when = '2026-11-22T12:00:00Z'): Account =>
  accountsFor({ id: 'acme', budgets: [budget(over)] }, over.models?.[0] ?? 'flash', at(when))[0]!;

describe('the accounts of a picture', () => {
  test('are one for each budget that counts its model', () => {
    const budgets = [budget({ per: 'month' }), budget({ models: ['pro'] }), budget({ models: ['flash', 'pro'] })];
    expect(accountsFor({ id: 'acme', budgets }, 'flash', 0)).toHaveLength(2);
    expect(accountsFor({ id: 'acme', budgets }, 'pro', 0)).toHaveLength(3);
    expect(accountsFor({ id: 'acme', budgets: [] }, 'pro', 0)).toEqual([]);
  });

  test('have the same key whatever the limit, the order of the models and their repetition', () => {
    const keys = [budget({ models: ['a', 'b'] }), budget({ models: ['b', 'a', 'b'], limitNanos: 5 })].map(
      (one) => accountsFor({ id: 'acme', budgets: [one] }, 'a', 0)[0]!.key,
    );
    expect(keys[0]).toBe(keys[1]);
  });

  test('that are the same one count once, with the lower limit', () => {
    const budgets = [budget({ limitNanos: 7 }), budget({ limitNanos: 5 }), budget({ limitNanos: 9 })];
    expect(accountsFor({ id: 'acme', budgets }, 'flash', 0).map(({ limitNanos }) => limitNanos)).toEqual([5]);
  });

  test('of two tenants, budgets or periods never have the same key', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '"', ',', '[', ']', '/', '-', '1') });
    const one = fc.record({
      tenant: name,
      per: fc.constantFrom('day' as const, 'month' as const, 'total' as const),
      model: name,
    });
    fc.assert(
      fc.property(one, one, (left, right) => {
        const key = ({ tenant, per, model }: typeof left) =>
          accountsFor({ id: tenant, budgets: [budget({ per, models: [model] })] }, model, 0)[0]!.key;
        const same = left.tenant === right.tenant && left.per === right.per && left.model === right.model;
        expect(key(left) === key(right)).toBe(same);
      }),
    );
  });
});

describe('the levels of budgets', () => {
  const perDay = budget();
  const spender = {
    id: 'acme',
    budgets: [perDay],
    alongside: [
      { level: 'everything', id: 'everything', budgets: [perDay] },
      { level: 'organisation', id: 'acme', budgets: [perDay] },
      { level: 'key', id: 'acme', budgets: [perDay] },
    ],
  } as const;

  test('are an account each, from the nearest to the widest, whatever they are called', () => {
    const accounts = accountsFor(spender, 'flash', 0);
    expect(accounts.map(({ level }) => level)).toEqual(['key', 'tenant', 'organisation', 'everything']);
    expect(new Set(accounts.map(({ key }) => key)).size).toBe(4);
  });

  test('leave a tenant’s account under the name it has in ledgers that were there before them', () => {
    const [, ofTenant] = accountsFor(spender, 'flash', at('2026-11-22T12:00:00Z'));
    expect(ofTenant?.key).toBe('["acme","day","UTC",null,"2026-11-22"]');
    const ofModels = accountsFor({ id: 'a', budgets: [budget({ per: 'total', models: ['b', 'a'] })] }, 'a', 0);
    expect(ofModels[0]?.key).toBe('["a","total","UTC",["a","b"],"total"]');
  });

  test('never share an account, whoever owns them', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '"', ',', '[', 'key', 'organisation') });
    const one = fc.record({ level: fc.constantFrom(...LEVELS), id: name });
    fc.assert(
      fc.property(one, one, (left, right) => {
        const [a, b] = [left, right].map((payer) => accountsOf([{ ...payer, budgets: [perDay] }], 0)[0]?.key);
        expect(a === b).toBe(left.level === right.level && left.id === right.id);
      }),
    );
  });

  test.each([
    ['key', /^This key's budget of \$1\.00 a day \(UTC\)/],
    ['tenant', /^Your team's budget of \$1\.00 a day \(UTC\)/],
    ['organisation', /^Your organisation's budget per day \(UTC\)/],
    ['everything', /^The whole gateway's budget per day \(UTC\)/],
  ] as const)('say in the caller’s terms that the one of %s refused', (level, words) => {
    const [account] = accountsOf([{ level, id: 'acme', budgets: [perDay] }], 0);
    const exhausted = refusal(account!, { spentNanos: 938_000_000, heldNanos: 0 }, 134_000_000);
    const reserved = refusal(account!, { spentNanos: 0, heldNanos: 938_000_000 }, 134_000_000);
    expect([exhausted?.failure, reserved?.failure]).toEqual(['budget_exhausted', 'budget_reserved']);
    for (const refused of [exhausted, reserved]) {
      expect(refused?.message).toMatch(words);
      expect(refused?.message).toContain('begins anew at 1970-01-02T00:00:00.000Z');
      // What other tenants spend is nobody's business.
      if (level === 'organisation' || level === 'everything') expect(refused?.message).not.toMatch(/\$|acme/);
    }
  });
});

describe('a period', () => {
  test('turns at midnight of the budget’s own time zone', () => {
    const berlin = { per: 'day', timeZone: 'Europe/Berlin' } as const;
    expect(periodOf(berlin, at('2026-11-22T22:59:59.999Z'))).toBe('2026-11-22');
    expect(periodOf(berlin, at('2026-11-22T23:00:00Z'))).toBe('2026-11-23');
    expect(periodOf({ per: 'month', timeZone: 'Pacific/Kiritimati' }, at('2026-11-30T10:00:00Z'))).toBe('2026-12');
    expect(periodOf({ per: 'total', timeZone: 'UTC' }, 0)).toBe('total');
  });

  test.each([
    ['a plain day', 'UTC', 'day', '2026-11-22T12:00:00Z', '2026-11-23T00:00:00Z'],
    ['the end of a year', 'UTC', 'month', '2026-12-31T23:59:59Z', '2027-01-01T00:00:00Z'],
    ['a leap February', 'UTC', 'month', '2028-02-29T12:00:00Z', '2028-03-01T00:00:00Z'],
    ['a day of 23 hours', 'Europe/Berlin', 'day', '2026-03-29T12:00:00Z', '2026-03-29T22:00:00Z'],
    ['a day of 25 hours', 'Europe/Berlin', 'day', '2026-10-25T12:00:00Z', '2026-10-25T23:00:00Z'],
    ['a month that summer time shortens', 'America/New_York', 'month', '2026-03-10T12:00:00Z', '2026-04-01T04:00:00Z'],
    ['a midnight that summer time skips', 'Africa/Cairo', 'day', '2026-04-23T12:00:00Z', '2026-04-23T22:00:00Z'],
    ['a date that a zone skipped', 'Pacific/Apia', 'day', '2011-12-29T20:00:00Z', '2011-12-30T10:00:00Z'],
    ['a zone of three quarters of an hour', 'Pacific/Chatham', 'day', '2026-06-01T12:00:00Z', '2026-06-02T11:15:00Z'],
  ] as const)('ends on time: %s', (_, timeZone, per, when, end) => {
    const period = periodOf({ per, timeZone }, at(when));
    expect(new Date(periodEnd({ per, timeZone, period })!).toISOString()).toBe(new Date(end).toISOString());
  });

  test('ends at the very millisecond the next one begins, in every zone', () => {
    const zone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
    const when = fc.integer({ min: at('2020-01-01'), max: at('2035-01-01') });
    fc.assert(
      fc.property(zone, fc.constantFrom('day' as const, 'month' as const), when, (timeZone, per, when) => {
        const period = periodOf({ per, timeZone }, when);
        const end = periodEnd({ per, timeZone, period })!;
        expect(end).toBeGreaterThan(when);
        expect(periodOf({ per, timeZone }, end - 1)).toBe(period);
        expect(periodOf({ per, timeZone }, end) > period).toBe(true);
      }),
    );
  });

  test('of an unknown time zone is an error', () => {
    expect(() => periodOf({ per: 'day', timeZone: 'Mars/Olympus' }, 0)).toThrow(RangeError);
  });
});

describe('a refusal', () => {
  test('is given exactly when the worst case no longer fits', () => {
    expect(refusal(account(), { spentNanos: 400_000_000, heldNanos: 500_000_000 }, 100_000_000)).toBeNull();
    expect(refusal(account(), { spentNanos: 400_000_000, heldNanos: 500_000_000 }, 100_000_001)).not.toBeNull();
  });

  test('for what is spent says the limit, what is spent, what was asked and when the budget begins anew', () => {
    const refused = refusal(account(), { spentNanos: 938_000_000, heldNanos: 0 }, 134_000_000);
    expect(refused).toMatchObject({ failure: 'budget_exhausted', status: 429 });
    expect(refused?.detail.retryAfterSeconds).toBeUndefined();
    expect(refused?.message).toBe(
      "Your team's budget of $1.00 a day (UTC) cannot cover this request: $0.938 is spent, and this may cost up to $0.134. " +
        'It begins anew at 2026-11-23T00:00:00.000Z.',
    );
  });

  test('for what others hold says so, and may be retried soon', () => {
    const refused = refusal(account({ models: ['pro'] }), { spentNanos: 0, heldNanos: 938_000_000 }, 134_000_000);
    expect(refused).toMatchObject({ failure: 'budget_reserved', detail: { retryAfterSeconds: 5 } });
    expect(refused?.message).toContain('$1.00 a day (UTC) for pro');
    expect(refused?.message).toContain('$0.938 held');
  });

  test('of a total budget does not promise that it renews', () => {
    const refused = refusal(account({ per: 'total' }), { spentNanos: 0, heldNanos: 0 }, 2_000_000_000);
    expect(refused?.message).toContain('$1.00 in total');
    expect(refused?.message).toContain('does not renew');
  });
});

test('dollars are exact to the nano-dollar', () => {
  expect([0, 1, 134_000_000, 248_800_000, 1_000_000_000, Number.MAX_SAFE_INTEGER].map(dollars)).toEqual([
    '$0.00',
    '$0.000000001',
    '$0.134',
    '$0.2488',
    '$1.00',
    '$9007199.254740991',
  ]);
});
