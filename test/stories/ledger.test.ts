import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { keepAloft } from '../support/pause.ts';
import { plantain, usage } from '../support/plantain.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';
import { scraped } from '../support/scrape.ts';

const UPSTREAM_KEY = 'upstream-secret-7';
const KEY = 'sk-test-acme';
/** For what asks a process of its own. */
const SLOW = { timeout: 40_000 };

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
    tenants: [{ id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: 1, per: 'total' }] }],
  });
  const gateway = startProcess({ directory, args: ['--config', config], env: { VENDOR_KEY: UPSTREAM_KEY } });
  await gateway.ready();
  return gateway;
}

async function stop(gateway: GatewayProcess): Promise<void> {
  gateway.kill('SIGTERM');
  expect(await gateway.ended).toBe(0);
}

const NOTHING_SAVED = { cached: 0, joined: 0, savedUsd: '0.00', savedSeconds: 0 };

const ask = (gateway: GatewayProcess, body: Record<string, unknown> = {}, tags = ''): Promise<Response> =>
  fetch(`${gateway.url}/v1/images/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'x-plantain-tags': tags },
    body: JSON.stringify({ prompt: 'a fox', image_size: '512', ...body }),
  });

describe('the ledger of a running gateway', () => {
  test('says who spent what on what; a joined or cached picture costs nobody anything', async () => {
    const directory = newDirectory();
    const gateway = await start(directory);
    await ask(gateway, { user: 'ada', seed: 1 }, 'team=web, job=12');
    await ask(gateway, { user: 'bob', seed: 1 }, 'team=ops');
    await ask(gateway, { safety_identifier: '=cmd()', n: 2 }, 'team=ops');
    const land = keepAloft(simulator);
    const calls = simulator.calls.length;
    const leader = ask(gateway, { user: 'ada', seed: 5 }, 'team=web');
    await expect.poll(() => simulator.calls.length, { interval: 5 }).toBeGreaterThan(calls);
    const joined = ask(gateway, { user: 'eve', seed: 5 }, 'team=joined');
    await expect.poll(() => scraped(gateway, 'plantain_singleflight_waiters')).toBe(1);
    land();
    expect([(await leader).status, (await joined).status]).toEqual([200, 200]);

    const drawn = { calls: 2, pictures: 2, tokens: expect.any(Number), spentUsd: '0.116', unknownUsd: '0.00' };
    const saved = { savedUsd: '0.058', savedSeconds: expect.any(Number) };
    const none = { calls: 0, pictures: 0, tokens: 0, spentUsd: '0.00', unknownUsd: '0.00', heldUsd: '0.00' };
    const teams = async () => (await usage(directory, 'tag:team,user')).rows;
    await expect.poll(teams, SLOW).toEqual([
      { 'tag:team': 'ops', user: '=cmd()', ...drawn, heldUsd: '0.00', ...NOTHING_SAVED },
      { 'tag:team': 'web', user: 'ada', ...drawn, heldUsd: '0.00', ...NOTHING_SAVED },
      { 'tag:team': 'joined', user: 'eve', ...none, cached: 0, joined: 1, ...saved },
      { 'tag:team': 'ops', user: 'bob', ...none, cached: 1, joined: 0, ...saved },
    ]);
    const { stdout: csv } = await plantain(directory, 'usage', '--by', 'user,upstream', '--format', 'csv');
    expect(csv.split('\r\n')).toEqual([
      'user,upstream,calls,pictures,tokens,spent_usd,unknown_usd,held_usd,cached,joined,saved_usd,saved_seconds',
      expect.stringMatching(/^'=cmd\(\),vendor,2,2,\d+,0\.116,0\.00,0\.00,0,0,0\.00,0\.000$/),
      expect.stringMatching(/^ada,vendor,2,2,\d+,0\.116,0\.00,0\.00,0,0,0\.00,0\.000$/),
      expect.stringMatching(/^bob,vendor,0,0,0,0\.00,0\.00,0\.00,1,0,0\.058,\d\.\d{3}$/),
      expect.stringMatching(/^eve,vendor,0,0,0,0\.00,0\.00,0\.00,0,1,0\.058,\d\.\d{3}$/),
      '',
    ]);
    const { stdout: table } = await plantain(directory, 'usage');
    expect(table.split('\n')[2]).toMatch(/^total +4 +4 +\d+ +0\.232 +0\.00 +0\.00 +1 +1 +0\.116 +\d\.\d{3}$/);
    const top = await plantain(directory, 'usage', '--by', 'user', '--top', '1');
    expect(top.stdout).toMatch(/^\(others\) +2 /m);
    expect(top.stderr).toContain('more rows, which are added up: see --top');
    expect(await plantain(directory, 'ledger', 'verify')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^in order: 8 rows/),
    });
    await stop(gateway);
    expect((await usage(directory, 'tenant')).total).toMatchObject({ spentUsd: '0.232', heldUsd: '0.00' });
  });

  test('takes tags of five words and refuses others by name, before anything is drawn', async () => {
    const gateway = await start(newDirectory());
    const calls = simulator.calls.length;
    for (const tags of ['team', 'a=1,a=2', 'a=1,b=2,c=3,d=4,e=5,f=6', 'a b=1', `a=${'x'.repeat(65)}`]) {
      const refused = await ask(gateway, {}, tags);
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ error: { param: 'x-plantain-tags' } });
    }
    expect(simulator.calls.length).toBe(calls);
  });

  test('is copied while it runs, for its owner only, and onto no file that is there', async () => {
    const directory = newDirectory();
    const gateway = await start(directory);
    await ask(gateway);
    await expect.poll(() => usage(directory, 'tenant').then(({ total }) => total['spentUsd']), SLOW).toBe('0.058');
    const copied = await plantain(directory, 'backup', 'copy.db');
    expect(copied).toMatchObject({ code: 0 });
    expect(statSync(join(directory, 'copy.db')).mode & 0o777).toBe(0o600);
    expect(await plantain(directory, 'backup', 'copy.db')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('copy.db exists, and is not overwritten'),
    });
    await stop(gateway);
  });

  test('differs from the vendor’s bill by what is unknown, which can be refunded once the gateway is stopped', async () => {
    const directory = newDirectory();
    const gateway = await start(directory);
    const billed = simulator.bill.entries.length;
    await ask(gateway);
    simulator.rule({ fault: 'reset', times: 1 });
    expect((await ask(gateway)).status).toBe(502);
    await expect.poll(() => usage(directory, 'tenant').then(({ total }) => total['unknownUsd']), SLOW).toBe('0.058');

    const entries = simulator.bill.entries.slice(billed).filter(({ nanoUsd }) => nanoUsd > 0);
    writeFileSync(join(directory, 'bill.json'), JSON.stringify({ entries: entries.slice(0, 1) }));
    const { code, stdout } = await plantain(directory, 'ledger', 'reconcile', '--bill', 'bill.json');
    expect(stdout).toMatch(/ledger minus bill +0\.058\nof it unknown, at most +0\.058\nthe bill explains it\n$/);
    expect(code).toBe(0);
    writeFileSync(join(directory, 'bill.csv'), 'model,usd,at\nflash,"0.2",2026-11-22T12:00:00Z\n');
    expect(await plantain(directory, 'ledger', 'reconcile', '--bill', 'bill.csv')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('NOT explained'),
    });

    const hold = /^([0-9a-f-]{36}) .* acme .* vendor +0\.058$/m.exec(stdout)?.[1] ?? '';
    const refund = () => plantain(directory, 'ledger', 'reconcile', '--refund', hold);
    expect(await refund()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is in use by another Plantain process'),
    });
    await stop(gateway);
    expect(await refund()).toMatchObject({ code: 0, stdout: `${hold}: refunded $0.058\n` });
    expect(await refund()).toMatchObject({ code: 1, stdout: `${hold}: nothing is charged as unknown\n` });
    expect((await usage(directory, 'outcome')).total).toMatchObject({ spentUsd: '0.058', unknownUsd: '0.00' });
    expect(await plantain(directory, 'ledger', 'verify')).toMatchObject({ code: 0 });
  });
});

describe('the plantain command', () => {
  test.each([
    [['nonsense'], 78, /There is no command/],
    [['usage', '--by', 'colour'], 78, /"colour" is none/],
    [['usage', '--since', '2026-06-31'], 78, /--since must be a day/],
    [['usage', '--top', '0'], 78, /--top must be a whole number/],
    [['usage', '--colour'], 78, /Unknown option '--colour'/],
    [['backup'], 78, /Name one file/],
    [['ledger', 'reconcile'], 78, /either --bill FILE or --refund HOLDS or --adjust COSTS/],
    [['ledger', 'reconcile', '--adjust', 'x=1'], 78, /Give a --reason/],
    [['ledger', 'reconcile', '--adjust', 'x=-1', '--reason', 'y'], 78, /"x=-1" is none/],
    [['ledger', 'reconcile', '--adjust', 'x=1', '--reason', 'y'], 1, /There is no ledger/],
    [['restore'], 78, /Name one file/],
    [['tenants', 'forget'], 78, /Name one tenant/],
    [['tenants', 'forget', 'acme'], 1, /There is no ledger/],
    [['usage'], 1, /There is no ledger .*no gateway has run/],
    [['ledger', 'reconcile', '--refund', 'x'], 1, /There is no ledger/],
  ])('says what is wrong with %j', async (words, code, message) => {
    const directory = newDirectory();
    expect(await plantain(directory, ...words)).toMatchObject({ code, stderr: expect.stringMatching(message) });
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each([
    [[]],
    [['usage']],
    [['ledger', 'verify']],
    [['ledger', 'reconcile']],
    [['backup']],
    [['restore']],
    [['tenants', 'forget']],
  ])('explains itself: %j', async (words) => {
    const { code, stdout } = await plantain(newDirectory(), ...words, '--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Usage: npm run plantain -- /);
    expect(stdout).toContain('--data-dir DIR');
  });
});
