import { once } from 'node:events';
import { connect } from 'node:net';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { admin, refusalOf } from '../support/admin.ts';
import type { Told } from '../support/admin.ts';
import { ADMIN_KEY, KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { scraped } from '../support/scrape.ts';

const PATHS = {
  '/admin/tenants': ['GET', 'POST'],
  '/admin/tenants/acme': ['GET', 'PATCH', 'DELETE'],
  '/admin/keys': ['GET', 'POST'],
  '/admin/keys/0123456789ab': ['GET', 'PATCH'],
  '/admin/keys/0123456789ab/rotate': ['POST'],
  '/admin/keys/0123456789ab/revoke': ['POST'],
  '/admin/credit': ['GET', 'POST'],
  '/admin/budgets': ['GET'],
  '/admin/usage': ['GET'],
  '/admin/audit': ['GET'],
  '/admin/ledger/refund': ['POST'],
  '/admin/ledger/adjust': ['POST'],
  '/admin/cache': ['GET'],
  '/admin/cache/purge': ['POST'],
} as const;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ admin: true, simulator: { signatureBytes: 64 } });
});
afterAll(() => gateway.close());

const ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Told> =>
  admin(gateway.adminUrl, method, path, body, headers);

/** Every refusal has one shape, may be kept by nobody and read by no page of another origin. */
function expectRefusal(told: Told, status: number, about: string): ReturnType<typeof refusalOf> {
  expect(told.status, about).toBe(status);
  expect(told.headers.get('cache-control'), about).toBe('no-store');
  expect(told.headers.get('access-control-allow-origin'), about).toBeNull();
  expect(told.headers.get('x-request-id'), about).toMatch(/^req_[0-9a-f]{32}$/);
  expect(Object.keys(told.body), about).toEqual(['error']);
  const error = refusalOf(told);
  expect(Object.keys(error).sort(), about).toEqual(['code', 'field', 'message', 'mistakes', 'requestId']);
  expect(error.message, about).toMatch(/\.$/);
  expect(JSON.stringify(error), about).not.toMatch(/\bat \w+ \(|node:internal|\.ts:\d+|node_modules/);
  return error;
}

describe('the admin port', () => {
  test('is closed without an admin key', async () => {
    const without = await startGateway({ simulator: { signatureBytes: 64 } });
    expect(without.adminUrl).toBe('');
    await without.close();
  });

  test.each(Object.entries(PATHS))('%s takes %j alone, with the admin key alone', async (path, allowed) => {
    const stranger = await ask(allowed[0], path, undefined, { authorization: '' });
    expect(expectRefusal(stranger, 401, path).message).toMatch(/PLANTAIN_ADMIN_KEY/);
    expect(stranger.headers.get('www-authenticate')).toMatch(/^Bearer/);
    for (const method of METHODS) {
      const about = `${method} ${path}`;
      if (!allowed.some((each) => each === method)) {
        const refused = await ask(method, path);
        expectRefusal(refused, 405, about);
        for (const each of allowed) expect(refused.headers.get('allow')).toContain(each);
      }
    }
    const options = await ask('OPTIONS', path);
    expect(options.status).toBe(204);
    expect(options.headers.get('allow')).toContain(allowed[0]);
    expect([...options.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('answers HEAD as GET, without a body', async () => {
    const head = await ask('HEAD', '/admin/tenants');
    expect(head.status).toBe(200);
    expect(head.body).toEqual({ text: '' });
  });

  test('says at an unknown path what there is, to whoever has the key', async () => {
    expect(expectRefusal(await ask('GET', '/admin'), 404, 'unknown').message).toContain('/admin/tenants/{id}');
    expectRefusal(await ask('GET', '/', undefined, { authorization: 'Bearer no' }), 401, 'unknown, no key');
  });

  test('takes no key of a tenant, and no key elsewhere than in its header', async () => {
    for (const headers of [
      { authorization: `Bearer ${KEY}` },
      { authorization: `Basic ${btoa(`admin:${ADMIN_KEY}`)}` },
      { authorization: '', 'x-api-key': ADMIN_KEY },
      { authorization: `Bearer ${ADMIN_KEY}x` },
    ])
      expectRefusal(await ask('GET', '/admin/tenants', undefined, headers), 401, JSON.stringify(headers));
    expectRefusal(await ask('GET', `/admin/tenants?key=${ADMIN_KEY}`, undefined, { authorization: '' }), 401, 'query');
    const admin_ = await gateway.post(
      '/v1/images/generations',
      { prompt: 'x' },
      { authorization: `Bearer ${ADMIN_KEY}` },
    );
    expect(admin_.status).toBe(401);
  });

  test('hears 60 strangers a minute from one address, and whoever has the key always', async () => {
    const guessed = await startGateway({ admin: true, simulator: { signatureBytes: 64 } });
    const guess = () => admin(guessed.adminUrl, 'GET', '/admin/keys', undefined, { authorization: 'Bearer guess' });
    const told = await Promise.all(Array.from({ length: 80 }, guess));
    const counts = Object.groupBy(told, ({ status }) => status);
    expect(counts['401']!.length).toBeGreaterThanOrEqual(60);
    expect(counts['429']!.length).toBeGreaterThan(10);
    const [late] = counts['429']!;
    expect(late!.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(refusalOf(late!).code).toBe('rate_limited');
    expect((await admin(guessed.adminUrl, 'GET', '/admin/keys')).status).toBe(200);
    expect(await scraped(guessed, 'plantain_admin_requests_total', { status: '429' })).toBe(counts['429']!.length);
    expect((await admin(guessed.adminUrl, 'GET', '/admin/audit')).body['audit']).toEqual([]);
    await guessed.close();
  });

  test('answers what is no HTTP in its own shape', async () => {
    const socket = connect(Number(new URL(gateway.adminUrl).port), '127.0.0.1');
    socket.end('nonsense\r\n\r\n');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ error: { code: 'bad_request' } });
  });
});

describe('a body', () => {
  const BAD: readonly (readonly [name: string, body: string, status: number, headers?: Record<string, string>])[] = [
    ['that is no JSON', '{', 400],
    ['that is a list', '[]', 400],
    ['that is null', 'null', 400],
    ['of another type', 'id=acme', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
    ['that is too large', JSON.stringify({ id: 'x'.repeat(70_000) }), 413],
    ['that is too deep', `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, 400],
    ['of too many values', `{"budgets":[${Array.from({ length: 5_000 }, () => '{}').join()}]}`, 400],
    ['with a prototype in it', '{"__proto__":{"id":"x"},"constructor":{"prototype":{}}}', 400],
    ['with an unknown setting', '{"id":"zeta","tenant":"acme","usd":1,"key":"k","colour":"red"}', 400],
  ];
  const CHANGES = Object.entries(PATHS).flatMap(([path, methods]) =>
    methods.filter((method) => method === 'POST' || method === 'PATCH').map((method) => [method, path] as const),
  );
  test.each(CHANGES.flatMap(([method, path]) => BAD.map(([name, ...bad]) => ({ method, path, name, bad }))))(
    'to $method $path $name is refused',
    async ({ method, path, name, bad: [body, status, headers] }) => {
      const told = await ask(method, path, body, headers ?? {});
      // A tenant of the configuration, and a key that is not there, are refused before their settings are looked at.
      const about = `${method} ${path} ${name}`;
      if (told.status === 404 || told.status === 409) expectRefusal(told, told.status, about);
      else expectRefusal(told, status, about);
    },
  );

  test('of any shape is a refusal, and never a fault', async () => {
    const faults = gateway.logged().split('"level":50').length;
    const value = fc.anything({ withNullPrototype: false, maxDepth: 3 });
    const named = fc.dictionary(
      fc.constantFrom(
        'id',
        'tenant',
        'key',
        'usd',
        'models',
        'budgets',
        'limits',
        'cache',
        'safety',
        'expires',
        'revoked',
        'name',
        'creditUsd',
        'organisation',
        'overlapSeconds',
        'holds',
      ),
      value,
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...CHANGES), named, async ([method, path], body) => {
        const text =
          JSON.stringify(body, (_name, each: unknown) => (typeof each === 'bigint' ? Number(each) : each)) ?? '{}';
        const told = await ask(method, path, text);
        expect([201, 400, 404, 409], text).toContain(told.status);
        if (told.status !== 201) expectRefusal(told, told.status, text);
      }),
      { numRuns: 300 },
    );
    expect(gateway.logged().split('"level":50')).toHaveLength(faults);
  });

  test('with several mistakes hears of all of them, by their paths', async () => {
    const told = await ask('POST', '/admin/tenants', {
      id: 'zeta',
      models: ['nano-banana-2', 'no-such-model'],
      budgets: [
        { limitUsd: 1, per: 'day' },
        { limitUsd: 1, per: 'day', timeZone: 'Mars/Phobos' },
      ],
      creditUsd: 5,
      limits: { imagesPerMinute: 3 },
    });
    const { mistakes, field } = expectRefusal(told, 400, 'mistakes');
    expect(mistakes.map((each) => each.field)).toEqual(['models[1]', 'budgets[1].timeZone']);
    expect(field).toBe('models[1]');
    const form = await ask('POST', '/admin/tenants', { id: 'Zeta', budgets: [{ per: 'week' }], modles: [] });
    expect(
      refusalOf(form)
        .mistakes.map((each) => each.field)
        .sort(),
    ).toEqual(['budgets[0].limitUsd', 'budgets[0].per', 'id', 'modles']);
    const twice = await ask('POST', '/admin/tenants', {
      id: 'zeta',
      creditUsd: 5,
      budgets: [{ limitUsd: 9, per: 'total' }],
    });
    expect(refusalOf(twice)).toMatchObject({ field: 'creditUsd' });
  });
});

describe('lists', () => {
  beforeEach(async () => {
    for (const id of ['aa', 'bb', 'cc'])
      await ask('POST', '/admin/tenants', { id, budgets: [{ limitUsd: 1, per: 'day' }] });
  });

  test('come in pages, in order, each thing once', async () => {
    for (const [path, name] of [
      ['/admin/tenants', 'tenants'],
      ['/admin/budgets', 'budgets'],
    ] as const) {
      const seen: string[] = [];
      for (let after = ''; ;) {
        const { body, status } = await ask('GET', `${path}?limit=2${after}`);
        expect(status).toBe(200);
        const items = body[name] as readonly { readonly id?: string; readonly owner?: string }[];
        expect(items.length).toBeLessThanOrEqual(2);
        seen.push(...items.map(({ id, owner }) => id ?? owner ?? ''));
        if (body['next'] === null) break;
        after = `&after=${encodeURIComponent(body['next'] as string)}`;
      }
      expect(seen).toEqual([...new Set(seen)].sort());
      expect(seen).toEqual(expect.arrayContaining(['aa', 'bb', 'cc']));
    }
  });

  test.each([
    ['/admin/tenants?limit=0', 'limit'],
    ['/admin/tenants?limit=1001', 'limit'],
    ['/admin/keys?colour=red', 'colour'],
    ['/admin/keys?limit=1&limit=2', 'limit'],
    ['/admin/budgets?level=galaxy', 'level'],
    ['/admin/credit?tenant=a&key=b', 'tenant'],
    ['/admin/usage?by=colour', 'by'],
    ['/admin/usage?since=2026-02-30', 'since'],
    ['/admin/usage?format=xml', 'format'],
    ['/admin/audit?before=never', 'before'],
  ])('%s is refused by %s', async (path, field) => {
    expect(expectRefusal(await ask('GET', path), 400, path).field).toBe(field);
  });
});
