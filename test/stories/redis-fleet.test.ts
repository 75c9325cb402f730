import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { PRO_NANOS, startFleet, tally } from '../support/fleet.ts';
import type { Fleet } from '../support/fleet.ts';
import { ended, keepAloft } from '../support/pause.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

withRedis('two gateways with one Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  const balancesIn = (fleet: Fleet, index: number): unknown[] => {
    const db = openLedgerReader(fleet.file(index));
    try {
      expect(verifyLedger(db).drifts).toEqual([]);
      return db
        .prepare('SELECT key, spent, held FROM account ORDER BY key')
        .all()
        .map((row) => ({ ...row }));
    } finally {
      db.close();
    }
  };
  const balancesInRedis = async (): Promise<unknown[]> => {
    const prefix = '{plantain}:live:a:';
    const keys = (await redis.cli('KEYS', `${prefix}*`)).split('\n').filter((key) => key !== '');
    const read = async (key: string) => {
      const [spent, held] = (await redis.cli('HMGET', key, 's', 'h')).split('\n');
      return { key: key.slice(prefix.length), spent: BigInt(spent || 0), held: BigInt(held || 0) };
    };
    return (await Promise.all(keys.map(read))).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  };

  test('a dollar buys seven Pro pictures of $0.134, whoever is asked in whatever dialect: the others wait, and then never may', async () => {
    await redis.cli('FLUSHALL');
    const fleet = await startFleet({
      redis: redis.url,
      tenant: { budgets: [{ limitUsd: 1, per: 'day' }] },
    });
    const land = keepAloft(fleet.simulator);
    const asked = Array.from({ length: 100 }, (_, index) => fleet.ask(index));
    await expect.poll(ended(asked)).toBe(93);
    land();
    const replies = await Promise.all(asked);
    expect(await tally(replies)).toEqual({ 200: 7, '429 again': 93 });
    expect(fleet.simulator.calls).toHaveLength(7);
    const later = await Promise.all(Array.from({ length: 8 }, (_, index) => fleet.ask(200 + index)));
    expect(await tally(later)).toEqual({ '429 never': 8 });
    await fleet.stop();
    const both = [balancesIn(fleet, 0), balancesIn(fleet, 1)];
    expect(both[0]).toEqual([{ key: expect.stringContaining('acme'), spent: BigInt(7 * PRO_NANOS), held: 0n }]);
    expect(both[1]).toEqual(both[0]);
    expect(await balancesInRedis()).toEqual(both[0]);
  }, 120_000);

  test('pictures a minute, pictures in the air and requests a minute are those of all gateways together', async () => {
    await redis.cli('FLUSHALL');
    const perMinute = await startFleet({ redis: redis.url, tenant: { limits: { imagesPerMinute: 9 } } });
    const began = performance.now();
    const many = await tally(await Promise.all(Array.from({ length: 60 }, (_, index) => perMinute.ask(index))));
    const since = (): number => (performance.now() - began) / 1000;
    // One more for each so many seconds that a slow machine takes for them.
    expect(many['200']).toBeGreaterThanOrEqual(9);
    expect(many['200']).toBeLessThanOrEqual(9 + since() / (60 / 9));
    expect(many).toEqual({ 200: many['200'], '429 again': 60 - many['200']! });
    await perMinute.stop();

    await redis.cli('FLUSHALL');
    const aloft = await startFleet({
      redis: redis.url,
      tenant: { limits: { concurrentImages: 5 } },
    });
    const land = keepAloft(aloft.simulator);
    const atOnce = Array.from({ length: 40 }, (_, index) => aloft.ask(index));
    await expect.poll(ended(atOnce)).toBe(35);
    land();
    expect(await tally(await Promise.all(atOnce))).toEqual({ 200: 5, '429 again': 35 });
    // An answer does not wait for Redis to hear that its picture has landed.
    await expect.poll(async () => (await aloft.ask(100)).status, { timeout: 10_000 }).toBe(200);
    await aloft.stop();

    await redis.cli('FLUSHALL');
    const asking = await startFleet({ redis: redis.url, tenant: { limits: { requestsPerMinute: 20 } } });
    const asked = performance.now();
    const counted = await tally(await Promise.all(Array.from({ length: 40 }, (_, index) => asking.ask(index))));
    expect(counted['200']).toBeGreaterThanOrEqual(20);
    expect(counted['200']).toBeLessThanOrEqual(20 + (performance.now() - asked) / 3_000);
    await asking.stop();
  }, 180_000);

  test('killed in mid-flight, its pictures are charged as unknown, and every ledger is the vendor’s bill and those', async () => {
    await redis.cli('FLUSHALL');
    const fleet = await startFleet({
      redis: redis.url,
      tenant: { budgets: [{ limitUsd: 20, per: 'day' }] },
    });
    const land = keepAloft(fleet.simulator);
    const asked = Array.from({ length: 24 }, (_, index) => fleet.ask(index).catch(() => null));
    await expect.poll(() => fleet.simulator.calls.length).toBe(24);
    fleet.gateways[0]!.kill('SIGKILL');
    await fleet.gateways[0]!.ended;
    land();
    const replies = await Promise.all(asked);
    expect(replies.filter((reply) => reply?.status === 200)).toHaveLength(12);
    // The same directory comes back: what its dead run held is charged at once, for all.
    await fleet.restart(0);
    await expect
      .poll(balancesInRedis)
      .toEqual([{ key: expect.stringContaining('acme'), spent: BigInt(24 * PRO_NANOS), held: 0n }]);
    await fleet.stop();
    const sum = (rows: readonly { delta_spent: number }[]): number =>
      rows.reduce((total, { delta_spent }) => total + delta_spent, 0);
    for (const index of [0, 1]) {
      const { rows, faults } = fleet.audit(index);
      expect(faults).toEqual([]);
      const unknown = rows.filter(({ outcome }) => outcome === 'unknown');
      expect(unknown).toHaveLength(12);
      expect(sum(rows)).toBe(24 * PRO_NANOS);
      expect(sum(rows) - sum(unknown)).toBe(12 * PRO_NANOS);
    }
    const balances = [balancesIn(fleet, 0), balancesIn(fleet, 1)];
    expect(balances[0]).toEqual(balances[1]);
    expect(await balancesInRedis()).toEqual(balances[0]);
  }, 120_000);
});
