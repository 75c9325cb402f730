import { afterAll, beforeAll, expect, test } from 'vitest';
import { admin } from '../support/admin.ts';
import { startFleet } from '../support/fleet.ts';
import type { Fleet } from '../support/fleet.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

withRedis('the pictures of a tenant that is forgotten', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  const tell = (fleet: Fleet, index: number, method: string, path: string, body?: unknown) =>
    admin(fleet.gateways[index]!.adminUrl, method, `/admin${path}`, body);

  /** The scopes in which an instance keeps something. */
  async function scopes(fleet: Fleet, index: number): Promise<readonly string[]> {
    const { body } = await tell(fleet, index, 'GET', '/cache');
    return (body['cache'] as { readonly scope: string }[]).map(({ scope }) => scope);
  }

  async function draw({ gateways }: Fleet, index: number, key: string, over: Record<string, string> = {}) {
    const reply = await fetch(`${gateways[index]!.url}/v1/images/generations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...over },
      body: JSON.stringify({ prompt: 'a fox in snow', ...(over['idempotency-key'] === undefined && { seed: 7 }) }),
    });
    await reply.arrayBuffer();
    return reply.status;
  }

  test('go from the disks of all instances: of those that run, and of one that hears of it when it is started', async () => {
    const fleet = await startFleet({ redis: redis.url, instances: 3 });
    const poll = (what: () => unknown) => expect.poll(what, { interval: 100 });
    const settings = { id: 'globex', cache: { scope: 'globex-pictures' } };
    expect((await tell(fleet, 0, 'POST', '/tenants', settings)).status).toBe(201);
    const key = String((await tell(fleet, 0, 'POST', '/keys', { tenant: 'globex' })).body['key']);
    for (const index of [0, 1, 2]) {
      await poll(() => draw(fleet, index, key)).toBe(200);
      expect(await draw(fleet, index, key, { 'idempotency-key': 'once' })).toBe(200);
      await poll(() => scopes(fleet, index)).toEqual(['globex', 'globex-pictures']);
    }
    fleet.gateways[2]!.kill('SIGTERM');
    await fleet.gateways[2]!.ended;
    expect((await tell(fleet, 0, 'DELETE', '/tenants/globex')).status).toBe(200);
    // 409 until it has heard how the last picture ended that another one drew.
    await poll(async () => (await tell(fleet, 0, 'POST', '/tenants/globex/forget')).status).toBe(200);
    expect(await scopes(fleet, 0)).toEqual([]);
    await poll(() => scopes(fleet, 1)).toEqual([]);
    await fleet.restart(2);
    await poll(() => scopes(fleet, 2)).toEqual([]);
    expect(fleet.gateways[2]!.stdout()).not.toContain('could not be read');
    await fleet.stop();
  }, 60_000);
});
