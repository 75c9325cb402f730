import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { keepAloft } from '../support/pause.ts';
import { plantain } from '../support/plantain.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';
import { collected, LATER, taskOf, whenIn } from '../support/tasks.ts';

const UPSTREAM_KEY = 'upstream-secret-7';
const KEY = 'sk-test-acme';
const PROMPT = 'a prompt that nobody may find on the disk';
/** What follows a process waits for processes. */
const SLOW = 60_000;

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY], pricing: 'reseller' });
});
beforeEach(() => {
  simulator.settings.latencyMs = 0;
});
afterAll(() => simulator.close());

async function start(directory: string, over: object = {}): Promise<GatewayProcess> {
  const model = 'gemini-3.1-flash-image';
  const config = writeConfig(directory, {
    upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: simulator.url, keyFrom: 'VENDOR_KEY' }],
    models: [{ id: model, targets: [{ upstream: 'vendor', model, price: { perImageUsd: 0.058 } }] }],
    tenants: [{ id: 'acme', keys: [{ key: KEY }] }],
    ...over,
  });
  const gateway = startProcess({ directory, args: ['--config', config], env: { VENDOR_KEY: UPSTREAM_KEY } });
  await gateway.ready();
  return gateway;
}

async function begin(
  gateway: GatewayProcess,
  over: object = {},
  headers: Record<string, string> = {},
): Promise<string> {
  const reply = await fetch(`${gateway.url}/v1/images/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...LATER, ...headers },
    body: JSON.stringify({ prompt: PROMPT, image_size: '512', ...over }),
  });
  expect(reply.status).toBe(202);
  return reply.headers.get('location') ?? '';
}

const get = (gateway: GatewayProcess, location: string): Promise<Response> =>
  fetch(gateway.url + location, { headers: { authorization: `Bearer ${KEY}` } });

/** Every file of a data directory that holds the text. */
function filesWith(directory: string, text: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile() && readFileSync(path).includes(text));
}

test(
  'a task that ended is collected after a kill -9, as it was; one in the air was interrupted, is charged as unknown, and may be asked for again',
  async () => {
    const directory = newDirectory();
    const first = await start(directory);
    const kept = await begin(first, { n: 2 });
    const answer = await collected(first, kept);
    simulator.settings.latencyMs = 60_000;
    const headers = { 'idempotency-key': 'across' };
    const lost = await begin(first, { seed: 1 }, headers);
    first.kill('SIGKILL');
    await first.ended;

    simulator.settings.latencyMs = 0;
    const second = await start(directory);
    const calls = simulator.calls.length;
    const reply = await get(second, kept);
    expect(reply.headers.get('x-plantain-cost-usd')).toBe('0.116');
    expect((await taskOf(reply)).response).toEqual(answer);
    const interrupted = await taskOf(await get(second, lost));
    expect(interrupted).toMatchObject({ status: 'failed', response: null, error: { code: 'interrupted' } });
    await expect.poll(() => second.stdout()).toContain('"outcome":"interrupted"');
    const unknowns = await plantain(directory, 'usage', '--by', 'outcome', '--format', 'json');
    expect(unknowns.stdout).toContain('unknown');
    expect(simulator.calls.length).toBe(calls);

    const again = await begin(second, { seed: 1 }, headers);
    expect(again).not.toBe(lost);
    await collected(second, again);
    expect(simulator.calls.length).toBe(calls + 1);
    // It is interrupted once, and not with each start.
    second.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    const third = await start(directory);
    expect((await taskOf(await get(third, lost))).error?.code).toBe('interrupted');
    expect((await taskOf(await get(third, again))).status).toBe('completed');
    third.kill('SIGTERM');
    expect(await third.ended).toBe(0);
    expect(third.stdout()).not.toContain('"outcome":"interrupted"');
    expect(filesWith(join(directory, 'data'), PROMPT)).toEqual([]);
  },
  SLOW,
);

test(
  'a task in the air when the process is told to end is drawn to its end first, and collected from the next',
  async () => {
    const directory = newDirectory();
    const first = await start(directory);
    const land = keepAloft(simulator);
    const location = await begin(first);
    const waiting = request(first.url + location, { headers: { authorization: `Bearer ${KEY}`, prefer: 'wait=60' } });
    const answered = once(waiting, 'response');
    const [socket] = (await once(waiting, 'socket')) as [Socket];
    await once(socket, 'connect');
    waiting.end();
    await once(waiting, 'finish');
    // A request behind it: by its answer the one that waits has been heard of, and will not be reset.
    expect((await get(first, location)).status).toBe(200);
    first.kill('SIGTERM');
    const [told] = (await answered) as [IncomingMessage];
    // Who waits for it is told at once how it stands, and comes back to the next.
    expect(JSON.parse(await text(told))).toMatchObject({ status: 'in_progress' });
    land();
    expect(await first.ended).toBe(0);
    const second = await start(directory);
    const calls = simulator.calls.length;
    expect((await collected(second, location)).data).toHaveLength(1);
    expect(simulator.calls.length).toBe(calls);
  },
  SLOW,
);

test(
  'with pictures in memory alone a restart forgets tasks: what is not known is a 404',
  async () => {
    const directory = newDirectory();
    const memory = { cache: { store: 'memory' } };
    const first = await start(directory, memory);
    const location = await begin(first);
    await whenIn(first, location);
    first.kill('SIGTERM');
    await first.ended;
    const second = await start(directory, memory);
    expect((await get(second, location)).status).toBe(404);
  },
  SLOW,
);
