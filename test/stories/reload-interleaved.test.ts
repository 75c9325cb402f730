import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { startGateway, UPSTREAM_KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { audit } from '../tenants/audit.ts';

const LONG = process.env['PLANTAIN_TEST_LONG'] !== undefined;
const FLASH = 'gemini-3.1-flash-image';
const TENANTS = ['acme', 'globex', 'initech'];
const keyOf = (tenant: string, run: number): string => `sk-${tenant}-of-run-${run}`;

/** Two vendors, each with a price of its own, so that every answer tells which configuration it was made under. */
const VENDORS = [
  { id: 'cheap', usd: 0.05 },
  { id: 'dear', usd: 0.07 },
] as const;

let simulators: readonly Simulator[];
let gateway: TestGateway;
beforeAll(async () => {
  simulators = await Promise.all(VENDORS.map(() => startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY] })));
  gateway = await startGateway({ config: fileOf({ vendor: 0, limits: [1, 1, 1] }, 0) });
});
afterAll(async () => {
  await gateway.close();
  for (const simulator of simulators) await simulator.close();
});

interface File {
  readonly vendor: number;
  /** Dollars of each tenant in all; null: it is not in the file. */
  readonly limits: readonly (number | null)[];
}

function fileOf({ vendor, limits }: File, run: number): Record<string, unknown> {
  const { id, usd } = VENDORS[vendor]!;
  return {
    upstreams: [{ id, kind: 'gemini', baseUrl: simulators[vendor]!.url, keyFrom: 'VENDOR_KEY', repeats: 0 }],
    models: [{ id: FLASH, targets: [{ upstream: id, model: FLASH, price: { perImageUsd: usd } }] }],
    // One that everybody has: a file without any tenant would have a first key.
    tenants: [
      { id: 'nobody', keys: [{ key: 'sk-of-nobody' }] },
      ...TENANTS.flatMap((tenant, index) => {
        const limitUsd = limits[index] ?? null;
        if (limitUsd === null) return [];
        return [{ id: `${tenant}-${run}`, keys: [{ key: keyOf(tenant, run) }], budgets: [{ limitUsd, per: 'total' }] }];
      }),
    ],
  };
}

type Step = { readonly ask: number; readonly n: number } | { readonly file: File } | { readonly waitMs: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ ask: fc.nat({ max: 2 }), n: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      file: fc.record({
        vendor: fc.nat({ max: 1 }),
        limits: fc.array(fc.option(fc.constantFrom(0.05, 0.2, 0.4), { freq: 4 }), { minLength: 3, maxLength: 3 }),
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ waitMs: fc.integer({ min: 0, max: 20 }) }) },
);

test('however requests and reloads meet: each answer is of one configuration, the ledger is the bill, no budget is passed', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 4, maxLength: 30, size: 'max' }),
      fc.nat({ max: 30 }),
      async (steps, latencyMs) => {
        run += 1;
        for (const simulator of simulators) simulator.settings.latencyMs = latencyMs;
        const bills = simulators.map(({ calls }) => calls.length);
        await gateway.reload({ config: fileOf({ vendor: 0, limits: [0.4, 0.4, 0.4] }, run) });
        const asked: { readonly tenant: string; readonly reply: Promise<Response> }[] = [];
        for (const [index, each] of steps.entries()) {
          if ('waitMs' in each) await sleep(each.waitMs);
          else if ('file' in each) {
            // What was asked just before has not even been heard of.
            await gateway.reload({ config: fileOf(each.file, run) });
          } else {
            const tenant = TENANTS[each.ask]!;
            const body = { prompt: `run ${run} step ${index}`, image_size: '512', n: each.n };
            const headers = { authorization: `Bearer ${keyOf(tenant, run)}` };
            asked.push({ tenant, reply: gateway.post('/v1/images/generations', body, headers) });
          }
        }
        const paid = new Map<string, number>();
        const drawn = [0, 0];
        for (const { tenant, reply } of asked) {
          const answer = await reply;
          expect([200, 401, 429]).toContain(answer.status);
          const body = (await answer.json()) as { readonly data?: readonly unknown[] };
          if (answer.status !== 200) continue;
          const vendor = VENDORS.findIndex(({ id }) => id === answer.headers.get('x-plantain-upstream'));
          const nanos = Math.round(Number(answer.headers.get('x-plantain-cost-usd')) * 1e9);
          expect(nanos).toBe(Math.round(VENDORS[vendor]!.usd * 1e9) * body.data!.length);
          paid.set(tenant, (paid.get(tenant) ?? 0) + nanos);
          drawn[vendor]! += body.data!.length;
        }
        expect(simulators.map(({ calls }, index) => calls.length - bills[index]!)).toEqual(drawn);
        // The last settlements may still be on their way to the disk.
        await expect
          .poll(() => {
            const { rows } = audit(join(gateway.directory, 'ledger.db'));
            return TENANTS.map((tenant) => {
              const own = rows.filter((row) => row.tenant === `${tenant}-${run}`);
              return own.reduce((sums, row) => [sums[0]! + row.delta_spent, sums[1]! + row.delta_held], [0, 0]);
            });
          })
          .toEqual(TENANTS.map((tenant) => [paid.get(tenant) ?? 0, 0]));
        for (const nanos of paid.values()) expect(nanos).toBeLessThanOrEqual(0.4e9);
        expect(audit(join(gateway.directory, 'ledger.db')).faults).toEqual([]);
      },
    ),
    { numRuns: LONG ? 300 : 12 },
  );
}, 600_000);
