import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { admin } from '../support/admin.ts';
import type { Told } from '../support/admin.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    admin: true,
    simulator: { signatureBytes: 64 },
    config: { retention: { signatureDays: 0 } },
  });
});
afterAll(() => gateway.close());

const ask = (method: string, path: string, body?: unknown): Promise<Told> =>
  admin(gateway.adminUrl, method, path, body);
const PICTURE = { prompt: 'a fox in snow', seed: 7 };
const statusOf = async (headers: Record<string, string> = {}): Promise<string | null> =>
  (await gateway.post('/v1/images/generations', PICTURE, headers)).headers.get('cache-status');

test('the operator sees what is kept and removes it from memory and disk, with a row of the audit trail', async () => {
  expect(await statusOf()).toContain('fwd=miss');
  expect(await statusOf()).toContain('hit');
  await expect
    .poll(async () => (await ask('GET', '/admin/cache')).body['cache'])
    .toMatchObject([{ scope: 'acme', model: 'gemini-3.1-flash-image', entries: 1 }]);
  expect((await ask('POST', '/admin/cache/purge', { scope: 'globex' })).body).toEqual({ entries: 0, bytes: 0 });
  expect((await ask('POST', '/admin/cache/purge', { scope: 'acme' })).body).toMatchObject({ entries: 1 });
  expect((await ask('GET', '/admin/cache')).body).toEqual({ cache: [] });
  expect(await statusOf()).toContain('fwd=miss');
  const { body } = await ask('GET', '/admin/audit?subject=cache&limit=1');
  expect(body['audit']).toMatchObject([
    { action: 'cache.purge', result: 'done', after: { scope: 'acme', entries: 1 } },
  ]);
  for (const wrong of [
    {},
    { all: 'yes' },
    { all: true, scope: 'acme' },
    { scope: '../x' },
    { before: 'soon' },
    { more: 1 },
  ])
    expect((await ask('POST', '/admin/cache/purge', wrong)).status).toBe(400);
  expect((await ask('POST', '/admin/cache/purge', { all: true })).body).toMatchObject({ entries: 1 });
});

test('one picture is removed by the key that its caller and the log were told, and in that scope alone', async () => {
  const keyOf = (status: string | null): string => /key="([0-9a-f]{64})"/.exec(status ?? '')?.[1] ?? '';
  const key = keyOf(await statusOf());
  expect(keyOf(await statusOf())).toBe(key);
  const other = { prompt: 'a fox in rain', seed: 7 };
  await gateway.post('/v1/images/generations', other);
  expect(gateway.logged()).toContain(key);
  const purge = (body: object): Promise<Told> => ask('POST', '/admin/cache/purge', body);
  for (const wrong of [{ key }, { key: key.toUpperCase(), scope: 'acme' }, { key: [key], scope: 'acme' }])
    expect((await purge(wrong)).status).toBe(400);
  expect((await purge({ key, scope: 'globex' })).body).toEqual({ entries: 0, bytes: 0 });
  expect(await statusOf()).toContain('hit');
  expect((await purge({ key, scope: 'acme' })).body).toMatchObject({ entries: 1 });
  const { body } = await ask('GET', '/admin/audit?subject=cache&limit=1');
  expect(body['audit']).toMatchObject([{ after: { key, scope: 'acme', entries: 1 } }]);
  expect(await statusOf()).toContain('fwd=miss');
  const left = await gateway.post('/v1/images/generations', other);
  expect(left.headers.get('cache-status')).toContain('hit');
});

test('several pictures of one answer have a key each', async () => {
  const reply = await gateway.post('/v1/images/generations', { ...PICTURE, n: 2, image_size: '512' });
  expect(reply.headers.get('cache-status')).toMatch(/key="([0-9a-f]{64}) (?!\1)[0-9a-f]{64}"$/);
});

test('of a tenant that is forgotten no picture is kept', async () => {
  await ask('POST', '/admin/tenants', { id: 'hooli' });
  const { key } = (await ask('POST', '/admin/keys', { tenant: 'hooli' })).body;
  await statusOf();
  expect(await statusOf({ authorization: `Bearer ${String(key)}` })).toContain('fwd=miss');
  const scopes = async (): Promise<unknown> =>
    ((await ask('GET', '/admin/cache')).body['cache'] as { scope: string }[]).map(({ scope }) => scope);
  await expect.poll(scopes).toEqual(['acme', 'hooli']);
  await ask('DELETE', '/admin/tenants/hooli');
  expect((await ask('POST', '/admin/tenants/hooli/forget', {})).status).toBe(200);
  expect(await scopes()).toEqual(['acme']);
});

test('nor the answers that were kept for its Idempotency-Keys, whatever its scope', async () => {
  for (const [id, scope] of [
    ['initech', 'initech-pictures'],
    ['umbrella', 'acme'],
  ] as const) {
    await ask('POST', '/admin/tenants', { id, cache: { scope } });
    const { key } = (await ask('POST', '/admin/keys', { tenant: id })).body;
    const headers = { authorization: `Bearer ${String(key)}` };
    expect(await statusOf(headers)).not.toBeNull();
    const kept = { ...headers, 'idempotency-key': 'once' };
    expect((await gateway.post('/v1/images/generations', { prompt: 'no seed' }, kept)).status).toBe(200);
    const scopes = async (): Promise<unknown> =>
      ((await ask('GET', '/admin/cache')).body['cache'] as { scope: string }[]).map((each) => each.scope);
    await expect.poll(scopes).toContain(id);
    await expect.poll(scopes).toContain(scope);
    await ask('DELETE', `/admin/tenants/${id}`);
    expect((await ask('POST', `/admin/tenants/${id}/forget`, {})).status).toBe(200);
    expect(await scopes()).toEqual(['acme']);
  }
});
