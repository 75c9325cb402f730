import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { keepAloft } from '../support/pause.ts';
import { callRaw, repliesIn } from '../support/raw.ts';
import { freePort } from '../support/ports.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess, ProcessOptions } from '../support/process.ts';
import { scraped } from '../support/scrape.ts';
import { audit } from '../tenants/audit.ts';

const UPSTREAM_KEY = 'upstream-secret-5170';
const TENANT_KEY = 'sk-tenant-secret-5170';
const NANOS = 50_000_000;

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY] });
});
beforeEach(() => simulator.clearRules());
afterAll(() => simulator.close());

const configured = (directory: string): string =>
  writeConfig(directory, {
    upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: simulator.url, keyFrom: 'VENDOR_KEY', repeats: 0 }],
    models: [
      {
        id: 'gemini-3.1-flash-image',
        targets: [{ upstream: 'vendor', model: 'gemini-3.1-flash-image', price: { perImageUsd: NANOS / 1e9 } }],
      },
    ],
    tenants: [{ id: 'acme', keys: [{ key: TENANT_KEY }] }],
  });

const start = (directory: string, more: Partial<ProcessOptions> = {}): GatewayProcess =>
  startProcess({
    directory,
    args: ['--config', configured(directory)],
    ...more,
    env: { VENDOR_KEY: UPSTREAM_KEY, ...more.env },
  });

async function started(directory: string, more: Partial<ProcessOptions> = {}): Promise<GatewayProcess> {
  const gateway = start(directory, more);
  await gateway.ready();
  return gateway;
}

/** A reply that came whole: an unread one outlives its connection, and Node's fetch minds that. */
async function ask(url: string): Promise<Response> {
  const reply = await fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TENANT_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a heron', image_size: '512' }),
  });
  await reply.arrayBuffer();
  return reply;
}

/** One picture in the air. */
async function aloft(
  gateway: GatewayProcess,
): Promise<{ readonly asked: Promise<Response | null>; readonly land: () => void }> {
  const land = keepAloft(simulator);
  const calls = simulator.calls.length;
  const asked = ask(gateway.url).catch(() => null);
  await expect.poll(() => simulator.calls.length, { interval: 10 }).toBe(calls + 1);
  return { asked, land };
}

const rowsIn = (directory: string) => audit(join(directory, 'data/ledger.db')).rows;

describe('a second signal', () => {
  test.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
  ] as const)(
    'after %s (%s) ends it at once with 1; what was in the air is charged as unknown by the next start',
    async (first, second) => {
      const directory = newDirectory();
      const gateway = await started(directory);
      const { asked } = await aloft(gateway);
      gateway.kill(first);
      await expect.poll(gateway.stdout).toContain('"msg":"draining"');
      gateway.kill(second);
      expect(await gateway.ended).toBe(1);
      expect(await asked).toBeNull();
      const next = await started(directory);
      expect(await scraped(next, 'plantain_budget_expired_holds_total')).toBe(1);
      next.kill('SIGTERM');
      expect(await next.ended).toBe(0);
      expect(rowsIn(directory).map(({ kind, outcome, delta_spent }) => [kind, outcome, delta_spent])).toEqual([
        ['reserve', null, 0],
        ['expire', 'unknown', NANOS],
      ]);
    },
  );

  test('a SIGHUP is none: what drains goes on draining', async () => {
    const gateway = await started(newDirectory());
    const { asked, land } = await aloft(gateway);
    gateway.kill('SIGTERM');
    await expect.poll(gateway.stdout).toContain('"msg":"draining"');
    gateway.kill('SIGHUP');
    await expect.poll(gateway.stdout).toContain('"msg":"configuration: read again and in force"');
    land();
    expect((await asked)?.status).toBe(200);
    expect(await gateway.ended).toBe(0);
  });
});

test('for a moment after it a request is served as ever, on a connection that ends with it: not everybody knows yet', async () => {
  const gateway = await started(newDirectory());
  const { asked, land } = await aloft(gateway);
  const models = `GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: ${TENANT_KEY}\r\n\r\n`;
  const kept = await callRaw(gateway.url);
  kept.say(models);
  await expect.poll(() => repliesIn(kept.heard()).length).toBe(1);
  const silent = await callRaw(gateway.url);
  gateway.kill('SIGTERM');
  await expect.poll(gateway.stdout).toContain('"msg":"draining"');
  const late = await callRaw(gateway.url);
  for (const caller of [kept, late]) {
    caller.say(models);
    await caller.closed;
    const reply = repliesIn(caller.heard()).at(-1);
    expect(reply).toMatchObject({ status: 200, headers: { connection: 'close' } });
  }
  // Who says nothing is let go when the moment is over, whatever else is in the air.
  await silent.closed;
  expect(silent.heard()).toBe('');
  await expect(callRaw(gateway.url)).rejects.toThrow(/ECONNREFUSED/);
  land();
  expect((await asked)?.status).toBe(200);
  expect(await gateway.ended).toBe(0);
});

describe('an error that nobody caught', () => {
  /** Throws one, from nowhere, at the signals that are for nothing else. */
  function planted(directory: string): Partial<ProcessOptions> {
    const file = join(directory, 'planted.mjs');
    writeFileSync(
      file,
      `process.on('SIGWINCH', () => setImmediate(() => { throw new Error('planted, with ${TENANT_KEY}'); }));
       process.on('SIGIO', () => void Promise.reject(new Error('planted')));`,
    );
    return { env: { NODE_OPTIONS: `--import=${file}` } };
  }

  test.each(['SIGWINCH', 'SIGIO'] as const)(
    'is logged without its message; what is in the air is finished, and the process ends with 1 (%s)',
    async (signal) => {
      const directory = newDirectory();
      const gateway = await started(directory, planted(directory));
      const { asked, land } = await aloft(gateway);
      gateway.kill(signal);
      await expect.poll(async () => (await fetch(`${gateway.operationsUrl}/readyz`)).status).toBe(503);
      land();
      expect((await asked)?.status).toBe(200);
      expect(await gateway.ended).toBe(1);
      expect(gateway.stdout()).toMatch(
        /"name":"Error","stack":"    at .*"msg":"the process ends because of an error nobody caught"/,
      );
      expect(gateway.stdout() + gateway.stderr()).not.toContain('planted, with');
      expect(rowsIn(directory).map(({ kind, outcome }) => [kind, outcome])).toEqual([
        ['reserve', null],
        ['settle', 'ok'],
      ]);
    },
  );

  test('and another while it drains ends it at once', async () => {
    const directory = newDirectory();
    const gateway = await started(directory, planted(directory));
    await aloft(gateway);
    gateway.kill('SIGWINCH');
    await expect.poll(gateway.stdout).toContain('an error nobody caught');
    gateway.kill('SIGIO');
    expect(await gateway.ended).toBe(1);
  });
});

describe('where nothing can be logged', () => {
  test('on a full disk, it draws, counts the lines that are lost, and ends as ever', async () => {
    const directory = newDirectory();
    const [port, operations] = [await freePort(), await freePort()];
    const gateway = start(directory, {
      shell: 'exec >/dev/full',
      env: { PORT: String(port), OPERATIONS_PORT: String(operations) },
    });
    const operationsUrl = `http://127.0.0.1:${operations}`;
    const isReady = (): Promise<number> =>
      fetch(`${operationsUrl}/readyz`).then(
        ({ status }) => status,
        () => 0,
      );
    await expect.poll(isReady).toBe(200);
    expect((await ask(`http://127.0.0.1:${port}`)).status).toBe(200);
    await expect.poll(() => scraped({ operationsUrl }, 'plantain_log_lines_lost_total')).toBe(1);
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    expect(gateway.stderr()).toBe('');
  });

  test('to a reader that has gone, likewise', async () => {
    const gateway = await started(newDirectory(), { shell: 'exec > >(head -n 1)' });
    // The first line is all that is read.
    await expect
      .poll(() =>
        scraped(gateway, 'plantain_log_lines_lost_total').then(async (lost) => (await ask(gateway.url), lost)),
      )
      .toBeGreaterThan(0);
    expect((await ask(gateway.url)).status).toBe(200);
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
  });
});

describe('without descriptors', () => {
  test('callers beyond half of them are let go, its health is told, and it serves again when there are some', async () => {
    const gateway = await started(newDirectory(), { shell: 'ulimit -n 80' });
    expect((await ask(gateway.url)).status).toBe(200);
    const sockets: Socket[] = [];
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    const gone = new Set<Socket>();
    for (let count = 0; count < 120; count += 1) {
      const socket = connect(gateway.port, '127.0.0.1');
      socket.on('error', () => undefined).on('close', () => gone.add(socket));
      sockets.push(socket);
    }
    await Promise.all(sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
    await expect.poll(() => gone.size).toBeGreaterThan(90);
    expect(gone.size).toBeLessThan(120);
    expect((await fetch(`${gateway.operationsUrl}/readyz`)).status).toBe(200);
    expect(await scraped(gateway, 'plantain_connections_dropped_total')).toBe(gone.size);
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(() =>
        ask(gateway.url).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    expect(gateway.stdout().match(/as many connections as can be served/g)).toHaveLength(1);
  });
});
