import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyDigest } from '../../src/tenants/authenticate.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { underRoll } from '../../src/tenants/in-force.ts';
import type { Base, BaseTenant } from '../../src/tenants/registry-keys.ts';
import type { RegistryRecord, Stored } from '../../src/tenants/registry-store.ts';
import { Roll } from '../../src/tenants/roll.ts';
import { accountsFor } from '../../src/tenants/state.ts';
import type { Hold } from '../../src/tenants/state.ts';
import { tenantRecord } from './registry-contract.ts';
import { LONG } from './spend-history.ts';

const TENANTS = ['acme', 'globex', 'initech'] as const;
const MODEL = 'gemini-3.1-flash-image';
const AT = Date.parse('2026-11-28T12:00:00Z');

const settingsOf = (scope: string, limitUsd: number | null, organisation: string | null) => ({
  models: null,
  organisation,
  budgets: limitUsd === null ? [] : [{ limitUsd, per: 'day' as const, timeZone: 'UTC', models: null }],
  limits: null,
  safetyFloor: null,
  cache: { scope, when: null, ttlSeconds: null },
});
const keySettings = { models: null, budgets: [], cache: null, name: null };

/** A configuration: each key is one tenant's at most, and may be another's in the next one. */
const base: fc.Arbitrary<Base> = fc
  .record({
    tenants: fc.uniqueArray(fc.constantFrom(...TENANTS)),
    limits: fc.array(fc.option(fc.integer({ min: 1, max: 9 })), { minLength: 3, maxLength: 3 }),
    owners: fc.array(fc.nat({ max: 3 }), { minLength: 4, maxLength: 4 }),
    everything: fc.option(fc.integer({ min: 1, max: 20 })),
    belongs: fc.boolean(),
    revoked: fc.boolean(),
  })
  .map(({ tenants, limits, owners, everything, belongs, revoked }) => ({
    tenants: tenants.map((id, index): BaseTenant => ({
      id,
      settings: settingsOf(id, limits[index]!, belongs ? 'group' : null),
      keys: owners.flatMap((owner, key) =>
        owner === index
          ? [
              {
                id: `k${key}`,
                sha256: keyDigest(`sk-${key}`),
                revoked: revoked && key === 0,
                expiresAt: null,
                settings: keySettings,
              },
            ]
          : [],
      ),
    })),
    organisations: belongs ? [{ id: 'group', budgets: [] }] : [],
    budgets: everything === null ? [] : [{ limitUsd: everything, per: 'day' as const, timeZone: 'UTC', models: null }],
  }));

/** What was made at run time: tenants of other names and of the configuration's, and keys of both. */
const made: fc.Arbitrary<readonly Stored[]> = fc
  .array(
    fc.record({
      tenant: fc.constantFrom(...TENANTS, 'hooli'),
      key: fc.nat({ max: 5 }),
      isTenant: fc.boolean(),
      deleted: fc.boolean(),
      revoked: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    all.flatMap(({ tenant, key, isTenant, deleted, revoked }, index): readonly Stored[] => {
      const records: readonly RegistryRecord[] = isTenant
        ? [{ ...tenantRecord(tenant), deletedAt: deleted ? 2 : null }]
        : [
            { kind: 'line', id: `r${key}`, tenant, settings: keySettings, creditNanos: null },
            {
              kind: 'key',
              id: `r${key}`,
              line: `r${key}`,
              tenant,
              sha256: keyDigest(`sk-${key}`),
              createdAt: 1,
              expiresAt: null,
              revokedAt: revoked ? 2 : null,
              replacedBy: null,
            },
          ];
      return records.map((record) => ({ record, revision: index + 1 }));
    }),
  );

const shown = (roll: Roll): unknown => ({
  ring: Object.fromEntries(roll.keys),
  tenants: roll.tenantIds(),
  working: [...TENANTS, 'hooli'].map((id) => roll.works(id)),
  keys: roll.keyIds(null),
  payers: roll.payers(),
  misfits: roll.misfits(),
});

test('a configuration that comes later is as good as one that was there from the start, whatever came before it', () => {
  fc.assert(
    fc.property(base, base, made, (before, after, records) => {
      // A key has one tenant at run time: where the dice gave it to two, the first of them has it.
      const owner = new Map<string, string>();
      const own = records.filter(({ record }) => {
        if (record.kind === 'tenant') return true;
        return (owner.has(record.id) ? owner : owner.set(record.id, record.tenant)).get(record.id) === record.tenant;
      });
      const roll = new Roll(before);
      roll.apply(own);
      const { keys } = roll;
      roll.rebase(after);
      const fresh = new Roll(after);
      fresh.apply(own);
      expect(shown(roll)).toEqual(shown(fresh));
      expect(roll.keys).toBe(keys);
    }),
    { numRuns: LONG ? 20_000 : 500 },
  );
});

test('one that is none changes nothing', () => {
  const twice = (id: string): BaseTenant => ({
    id,
    settings: settingsOf(id, null, null),
    keys: [{ id: 'k0', sha256: keyDigest('sk-0'), revoked: false, expiresAt: null, settings: keySettings }],
  });
  const roll = new Roll({ tenants: [twice('acme')], organisations: [], budgets: [] });
  const before = shown(roll);
  expect(() => roll.rebase({ tenants: [twice('acme'), twice('globex')], organisations: [], budgets: [] })).toThrow(
    /same key/,
  );
  expect(shown(roll)).toEqual(before);
});

type Step =
  | { readonly verb: 'ask'; readonly tenant: number; readonly nanos: number }
  | { readonly verb: 'end'; readonly which: number; readonly share: number | null }
  /** Dollars of each tenant; null: it is not in the file. */
  | { readonly verb: 'reload'; readonly limits: readonly (number | null)[] };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      verb: fc.constant('ask' as const),
      tenant: fc.nat({ max: 2 }),
      nanos: fc.integer({ min: 1, max: 1_500_000_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('end' as const),
      which: fc.nat(),
      share: fc.option(fc.integer({ min: 0, max: 100 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      verb: fc.constant('reload' as const),
      limits: fc.array(fc.option(fc.integer({ min: 1, max: 5 })), { minLength: 3, maxLength: 3 }),
    }),
  },
);

const fileOf = (limits: readonly (number | null)[]): Base => ({
  tenants: TENANTS.flatMap((id, index) => {
    const limitUsd = limits[index] ?? null;
    if (limitUsd === null) return [];
    const key = {
      id: `k${index}`,
      sha256: keyDigest(`sk-${index}`),
      revoked: false,
      expiresAt: null,
      settings: keySettings,
    };
    return [{ id, settings: settingsOf(id, limitUsd, null), keys: [key] }];
  }),
  organisations: [],
  budgets: [],
});

test('over any history of reloads nobody is given more than the budget in force, and what is held is settled on its own account', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }), async (steps) => {
      const now = (): number => AT;
      const state = await openEmbeddedState({ file: ':memory:', now });
      let limits: readonly (number | null)[] = [3, 3, 3];
      const roll = new Roll(fileOf(limits));
      // Every one of them came before the first reload, and waits at the door of the ledger as long as it likes.
      const callers = TENANTS.map((id, index) => roll.caller(id, `k${index}`, AT)!);
      const parts = { state, now, callerNow: roll.callerNow.bind(roll) };
      const doors = callers.map((caller) => underRoll(parts, caller));
      const books = TENANTS.map(() => ({ spent: 0, held: 0 }));
      const aloft: { readonly id: string; readonly tenant: number; readonly nanos: number }[] = [];
      let count = 0;
      for (const each of steps) {
        if (each.verb === 'reload') roll.rebase(fileOf((limits = each.limits)));
        else if (each.verb === 'ask') {
          const { tenant, nanos } = each;
          const book = books[tenant]!;
          const hold: Hold = {
            id: `h${(count += 1)}`,
            tenant: TENANTS[tenant]!,
            keyId: `k${tenant}`,
            model: MODEL,
            upstream: 'vendor',
            tier: null,
            user: null,
            tags: {},
            leaseMs: 60_000,
            worstNanos: nanos,
            limits: null,
            accounts: accountsFor(callers[tenant]!.tenant, MODEL, AT),
          };
          const limit = limits[tenant] ?? null;
          const room = (limit ?? 0) * 1e9 - book.spent;
          const expected =
            limit === null
              ? 'unauthenticated'
              : nanos > room
                ? 'budget_exhausted'
                : nanos > room - book.held
                  ? 'budget_reserved'
                  : 'ok';
          const told = await doors[tenant]!.reserve([hold]).then(
            () => 'ok',
            (error: { failure: string }) => error.failure,
          );
          expect(told).toBe(expected);
          if (told !== 'ok') continue;
          aloft.push({ id: hold.id, tenant, nanos });
          book.held += nanos;
        } else if (aloft.length > 0) {
          const [ended] = aloft.splice(each.which % aloft.length, 1);
          const { id, tenant, nanos } = ended!;
          const cost = each.share === null ? 0 : Math.floor((nanos * each.share) / 100);
          await (each.share === null ? state.release(id) : state.settle(id, cost, 'ok'));
          books[tenant]!.held -= nanos;
          books[tenant]!.spent += cost;
        }
      }
      for (const [index, caller] of callers.entries()) {
        const [balance] = await state.spent(accountsFor(caller.tenant, MODEL, AT).map(({ key }) => key));
        expect(balance).toEqual({ spentNanos: books[index]!.spent, heldNanos: books[index]!.held });
      }
      await state.close();
    }),
    { numRuns: LONG ? 1_000 : 40 },
  );
}, 600_000);
