import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { bytesIn } from '../support/bytes.ts';
import { admin } from '../support/admin.ts';
import { ADMIN_KEY } from '../support/gateway.ts';
import { plantainWith } from '../support/plantain.ts';
import type { Said } from '../support/plantain.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';

const UPSTREAM_KEY = 'upstream-secret-7';
const TENANT_KEY = 'sk-tenant-configured-51';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY], pricing: 'reseller' });
});
beforeEach(() => simulator.clearRules());
afterAll(() => simulator.close());

interface Started extends GatewayProcess {
  readonly directory: string;
}

async function start(
  directory: string,
  env: Readonly<Record<string, string>> = { PLANTAIN_ADMIN_KEY: ADMIN_KEY },
): Promise<Started> {
  const model = 'gemini-3.1-flash-image';
  const config = writeConfig(directory, {
    upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: simulator.url, keyFrom: 'VENDOR_KEY' }],
    models: [{ id: model, targets: [{ upstream: 'vendor', model, price: { perImageUsd: 0.058 } }] }],
    tenants: [{ id: 'acme', keys: [{ key: TENANT_KEY }] }],
  });
  const gateway = startProcess({ directory, args: ['--config', config], env: { VENDOR_KEY: UPSTREAM_KEY, ...env } });
  await gateway.ready();
  return Object.assign(gateway, { directory });
}

async function stop(gateway: GatewayProcess): Promise<void> {
  gateway.kill('SIGTERM');
  expect(await gateway.ended).toBe(0);
}

const run = (
  { directory, adminUrl }: Pick<Started, 'directory' | 'adminUrl'>,
  ...words: readonly string[]
): Promise<Said> => plantainWith(directory, { PLANTAIN_ADMIN_KEY: ADMIN_KEY, PLANTAIN_ADMIN_URL: adminUrl }, ...words);

const draw = (gateway: GatewayProcess, key: string, body: Record<string, unknown> = {}): Promise<Response> =>
  fetch(`${gateway.url}/v1/images/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a fox', image_size: '512', ...body }),
  });

function madeBy({ code, stdout, stderr }: Said): { readonly key: string; readonly id: string } {
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const [, key = ''] = /^key: +(sk-plantain-[\w-]{43}) +\(shown this once/m.exec(stdout) ?? [];
  const [, id = ''] = /^id: +([0-9a-f]{12})$/m.exec(stdout) ?? [];
  expect(key).not.toBe('');
  return { key, id };
}

/** Every file of a data directory, with what is not yet in the database itself. */
function filesOf(directory: string): readonly (readonly [string, Buffer])[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => [path, readFileSync(path)] as const);
}

describe('the plantain command', () => {
  test('makes tenants and keys, tops up, rotates and revokes; a restart keeps it all, and no file or log holds a key', async () => {
    const directory = newDirectory();
    const gateway = await start(directory);
    expect(
      await run(gateway, 'tenants', 'create', 'initech', '--budget', '20/day', '--images-per-minute', '30'),
    ).toMatchObject({
      code: 0,
      stdout: 'initech: made; its first key: keys create initech\n',
    });
    const first = madeBy(
      await run(gateway, 'keys', 'create', 'initech', '--name', 'for Ada', '--credit', '0.12', '--cache', 'always'),
    );
    expect((await draw(gateway, first.key)).status).toBe(200);
    expect((await draw(gateway, first.key)).headers.get('x-plantain-cost-usd')).toBe('0');
    expect((await draw(gateway, first.key, { prompt: 'two' })).status).toBe(200);
    expect((await draw(gateway, first.key, { prompt: 'three' })).status).toBe(429);
    const added = await run(gateway, 'credit', 'add', first.id, '1.50');
    expect(added.stdout.split('\n')[1]).toMatch(new RegExp(`^key +${first.id} +1\\.62 +0\\.116 +0\\.00 +1\\.504$`));
    expect((await draw(gateway, first.key, { prompt: 'three' })).status).toBe(200);
    const next = madeBy(await run(gateway, 'keys', 'rotate', first.id, '--overlap', '2h'));
    const other = madeBy(
      await run(gateway, 'keys', 'create', 'acme', '--models', 'nano-banana-2', '--expires', '2999-01-31'),
    );
    expect(await run(gateway, 'keys', 'revoke', other.id)).toMatchObject({ code: 0, stdout: `${other.id}: revoked\n` });
    const keys = [first.key, next.key, other.key];

    const list = await run(gateway, 'keys', 'list', '--tenant', 'acme');
    expect(list.stdout).toMatch(
      new RegExp(`^${other.id} +acme +revoked +gemini-3.1-flash-image +2999-01-31T00:00:00.000Z`, 'm'),
    );
    expect((await run(gateway, 'tenants', 'list')).stdout).toMatch(/^acme +true\s*\ninitech +false\s*$/m);
    const shown = JSON.parse((await run(gateway, 'tenants', 'show', 'initech')).stdout) as unknown;
    expect(shown).toMatchObject({ limits: { imagesPerMinute: 30 }, budgets: [{ limitUsd: 20, per: 'day' }], keys: 2 });
    const trail = await run(gateway, 'audit', '--limit', '3');
    expect(trail.stdout).toMatch(/key\.revoke .*\n.*key\.create .*\n.*key\.rotate /);
    const metrics = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
    // Before the end, when the last of it is in the journal only.
    const whileRunning = filesOf(join(directory, 'data'));
    await stop(gateway);

    const again = await start(directory);
    expect((await draw(again, first.key, { prompt: 'four' })).status).toBe(200);
    expect((await draw(again, next.key, { prompt: 'five' })).status).toBe(200);
    expect((await draw(again, other.key)).status).toBe(401);
    const credit = await run(again, 'credit', 'show', next.id);
    expect(credit.stdout.split('\n')[1]).toMatch(new RegExp(`^key +${first.id} +1\\.62 +0\\.29 +0\\.00 +1\\.33$`));
    expect(await run(again, 'ledger', 'verify', '--data-dir', 'data')).toMatchObject({ code: 0 });
    await stop(again);
    const everything = [
      ...whileRunning,
      ...filesOf(join(directory, 'data')),
      ...[list, trail, credit, added].map(({ stdout, stderr }) => ['a command', Buffer.from(stdout + stderr)] as const),
      ...[gateway, again].map((each) => ['a log', Buffer.from(each.stdout() + each.stderr())] as const),
      ['the metrics', Buffer.from(metrics)] as const,
    ];
    for (const secret of [ADMIN_KEY, TENANT_KEY, ...keys])
      for (const [where, bytes] of everything) expect(bytes.includes(secret), `${secret} in ${where}`).toBe(false);
  }, 120_000);

  test('says what is wrong when the gateway, its admin port, its key or its address is', async () => {
    const directory = newDirectory();
    // Of those below 1024, of which nobody may take one without being told to.
    const nowhere = 'http://127.0.0.1:2';
    const at = (adminUrl: string, key = ADMIN_KEY) =>
      plantainWith(
        directory,
        { PLANTAIN_ADMIN_URL: adminUrl, ...(key !== '' && { PLANTAIN_ADMIN_KEY: key }) },
        'keys',
        'list',
      );
    expect(await at(nowhere)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Nothing answers at .*PLANTAIN_ADMIN_KEY/),
    });
    expect(await at(nowhere, '')).toMatchObject({ code: 78, stderr: expect.stringMatching(/needs the admin key/) });
    expect(await at('ftp://x')).toMatchObject({ code: 78, stderr: expect.stringMatching(/must begin with http/) });
    const gateway = await start(directory);
    expect(await at(gateway.adminUrl, 'another-admin-key-0000')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^This is not the admin key of this gateway/),
    });
    for (const elsewhere of [gateway.url, gateway.operationsUrl])
      expect(await at(elsewhere)).toMatchObject({ code: 1, stderr: expect.stringMatching(/not as an admin API/) });
    writeFileSync(join(directory, 'key'), `${ADMIN_KEY}\n`);
    const fromFile = { PLANTAIN_ADMIN_URL: gateway.adminUrl, PLANTAIN_ADMIN_KEY_FILE: 'key' };
    expect(await plantainWith(directory, fromFile, 'keys', 'list')).toMatchObject({ code: 0 });
    const html = createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await once(html, 'listening');
    expect(await at(`http://127.0.0.1:${(html.address() as AddressInfo).port}`)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not as an admin API/),
    });
    html.close();
    for (const [words, code, message] of [
      [['keys', 'create'], 78, /Name the tenant it is for/],
      [['keys', 'create', 'nobody'], 1, /no tenant is called "nobody"/],
      [['keys', 'create', 'acme', '--budget', '5/week'], 78, /--budget must be/],
      [['keys', 'create', 'acme', '--credit', 'much'], 78, /--credit must be/],
      [['keys', 'create', 'acme', '--cache', 'sometimes'], 1, /cache: must be repeatable, always or never/],
      [['keys', 'create', 'acme', '--models', 'banana'], 1, /models\[0\]: no model is called "banana"/],
      [['keys', 'rotate', 'acme', '--overlap', 'long'], 78, /--overlap must be/],
      [['keys', 'revoke', '000000000000'], 1, /There is no key 000000000000/],
      [['credit', 'add', 'x'], 78, /Name one key, or one tenant/],
      [['credit', 'show', '000000000000'], 1, /no prepaid credit/],
      [['tenants', 'create', 'acme'], 1, /set by the configuration/],
      [['tenants', 'create', 'zeta', '--images-per-minute', 'many'], 1, /limits.imagesPerMinute/],
      [['tenants', 'show', 'nobody'], 1, /no such tenant/],
    ] as const) {
      const said = await run(gateway, ...words);
      expect(said.stderr, words.join(' ')).toMatch(message);
      expect(said.code, words.join(' ')).toBe(code);
    }
    await stop(gateway);
  }, 120_000);

  test('lets a running gateway refund, and needs its admin key for that', async () => {
    const directory = newDirectory();
    const gateway = await start(directory);
    simulator.rule({ fault: 'reset', times: 1 });
    expect((await draw(gateway, TENANT_KEY)).status).toBe(502);
    const unknown = (): string => {
      const db = new DatabaseSync(join(directory, 'data/ledger.db'), { readOnly: true });
      const row = db.prepare("SELECT id FROM hold WHERE outcome = 'unknown'").get();
      db.close();
      return String(row?.['id'] ?? '');
    };
    await expect.poll(unknown).not.toBe('');
    const words = ['ledger', 'reconcile', '--refund', unknown(), '--data-dir', 'data'];
    const hold = unknown();
    expect(await plantainWith(directory, {}, ...words)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/in use by another Plantain process.*set PLANTAIN_ADMIN_KEY/),
    });
    expect(await run(gateway, ...words)).toMatchObject({ code: 0, stdout: `${hold}: refunded $0.058\n` });
    expect(await run(gateway, ...words)).toMatchObject({ code: 1, stdout: `${hold}: nothing is charged as unknown\n` });
    await stop(gateway);
  });
});

const ROUNDS = process.env['PLANTAIN_TEST_LONG'] === undefined ? 3 : 50;

describe('a gateway that is killed', () => {
  test('between a change and its answer has the change with its row in the audit trail, or neither', async () => {
    const directory = newDirectory();
    let gateway = await start(directory);
    const acknowledged: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const { adminUrl } = gateway;
      const ids = Array.from({ length: 30 }, (_, index) => `tenant-${round}-${index}`);
      const asked = ids.map(async (id) => {
        const { status } = await admin(adminUrl, 'POST', '/admin/tenants', { id, creditUsd: 1 });
        if (status === 201) acknowledged.push(id);
      });
      const enough = acknowledged.length + 1 + round * 3;
      await expect.poll(() => acknowledged.length, { interval: 1 }).toBeGreaterThanOrEqual(enough);
      gateway.kill('SIGKILL');
      await Promise.allSettled(asked);
      await gateway.ended;
      gateway = await start(directory);
    }
    const tenants = await admin(gateway.adminUrl, 'GET', '/admin/tenants?limit=1000');
    const made = (tenants.body['tenants'] as readonly { id: string }[])
      .map(({ id }) => id)
      .filter((id) => id !== 'acme');
    const trail = await admin(gateway.adminUrl, 'GET', '/admin/audit?limit=1000');
    const rows = trail.body['audit'] as readonly { subject: string; action: string; result: string }[];
    expect(rows.map(({ subject }) => subject.replace('tenant ', '')).toSorted()).toEqual(made);
    expect(made).toEqual(expect.arrayContaining(acknowledged));
    await stop(gateway);
  }, 600_000);
});

test('a taken admin port says so, and how to choose another', async () => {
  const directory = newDirectory();
  const gateway = await start(directory);
  const second = startProcess({
    directory: newDirectory(),
    env: { PLANTAIN_ADMIN_KEY: ADMIN_KEY, ADMIN_PORT: new URL(gateway.adminUrl).port },
  });
  expect(await second.ended).toBe(1);
  expect(second.stderr()).toMatch(/^Port \d+ is taken\. Choose another: .*ADMIN_PORT=/);
  await stop(gateway);
});

test('a gateway without configured tenants starts with its first key, beside the tenants of the run time', async () => {
  const directory = newDirectory();
  const env = { PLANTAIN_ADMIN_KEY: ADMIN_KEY };
  const gateway = startProcess({ directory, env });
  await gateway.ready();
  const { adminUrl } = gateway;
  expect((await draw(gateway, 'sk-plantain-dev')).status).toBe(200);
  expect(await run({ directory, adminUrl }, 'tenants', 'create', 'initech')).toMatchObject({ code: 0 });
  const { key } = madeBy(await run({ directory, adminUrl }, 'keys', 'create', 'initech'));
  await stop(gateway);
  const again = startProcess({ directory, env });
  await again.ready();
  for (const each of ['sk-plantain-dev', key]) expect((await draw(again, each)).status).toBe(200);
  await stop(again);
});

test('a running gateway forgets a tenant by itself once it is deleted, and says why it does not before', async () => {
  const gateway = await start(newDirectory());
  expect(await run(gateway, 'tenants', 'create', 'globex', '--credit', '77.25')).toMatchObject({ code: 0 });
  const { id, key } = madeBy(await run(gateway, 'keys', 'create', 'globex', '--name', 'name-secret-51'));
  expect((await draw(gateway, key, { user: 'user-secret-51' })).status).toBe(200);
  const forget = (tenant: string) => run(gateway, 'tenants', 'forget', tenant, '--data-dir', 'data');
  expect(await forget('globex')).toMatchObject({ code: 1, stderr: expect.stringMatching(/delete it first/) });
  expect(await forget('acme')).toMatchObject({ code: 1, stderr: expect.stringMatching(/is configured: take it out/) });
  expect((await admin(gateway.adminUrl, 'DELETE', '/admin/tenants/globex')).status).toBe(200);
  expect(await forget('globex')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^globex: .*stay as totals/) });
  const data = join(gateway.directory, 'data');
  const bytes = () => bytesIn(data);
  for (const word of [id, 'name-secret-51', 'user-secret-51', '77.25']) expect(bytes()).not.toContain(word);
  const { body } = await admin(gateway.adminUrl, 'GET', '/admin/audit?subject=tenant%20globex');
  expect(body['audit']).toMatchObject([{ action: 'tenant.forget', result: 'done' }]);
  expect(await run(gateway, 'ledger', 'verify', '--data-dir', 'data')).toMatchObject({ code: 0 });
  await stop(gateway);
  // Stopped, it is done in the file, where the configuration says who may not be.
  const words = ['tenants', 'forget', 'acme', '--config', 'my.yaml'];
  const configured = await plantainWith(gateway.directory, { VENDOR_KEY: UPSTREAM_KEY }, ...words);
  expect(configured).toMatchObject({ code: 1, stderr: expect.stringMatching(/is configured: take it out/) });
  for (const word of [id, 'name-secret-51', 'user-secret-51']) expect(bytes()).not.toContain(word);
});
