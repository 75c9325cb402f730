import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import OpenAI from 'openai';
import { afterEach, describe, expect, test } from 'vitest';
import { admin, refusalOf } from '../support/admin.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped } from '../support/scrape.ts';

const FLASH = 'gemini-3.1-flash-image';
const PRO = 'gemini-3-pro-image';

const open: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

async function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway({ admin: true, ...options, simulator: { signatureBytes: 64 } });
  open.push(gateway);
  return gateway;
}

const at = ({ adminUrl }: TestGateway, method: string, path: string, body?: unknown) =>
  admin(adminUrl, method, `/admin${path}`, body);

async function makeKey(gateway: TestGateway, body: Record<string, unknown>): Promise<{ id: string; key: string }> {
  const made = await at(gateway, 'POST', '/keys', body);
  expect(made.body).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{12}$/), status: 'active' });
  expect(made.status).toBe(201);
  expect(made.body['key']).toMatch(/^sk-plantain-[\w-]{43}$/);
  return made.body as { id: string; key: string };
}

const draw = (gateway: TestGateway, key: string, body: Record<string, unknown> = {}): Promise<Response> =>
  gateway.post('/v1/images/generations', { prompt: 'a fox', ...body }, { authorization: `Bearer ${key}` });

async function saidBy(reply: Response): Promise<string> {
  return ((await reply.json()) as { readonly error: { readonly message: string } }).error.message;
}

describe('a key made at run time', () => {
  test('is looked at again when the body is there: revoked or cut down meanwhile, it draws nothing', async () => {
    const gateway = await start();
    await at(gateway, 'POST', '/tenants', { id: 'hooli' });
    const [revoked, narrowed] = [
      await makeKey(gateway, { tenant: 'hooli' }),
      await makeKey(gateway, { tenant: 'hooli', creditUsd: 5 }),
    ];
    const body = JSON.stringify({ prompt: 'a fox', model: PRO });
    const begun = [revoked, narrowed].map(({ key }) => {
      const sent = request(`${gateway.url}/v1/images/generations`, {
        method: 'POST',
        agent: false,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'content-length': body.length,
          expect: '100-continue',
        },
      });
      sent.flushHeaders();
      return { sent, welcome: once(sent, 'continue'), answer: once(sent, 'response') };
    });
    // From then on the key was good.
    for (const { welcome } of begun) await welcome;
    expect((await at(gateway, 'POST', `/keys/${revoked.id}/revoke`)).status).toBe(200);
    expect((await at(gateway, 'PATCH', `/keys/${narrowed.id}`, { models: [FLASH] })).status).toBe(200);
    for (const { sent } of begun) sent.end(body);
    const statuses = [];
    for (const { answer } of begun) {
      const [reply] = (await answer) as [IncomingMessage];
      reply.resume();
      statuses.push(reply.statusCode);
    }
    expect(statuses).toEqual([401, 403]);
    expect(gateway.simulator.calls).toHaveLength(0);
  });

  test('draws with OpenAI’s SDK until its credit is spent, and again after a top-up', async () => {
    const gateway = await start();
    const { id, key } = await makeKey(gateway, { tenant: 'acme', creditUsd: 0.15, cache: 'always', name: 'for Ada' });
    const client = new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    const ask = (prompt: string) => client.images.generate({ model: 'gpt-image-1', prompt });
    for (const prompt of ['one', 'two', 'three']) await ask(prompt);
    // The cache is asked whatever the request: the same prompt is a hit without a seed.
    await ask('one');
    expect(gateway.simulator.calls).toHaveLength(3);
    await expect(ask('four')).rejects.toMatchObject({ status: 429, code: 'insufficient_quota' });
    await ask('two');
    expect((await at(gateway, 'GET', `/credit?key=${id}`)).body).toMatchObject({
      credits: [{ level: 'key', owner: id, limitUsd: 0.15, spentUsd: 0.15, heldUsd: 0, leftUsd: 0 }],
    });

    const added = await at(gateway, 'POST', '/credit', { key: id, usd: 0.1 });
    expect(added.body).toMatchObject({ owner: id, limitUsd: 0.25, spentUsd: 0.15, leftUsd: 0.1 });
    await ask('four');
    await ask('five');
    await expect(ask('six')).rejects.toMatchObject({ status: 429, code: 'insufficient_quota' });
    expect(await scraped(gateway, 'plantain_budget_limit_usd', { level: 'key', owner: id })).toBe(0.25);
    expect(await scraped(gateway, 'plantain_budget_spent_usd', { level: 'key', owner: id })).toBe(0.25);
  });

  test('has models of its own, within those of its tenant', async () => {
    const gateway = await start();
    await at(gateway, 'POST', '/tenants', { id: 'initech', models: [FLASH] });
    const wide = await makeKey(gateway, { tenant: 'initech' });
    const narrow = await makeKey(gateway, { tenant: 'acme', models: ['nano-banana-pro'] });
    expect((await draw(gateway, wide.key, { model: FLASH })).status).toBe(200);
    expect((await draw(gateway, wide.key, { model: PRO })).status).toBe(403);
    expect((await draw(gateway, narrow.key, { model: PRO })).status).toBe(200);
    expect((await draw(gateway, narrow.key, { model: FLASH })).status).toBe(403);
    const denied = await at(gateway, 'POST', '/keys', { tenant: 'initech', models: [PRO] });
    expect(denied.status).toBe(400);
    expect(refusalOf(denied)).toMatchObject({ code: 'invalid_settings', field: 'models' });

    // The tenant loses a model: a key that was given it before loses it too, at once.
    await at(gateway, 'PATCH', '/tenants/initech', { models: [FLASH, PRO] });
    const both = await makeKey(gateway, { tenant: 'initech', models: [FLASH, PRO] });
    expect((await draw(gateway, both.key, { model: PRO })).status).toBe(200);
    await at(gateway, 'PATCH', '/tenants/initech', { models: [FLASH] });
    expect((await draw(gateway, both.key, { model: PRO })).status).toBe(403);
    expect((await draw(gateway, both.key, { model: FLASH })).status).toBe(200);
  });

  test('that is revoked while its picture is drawn gets that picture, and no other', async () => {
    const gateway = await start();
    const { id, key } = await makeKey(gateway, { tenant: 'acme', creditUsd: 1 });
    await draw(gateway, key, { seed: 1 });
    const land = keepAloft(gateway.simulator);
    const calls = gateway.simulator.calls.length;
    const inTheAir = draw(gateway, key, { seed: 2 });
    await expect.poll(() => gateway.simulator.calls.length, { interval: 5 }).toBe(calls + 1);
    const revoked = await at(gateway, 'POST', `/keys/${id}/revoke`);
    expect(revoked.body).toMatchObject({ id, status: 'revoked' });
    // A hit asks for a good key too.
    const next = await draw(gateway, key, { seed: 1 });
    expect(next.status).toBe(401);
    expect(await saidBy(next)).toMatch(/revoked/);
    land();
    expect((await inTheAir).status).toBe(200);
    await expect
      .poll(async () => (await at(gateway, 'GET', `/credit?key=${id}`)).body)
      .toMatchObject({ credits: [{ spentUsd: 0.1, heldUsd: 0 }] });
  });

  test('is replaced by a rotation: both work for a while, and spend the same money', async () => {
    let now = Date.parse('2026-11-27T12:00:00Z');
    const gateway = await start({ now: () => now });
    const old = await makeKey(gateway, { tenant: 'acme', creditUsd: 0.2, budgets: [{ limitUsd: 0.2, per: 'month' }] });
    expect((await draw(gateway, old.key)).status).toBe(200);
    const rotated = await at(gateway, 'POST', `/keys/${old.id}/rotate`, { overlapSeconds: 3600 });
    expect(rotated.status).toBe(201);
    expect(rotated.body).toMatchObject({
      line: old.id,
      creditUsd: 0.2,
      replaces: { id: old.id, expires: '2026-11-27T13:00:00.000Z' },
    });
    const next = rotated.body as unknown as { id: string; key: string };
    expect(next.key).not.toBe(old.key);
    expect((await draw(gateway, old.key)).status).toBe(200);
    expect((await draw(gateway, next.key)).status).toBe(200);
    expect((await at(gateway, 'GET', `/credit?key=${next.id}`)).body).toMatchObject({
      credits: [{ owner: old.id, spentUsd: 0.15 }],
    });
    // A top-up by either name is for both.
    await at(gateway, 'POST', '/credit', { key: next.id, usd: 1 });
    await at(gateway, 'PATCH', `/keys/${next.id}`, { budgets: null });
    for (const key of [old.key, next.key]) expect((await draw(gateway, key)).status).toBe(200);

    now += 3_600_000;
    const late = await draw(gateway, old.key);
    expect(late.status).toBe(401);
    expect(await saidBy(late)).toMatch(/expired at 2026-11-27T13:00:00/);
    expect((await draw(gateway, next.key)).status).toBe(200);
    const again = await at(gateway, 'POST', `/keys/${old.id}/rotate`);
    expect(refusalOf(again)).toMatchObject({ code: 'replaced', message: expect.stringContaining(next.id) });
    const now0 = await at(gateway, 'POST', `/keys/${next.id}/rotate`, { overlapSeconds: 0 });
    expect((await draw(gateway, next.key)).status).toBe(401);
    expect((await draw(gateway, String(now0.body['key']))).status).toBe(200);
  });

  test('ends when it is told to', async () => {
    let now = Date.parse('2026-11-27T12:00:00Z');
    const gateway = await start({ now: () => now });
    const { id, key } = await makeKey(gateway, { tenant: 'acme', expires: '2026-11-28' });
    expect((await draw(gateway, key)).status).toBe(200);
    expect((await at(gateway, 'PATCH', `/keys/${id}`, { expires: '2026-11-27T12:00:01Z' })).status).toBe(200);
    now += 1_000;
    expect((await draw(gateway, key)).status).toBe(401);
    expect((await at(gateway, 'GET', `/keys/${id}`)).body).toMatchObject({ status: 'expired' });
    expect((await at(gateway, 'PATCH', `/keys/${id}`, { expires: null })).body).toMatchObject({ status: 'active' });
    expect((await draw(gateway, key)).status).toBe(200);
  });
});

describe('a key of the configuration', () => {
  const config = {
    tenants: [{ id: 'acme', keys: [{ key: KEY, creditUsd: 0.1 }], budgets: [{ limitUsd: 9, per: 'day' }] }],
  };

  test('can be revoked at run time', async () => {
    const gateway = await start({ config });
    const { body } = await at(gateway, 'GET', '/keys?tenant=acme');
    const [{ id }] = body['keys'] as [{ id: string }];
    expect(body).toMatchObject({ keys: [{ configured: true, status: 'active', creditUsd: 0.1 }], next: null });
    await at(gateway, 'POST', `/keys/${id}/revoke`);
    const refused = await draw(gateway, KEY);
    expect(refused.status).toBe(401);
    expect(await saidBy(refused)).toMatch(/revoked/);
  });

  test('can be rotated: its successor goes on with its settings and its money', async () => {
    const gateway = await start({ config });
    const { body } = await at(gateway, 'GET', '/keys');
    const [{ id }] = body['keys'] as [{ id: string }];
    expect((await draw(gateway, KEY)).status).toBe(200);
    const { body: next } = await at(gateway, 'POST', `/keys/${id}/rotate`);
    expect((await draw(gateway, String(next['key']))).status).toBe(200);
    for (const key of [KEY, String(next['key'])]) expect((await draw(gateway, key)).status).toBe(429);
    const { body: audit } = await at(gateway, 'GET', '/audit');
    expect(audit['audit']).toMatchObject([{ action: 'key.rotate', subject: `key ${id}`, amountUsd: 0.1 }]);
  });

  test('is else as the configuration says, and so is its tenant', async () => {
    const gateway = await start({ config });
    const { body } = await at(gateway, 'GET', '/keys');
    const [{ id }] = body['keys'] as [{ id: string }];
    for (const [method, path, sent] of [
      ['PATCH', `/keys/${id}`, { models: [FLASH] }],
      ['POST', '/credit', { key: id, usd: 1 }],
      ['POST', '/credit', { tenant: 'acme', usd: 1 }],
      ['PATCH', '/tenants/acme', { models: [FLASH] }],
      ['DELETE', '/tenants/acme', undefined],
      ['POST', '/tenants', { id: 'acme' }],
    ] as const) {
      const refused = await at(gateway, method, path, sent);
      expect(refused.status, path).toBe(409);
      expect(refusalOf(refused)).toMatchObject({ code: 'configured', message: expect.stringMatching(/configuration/) });
    }
    expect((await draw(gateway, KEY)).status).toBe(200);
  });
});

describe('a tenant made at run time', () => {
  test('has budgets and limits that hold, and can be changed at once', async () => {
    const gateway = await start();
    const made = await at(gateway, 'POST', '/tenants', {
      id: 'initech',
      budgets: [{ limitUsd: 0.1, per: 'day' }],
      limits: { requestsPerMinute: 4 },
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ id: 'initech', configured: false, cache: { scope: 'initech' } });
    const { key } = await makeKey(gateway, { tenant: 'initech' });
    const statuses = [];
    for (let count = 0; count < 5; count += 1) statuses.push((await draw(gateway, key)).status);
    expect(statuses).toEqual([200, 200, 429, 429, 429]);
    const changed = await at(gateway, 'PATCH', '/tenants/initech', {
      budgets: [{ limitUsd: 0.15, per: 'day' }],
      limits: { requestsPerMinute: 600 },
    });
    expect(changed.body).toMatchObject({ limits: { requestsPerMinute: 600, mode: 'enforce' } });
    expect((await draw(gateway, key)).status).toBe(200);
    expect((await draw(gateway, key)).status).toBe(429);
    expect((await at(gateway, 'GET', '/budgets?owner=initech')).body).toMatchObject({
      budgets: [{ level: 'tenant', per: 'day', limitUsd: 0.15, spentUsd: 0.15, leftUsd: 0 }],
    });
  });

  test('that is deleted is refused at once, and its id is nobody’s again', async () => {
    const gateway = await start();
    await at(gateway, 'POST', '/tenants', { id: 'initech' });
    const { id, key } = await makeKey(gateway, { tenant: 'initech' });
    await draw(gateway, key, { seed: 1 });
    const land = keepAloft(gateway.simulator);
    const calls = gateway.simulator.calls.length;
    const inTheAir = draw(gateway, key, { seed: 2 });
    await expect.poll(() => gateway.simulator.calls.length, { interval: 5 }).toBe(calls + 1);
    expect((await at(gateway, 'DELETE', '/tenants/initech')).body).toMatchObject({ deletedAt: expect.any(String) });
    expect((await draw(gateway, key, { seed: 1 })).status).toBe(401);
    land();
    expect((await inTheAir).status).toBe(200);
    expect((await at(gateway, 'GET', `/keys/${id}`)).body).toMatchObject({ status: 'tenant_deleted' });
    expect(refusalOf(await at(gateway, 'POST', '/tenants', { id: 'initech' })).code).toBe('deleted');
    expect(refusalOf(await at(gateway, 'POST', '/keys', { tenant: 'initech' })).field).toBe('tenant');
    expect((await at(gateway, 'DELETE', '/tenants/initech')).status).toBe(404);
    expect((await at(gateway, 'GET', '/tenants')).body).toMatchObject({ tenants: [{ id: 'acme' }, { id: 'globex' }] });
  });

  test('shares the budgets of the organisation it names', async () => {
    const gateway = await start({
      config: { organisations: [{ id: 'conglomerate', budgets: [{ limitUsd: 0.05, per: 'month' }] }] },
    });
    for (const id of ['one', 'two']) await at(gateway, 'POST', '/tenants', { id, organisation: 'conglomerate' });
    const [one, two] = [await makeKey(gateway, { tenant: 'one' }), await makeKey(gateway, { tenant: 'two' })];
    expect((await draw(gateway, one.key)).status).toBe(200);
    expect((await draw(gateway, two.key)).status).toBe(429);
    const strange = await at(gateway, 'POST', '/tenants', { id: 'three', organisation: 'unheard-of' });
    expect(refusalOf(strange)).toMatchObject({ field: 'organisation', mistakes: [{ field: 'organisation' }] });
  });
});
