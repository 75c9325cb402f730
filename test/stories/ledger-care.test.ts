import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { openEmbeddedLedger } from '../../src/tenants/embedded-ledger.ts';
import { bytesIn } from '../support/bytes.ts';
import { plantain, usage } from '../support/plantain.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';

const UPSTREAM_KEY = 'upstream-secret-7';
const KEYS = { acme: 'sk-test-acme', globex: 'sk-test-globex' };

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY], pricing: 'reseller' });
});
beforeEach(() => {
  simulator.settings.latencyMs = 0;
  simulator.clearRules();
});
afterAll(() => simulator.close());

async function start(directory: string): Promise<GatewayProcess> {
  const model = 'gemini-3.1-flash-image';
  const config = writeConfig(directory, {
    upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: simulator.url, keyFrom: 'VENDOR_KEY' }],
    models: [{ id: model, targets: [{ upstream: 'vendor', model, price: { perImageUsd: 0.058 } }] }],
    tenants: Object.entries(KEYS).map(([id, key]) => ({
      id,
      keys: [{ key }],
      budgets: [{ limitUsd: 100, per: 'total' }],
    })),
  });
  const gateway = startProcess({ directory, args: ['--config', config], env: { VENDOR_KEY: UPSTREAM_KEY } });
  await gateway.ready();
  return gateway;
}

async function stop(gateway: GatewayProcess): Promise<void> {
  gateway.kill('SIGTERM');
  expect(await gateway.ended).toBe(0);
}

const ask = (gateway: GatewayProcess, tenant: keyof typeof KEYS, body: Record<string, unknown> = {}) =>
  fetch(`${gateway.url}/v1/images/generations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${KEYS[tenant]}`,
      'content-type': 'application/json',
      'x-plantain-tags': `job=${tenant}-job-4711`,
    },
    body: JSON.stringify({ prompt: 'a fox', image_size: '512', user: `${tenant}-user-4711`, ...body }),
  });

const ledgerIn = (directory: string): string => join(directory, 'data/ledger.db');

test('a hold is set to its true cost once the gateway is stopped, once under one name', async () => {
  const directory = newDirectory();
  const gateway = await start(directory);
  expect((await ask(gateway, 'acme')).status).toBe(200);
  await stop(gateway);
  const db = new DatabaseSync(ledgerIn(directory), { readOnly: true });
  const hold = String(db.prepare('SELECT id FROM hold').get()?.['id']);
  db.close();
  const adjust = (usd: string, id: string) =>
    plantain(directory, 'ledger', 'reconcile', '--adjust', `${hold}=${usd}`, '--reason', 'bill 7', '--id', id);
  expect(await adjust('0.06', 'november')).toMatchObject({ code: 0, stdout: `${hold}: charged $0.06 now, +$0.002\n` });
  expect(await adjust('0.06', 'november')).toMatchObject({ code: 0, stdout: `${hold}: charged $0.06 now, +$0.002\n` });
  expect(await adjust('0', 'december')).toMatchObject({ code: 0, stdout: `${hold}: charged $0.00 now, -$0.06\n` });
  expect((await usage(directory, 'outcome')).rows).toMatchObject([{ outcome: 'ok', calls: 1, spentUsd: '0.00' }]);
  const words = ['ledger', 'reconcile', '--adjust', 'nobody=1', '--reason', 'bill 7'];
  expect(await plantain(directory, ...words)).toMatchObject({
    code: 1,
    stdout: 'nobody: There is no hold nobody: it was rolled up, or never was.\n',
  });
  expect(await plantain(directory, 'ledger', 'verify')).toMatchObject({ code: 0 });
});

describe('a copy of a running gateway’s ledger', () => {
  test('made under load is put back: it verifies, and what was spent since is told as not counted', async () => {
    const directory = newDirectory();
    const gateway = await start(directory);
    simulator.settings.latencyMs = 20;
    const enough = new AbortController();
    const load = Array.from({ length: 6 }, async () => {
      while (!enough.signal.aborted) expect((await ask(gateway, 'acme')).status).toBe(200);
    });
    await expect.poll(() => simulator.bill.entries.length).toBeGreaterThan(10);
    expect(await plantain(directory, 'backup', 'copy.db')).toMatchObject({ code: 0 });
    enough.abort();
    await Promise.all(load);
    expect((await ask(gateway, 'globex')).status).toBe(200);
    expect(await plantain(directory, 'restore', 'copy.db')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is in use: stop its gateway first/),
    });
    await stop(gateway);

    const before = await usage(directory, 'tenant');
    const restored = await plantain(directory, 'restore', 'copy.db');
    expect(restored.code).toBe(0);
    const told = /^what was there before: (.*)\n/m.exec(restored.stdout)?.[1] ?? '';
    expect(statSync(told).mode & 0o777).toBe(0o600);
    expect(restored.stdout).toMatch(/spent since the copy, and not counted now:\n/);
    expect(restored.stdout).toMatch(/^globex +0\.058$/m);
    const uncounted = Number(/^total +(\d+\.\d+)$/m.exec(restored.stdout)?.[1]);
    const after = await usage(directory, 'tenant');
    const usd = ({ spentUsd, heldUsd }: Readonly<Record<string, unknown>>) => Number(spentUsd) + Number(heldUsd);
    expect(usd(before.total) - usd(after.total)).toBeCloseTo(uncounted, 9);
    expect(await plantain(directory, 'ledger', 'verify')).toMatchObject({ code: 0 });
    expect(readdirSync(join(directory, 'data')).filter((name) => name.includes('restoring'))).toEqual([]);

    const again = await start(directory);
    expect((await ask(again, 'acme')).status).toBe(200);
    await stop(again);
    expect(await plantain(directory, 'ledger', 'verify')).toMatchObject({ code: 0 });
    expect((await usage(directory, 'tenant')).total).toMatchObject({ heldUsd: '0.00' });
  });

  test('is put back onto an empty directory, and onto a ledger that is damaged, which is kept', async () => {
    const directory = newDirectory();
    const gateway = await start(directory);
    expect((await ask(gateway, 'acme')).status).toBe(200);
    await stop(gateway);
    expect(await plantain(directory, 'backup', 'copy.db')).toMatchObject({ code: 0 });
    rmSync(join(directory, 'data'), { recursive: true });
    expect(await plantain(directory, 'restore', 'copy.db')).toMatchObject({ code: 0 });
    expect((await usage(directory, 'tenant')).total).toMatchObject({ spentUsd: '0.058' });

    writeFileSync(ledgerIn(directory), 'no ledger at all '.repeat(100));
    const { code, stdout } = await plantain(directory, 'restore', 'copy.db');
    expect(code).toBe(0);
    expect(stdout).toMatch(/not counted, and cannot be read/);
    expect(readFileSync(/^what was there before: (.*)\n/m.exec(stdout)?.[1] ?? '', 'utf8')).toMatch(/^no ledger/);
    expect((await usage(directory, 'tenant')).total).toMatchObject({ spentUsd: '0.058' });
  });

  test('that does not add up, or is none, is refused, and the ledger stays as it is', async () => {
    const directory = newDirectory();
    const gateway = await start(directory);
    expect((await ask(gateway, 'acme')).status).toBe(200);
    await stop(gateway);
    expect(await plantain(directory, 'backup', 'copy.db')).toMatchObject({ code: 0 });
    const copy = new DatabaseSync(join(directory, 'copy.db'));
    copy.exec('UPDATE account SET spent = 0');
    copy.close();
    writeFileSync(join(directory, 'none.db'), 'a picture of a fox');
    for (const [file, why] of [
      ['copy.db', /copy\.db cannot be restored, and nothing was changed: \d faults, the first: account/],
      ['none.db', /none\.db cannot be restored, and nothing was changed: file is not a database/],
      ['absent.db', /absent\.db cannot be restored, and nothing was changed: There is no ledger/],
    ] as const)
      expect(await plantain(directory, 'restore', file)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(why),
      });
    const left = readdirSync(join(directory, 'data')).filter(
      (name) => !/^(ledger\.db(-wal|-shm)?|lock|cache|link-secret)$/.test(name),
    );
    expect(left).toEqual([]);
    expect((await usage(directory, 'tenant')).total).toMatchObject({ spentUsd: '0.058' });
  });
});

test('a tenant is forgotten by a command once the gateway is stopped: only its totals are in the data directory', async () => {
  const directory = newDirectory();
  const gateway = await start(directory);
  for (const tenant of ['acme', 'globex'] as const) expect((await ask(gateway, tenant, { n: 3 })).status).toBe(200);
  expect(await plantain(directory, 'tenants', 'forget', 'globex')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is in use by another Plantain process/),
  });
  await stop(gateway);
  expect(await plantain(directory, 'tenants', 'forget', 'globex')).toMatchObject({
    code: 0,
    stdout: 'globex: 3 pictures are forgotten one by one, and stay as totals\n',
  });
  const bytes = bytesIn(join(directory, 'data'));
  for (const word of ['globex-user-4711', 'globex-job-4711', 'globex-1']) expect(bytes).not.toContain(word);
  expect(bytes).toContain('acme-user-4711');
  expect((await usage(directory, 'tenant,key,user')).rows).toMatchObject([
    { tenant: 'acme', user: 'acme-user-4711', calls: 3, spentUsd: '0.174' },
    { tenant: 'globex', key: '', user: '', calls: 3, spentUsd: '0.174' },
  ]);
  expect(await plantain(directory, 'ledger', 'verify')).toMatchObject({
    code: 0,
    stdout: 'in order: 6 rows and 6 rolled up, and every balance follows from them\n',
  });
});

test('a directory that follows a Redis is changed by no command: what other instances have in the air stays as it is', async () => {
  const directory = newDirectory();
  mkdirSync(join(directory, 'data'));
  const ledger = openEmbeddedLedger(ledgerIn(directory), 1, true);
  const who = { tenant: 'acme', keyId: 'k1', model: 'pro', upstream: 'vendor', tier: null, user: null, tags: {} };
  const flying = { id: '0123-4567', ...who, leaseMs: 60_000, worstNanos: 100, accounts: [{ key: '["acme","total"]' }] };
  const change = { verb: 'reserve', run: 'of another instance', holds: [flying] } as const;
  ledger.commit([
    { verb: 'recall', run: 'its own', at: 1 },
    { verb: 'replay', entries: [{ at: 1, change }], position: { epoch: 'e', id: '1-1', number: 1 } },
  ]);
  ledger.close();
  for (const words of [
    ['tenants', 'forget', 'globex'],
    ['ledger', 'reconcile', '--refund', flying.id],
    ['ledger', 'reconcile', '--adjust', `${flying.id}=1`, '--reason', 'bill 7'],
  ])
    expect(await plantain(directory, ...words)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/follows a Redis, and only a running gateway can change .* Nothing was changed\./s),
    });
  const db = new DatabaseSync(ledgerIn(directory), { readOnly: true });
  expect(db.prepare('SELECT id, state, charged FROM hold').all()).toMatchObject([
    { id: flying.id, state: 'held', charged: 0 },
  ]);
  db.close();
});
