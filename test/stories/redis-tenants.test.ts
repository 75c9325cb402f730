import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { admin } from '../support/admin.ts';
import { startFleet } from '../support/fleet.ts';
import type { Fleet } from '../support/fleet.ts';
import { ADMIN_KEY, KEY, UPSTREAM_KEY } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { plantainWith } from '../support/plantain.ts';
import { everythingSaid } from '../support/process.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

withRedis('tenants and keys of two gateways with one Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  async function start(simulator: Record<string, unknown> = {}): Promise<Fleet> {
    await redis.cli('FLUSHALL');
    return startFleet({ redis: redis.url, simulator });
  }

  const tell = (fleet: Fleet, index: number, method: string, path: string, body?: unknown) =>
    admin(fleet.gateways[index]!.adminUrl, method, `/admin${path}`, body);

  async function newKey(fleet: Fleet, index: number, over: Record<string, unknown> = {}) {
    const { status, body } = await tell(fleet, index, 'POST', '/keys', { tenant: 'globex', ...over });
    expect(status).toBe(201);
    return body as { readonly id: string; readonly key: string };
  }

  let pictures = 0;
  function draw({ gateways }: Fleet, index: number, key: string): Promise<Response> {
    pictures += 1;
    return fetch(`${gateways[index]!.url}/v1/images/generations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'x-plantain-tags': 'job=tag-secret-51',
      },
      body: JSON.stringify({
        prompt: `tenant ${pictures}`,
        model: 'gemini-3-pro-image',
        image_size: '1K',
        user: 'user-secret-51',
      }),
    });
  }
  const statusOf = (fleet: Fleet, index: number, key: string): Promise<number> =>
    draw(fleet, index, key).then(
      async (reply) => {
        await reply.arrayBuffer();
        return reply.status;
      },
      () => 0,
    );
  const becomes = (fleet: Fleet, index: number, key: string) =>
    expect.poll(() => statusOf(fleet, index, key), { interval: 100 });

  const bytesOf = (directory: string): string =>
    readdirSync(directory)
      .filter((name) => name.startsWith('ledger.db'))
      .map((name) => readFileSync(join(directory, name), 'latin1'))
      .join('\n');

  /** Every name and every value that is in Redis, of whatever type. */
  async function allOfRedis(): Promise<string> {
    const lua = `local all = {}
      for _, key in ipairs(redis.call('KEYS', '*')) do
        all[#all + 1] = key
        local is = redis.call('TYPE', key).ok
        if is == 'string' then all[#all + 1] = redis.call('GET', key)
        elseif is == 'hash' then all[#all + 1] = cjson.encode(redis.call('HGETALL', key))
        elseif is == 'set' then all[#all + 1] = cjson.encode(redis.call('SMEMBERS', key))
        elseif is == 'zset' then all[#all + 1] = cjson.encode(redis.call('ZRANGE', key, 0, -1))
        elseif is == 'stream' then all[#all + 1] = cjson.encode(redis.call('XRANGE', key, '-', '+'))
        else error(is) end
      end
      return all`;
    return redis.cli('EVAL', lua, '0');
  }

  const verified = (fleet: Fleet): void => {
    for (const index of [0, 1]) {
      const db = openLedgerReader(fleet.file(index));
      expect(verifyLedger(db).drifts).toEqual([]);
      db.close();
    }
  };

  test('a revoked key stays revoked, and a good one good, through a flush, a kill and a start without Redis', async () => {
    const fleet = await start();
    expect((await tell(fleet, 0, 'POST', '/tenants', { id: 'globex', creditUsd: 100 })).status).toBe(201);
    const [good, bad] = [await newKey(fleet, 0), await newKey(fleet, 0)];
    for (const { key } of [good, bad]) await becomes(fleet, 1, key).toBe(200);
    expect((await tell(fleet, 1, 'POST', `/keys/${bad.id}/revoke`)).status).toBe(200);
    await becomes(fleet, 0, bad.key).toBe(401);
    await redis.cli('FLUSHALL');
    fleet.gateways[0]!.kill('SIGKILL');
    await fleet.gateways[0]!.ended;
    await fleet.restart(0);
    expect(await statusOf(fleet, 0, bad.key)).toBe(401);
    for (const index of [0, 1]) await becomes(fleet, index, good.key).toBe(200);

    await redis.stop();
    fleet.gateways[1]!.kill('SIGKILL');
    await fleet.gateways[1]!.ended;
    await fleet.restart(1);
    for (const index of [0, 1]) {
      expect(await statusOf(fleet, index, bad.key)).toBe(401);
      expect(await statusOf(fleet, index, good.key)).toBe(503);
    }
    expect((await tell(fleet, 1, 'POST', '/keys', { tenant: 'globex' })).status).toBe(503);
    await redis.start();
    for (const index of [0, 1]) await becomes(fleet, index, good.key).toBe(200);
    const late = await newKey(fleet, 1);
    await becomes(fleet, 0, late.key).toBe(200);
    const { body } = await tell(fleet, 0, 'GET', '/audit?limit=99');
    expect((body['audit'] as { action: string }[]).map(({ action }) => action)).toEqual([
      'key.create',
      'key.revoke',
      'key.create',
      'key.create',
      'tenant.create',
    ]);
    await fleet.stop();
    verified(fleet);
  }, 120_000);

  test('corrections over the admin API of either hold on both, with a row each in the trail of both', async () => {
    const fleet = await start();
    const land = keepAloft(fleet.simulator);
    const flying = draw(fleet, 0, KEY).catch(() => null);
    await expect.poll(() => fleet.simulator.calls.length).toBe(1);
    fleet.gateways[0]!.kill('SIGKILL');
    await Promise.all([flying, fleet.gateways[0]!.ended]);
    land();
    await fleet.restart(0);
    await becomes(fleet, 1, KEY).toBe(200);
    const holds = (): { id: string; outcome: string | null; charged: number }[] => {
      const db = openLedgerReader(fleet.file(1));
      const rows = db.prepare('SELECT id, outcome, charged FROM hold ORDER BY at').all();
      db.close();
      return rows.map((row) => ({
        id: String(row['id']),
        outcome: row['outcome'] === null ? null : String(row['outcome']),
        charged: Number(row['charged']),
      }));
    };
    await expect.poll(() => holds().map(({ outcome }) => outcome)).toEqual(['unknown', 'ok']);
    const [lost, drawn] = holds().map(({ id }) => id);
    const refunded = await tell(fleet, 1, 'POST', '/ledger/refund', { holds: [lost] });
    expect(refunded.body).toEqual({ refunds: [{ hold: lost, usd: 0.134 }] });
    const adjustments = [{ id: 'november', hold: drawn, usd: 0.2, reason: 'bill 7' }];
    const adjusted = await tell(fleet, 0, 'POST', '/ledger/adjust', { adjustments });
    expect(adjusted.body).toEqual({ adjustments: [{ id: 'november', hold: drawn, changedUsd: 0.066 }] });
    expect((await tell(fleet, 1, 'POST', '/ledger/adjust', { adjustments })).status).toBe(200);
    await expect.poll(() => holds().map(({ charged }) => charged)).toEqual([0, 200_000_000]);
    for (const index of [0, 1]) {
      const { body } = await tell(fleet, index, 'GET', '/audit?subject=ledger');
      expect(body['audit']).toMatchObject([
        { action: 'ledger.adjust' },
        { action: 'ledger.adjust', amountUsd: 0.066, after: { reason: 'bill 7' } },
        { action: 'ledger.refund', after: { refunded: [{ hold: lost, nanos: 134_000_000 }] } },
      ]);
    }
    await fleet.stop();
    verified(fleet);
  }, 120_000);

  test('a tenant that one of them forgets is in no data directory, and no secret is anywhere', async () => {
    const fleet = await start();
    const settings = { id: 'globex', creditUsd: 8812.75, cache: { scope: 'scope-secret-51' } };
    expect((await tell(fleet, 0, 'POST', '/tenants', settings)).status).toBe(201);
    const first = await newKey(fleet, 1, { name: 'name-secret-51', budgets: [{ limitUsd: 4711.25, per: 'day' }] });
    await becomes(fleet, 0, first.key).toBe(200);
    const rotated = await tell(fleet, 0, 'POST', `/keys/${first.id}/rotate`, { overlapSeconds: 60 });
    const second = rotated.body as { readonly id: string; readonly key: string };
    await becomes(fleet, 1, second.key).toBe(200);
    const said = [first.id, second.id, 'name-secret-51', 'user-secret-51', 'tag-secret-51', 'scope-secret-51'];
    const bytes = () => fleet.directories.map(bytesOf);
    for (const word of [...said, '4711.25', '8812.75'])
      for (const index of [0, 1]) await expect.poll(() => bytes()[index]).toContain(word);

    // Planted secrets, once more: keys, the admin key, and what the upstream is paid by.
    const secrets = [first.key, second.key, KEY, ADMIN_KEY, UPSTREAM_KEY].map((key) => key.slice(-16));
    const everywhere = [await allOfRedis(), ...bytes(), everythingSaid()].join('\n');
    expect(everywhere).toContain(first.id);
    for (const secret of secrets) expect(everywhere).not.toContain(secret);

    const [directory, adminUrl] = [fleet.directories[1]!, fleet.gateways[1]!.adminUrl];
    const forget = (environment: Record<string, string>) =>
      plantainWith(directory, environment, 'tenants', 'forget', 'globex', '--data-dir', directory);
    const key = { PLANTAIN_ADMIN_KEY: ADMIN_KEY, PLANTAIN_ADMIN_URL: adminUrl };
    expect(await forget({})).toMatchObject({ code: 1, stderr: expect.stringMatching(/follows a Redis/) });
    expect(await forget(key)).toMatchObject({ code: 1, stderr: expect.stringMatching(/delete it first/) });
    expect((await tell(fleet, 0, 'POST', '/tenants/acme/forget')).status).toBe(409);
    expect((await tell(fleet, 0, 'DELETE', '/tenants/globex')).status).toBe(200);
    await becomes(fleet, 1, second.key).toBe(401);
    // Not before both have heard how its last picture ended.
    await expect.poll(async () => (await forget(key)).code).toBe(0);
    for (const word of [...said, '4711.25', '8812.75'])
      for (const index of [0, 1]) await expect.poll(() => bytes()[index]).not.toContain(word);
    for (const index of [0, 1]) {
      expect(await statusOf(fleet, index, second.key)).toBe(401);
      expect((await tell(fleet, index, 'GET', '/usage?tenant=globex&by=tenant')).body).toMatchObject({
        rows: [{ tenant: 'globex', spentUsd: expect.stringMatching(/^0\.\d+/) }],
      });
      const { body } = await tell(fleet, index, 'GET', '/audit?subject=tenant%20globex');
      expect(body['audit']).toMatchObject([{ action: 'tenant.forget', result: 'done', before: null, after: null }]);
    }
    await fleet.stop();
    verified(fleet);
    expect(await redis.cli('HVALS', '{plantain}:live:registry:records')).not.toMatch(/secret-51|4711/);
    expect(await redis.cli('XRANGE', '{plantain}:live:registry:audit', '-', '+')).not.toMatch(/secret-51|4711/);
  }, 120_000);
});
