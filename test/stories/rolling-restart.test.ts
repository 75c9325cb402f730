import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import { startBalancer } from '../support/balancer.ts';
import { freePort } from '../support/ports.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';
import { audit } from '../tenants/audit.ts';

const KEY = 'sk-tenant-secret-5170';
const FLASH = 'gemini-3.1-flash-image';
const NANOS = 50_000_000;
/** Twenty seconds of a picture, in small. */
const PICTURE_MS = 1_200;
const PICTURE_EVERY_MS = 60;
const COUNT_EVERY_MS = 4;

test.each([
  ['that keeps no connection', 0],
  ['that keeps its connections for the next request', 300],
])(
  'two instances that are restarted one after the other, behind a proxy %s, lose no request',
  async (_, idleMs) => {
    const simulator = await startSimulator({ signatureBytes: 64, keys: ['upstream-secret-7'], latencyMs: PICTURE_MS });
    onTestFinished(() => simulator.close());
    const houses = await Promise.all([0, 1].map(async () => ({ directory: newDirectory(), port: await freePort() })));
    const start = async ({ directory, port }: (typeof houses)[number]): Promise<GatewayProcess> => {
      const config = writeConfig(directory, {
        upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: simulator.url, keyFrom: 'VENDOR_KEY', repeats: 0 }],
        models: [{ id: FLASH, targets: [{ upstream: 'vendor', model: FLASH, price: { perImageUsd: NANOS / 1e9 } }] }],
        tenants: [{ id: 'acme', keys: [{ key: KEY }] }],
        logLevel: 'warn',
      });
      const env = { VENDOR_KEY: 'upstream-secret-7', PORT: String(port) };
      const gateway = startProcess({ directory, args: ['--config', config], env });
      await gateway.ready();
      return gateway;
    };
    const gateways = await Promise.all(houses.map(start));
    const balancer = await startBalancer(
      houses.map(({ port }) => port),
      idleMs,
    );
    onTestFinished(() => balancer.close());

    const answers = { pictures: [] as Promise<number>[], counts: [] as Promise<number>[] };
    const post = async (path: string, body: unknown): Promise<number> => {
      const reply = await fetch(`${balancer.url}${path}`, {
        method: 'POST',
        headers: { 'x-goog-api-key': KEY, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      await reply.arrayBuffer();
      return reply.status;
    };
    const contents = [{ parts: [{ text: 'a heron' }] }];
    const enough = new AbortController();
    const every = async (ms: number, ask: () => void): Promise<void> => {
      for (; !enough.signal.aborted; await sleep(ms)) ask();
    };
    const load = [
      every(PICTURE_EVERY_MS, () =>
        answers.pictures.push(post('/v1/images/generations', { prompt: 'a heron', image_size: '512' })),
      ),
      // What takes no time, so that there is always something that has only just come.
      every(COUNT_EVERY_MS, () => answers.counts.push(post(`/v1beta/models/${FLASH}:countTokens`, { contents }))),
    ];
    await expect.poll(() => simulator.calls.length).toBeGreaterThan(5);

    for (const [index, house] of houses.entries()) {
      const before = gateways[index]!;
      before.kill('SIGTERM');
      expect(await before.ended).toBe(0);
      gateways[index] = await start(house);
      const calls = simulator.calls.length;
      await expect.poll(() => simulator.calls.length).toBeGreaterThan(calls + 5);
    }
    enough.abort();
    await Promise.all(load);
    const [pictures, counts] = [await Promise.all(answers.pictures), await Promise.all(answers.counts)];
    expect(balancer.lost).toEqual([]);
    expect(new Set([...pictures, ...counts])).toEqual(new Set([200]));
    expect(simulator.calls).toHaveLength(pictures.length);
    for (const gateway of gateways) gateway.kill('SIGTERM');
    expect(await Promise.all(gateways.map(({ ended }) => ended))).toEqual([0, 0]);
    const rows = houses.flatMap(({ directory }) => audit(join(directory, 'data/ledger.db')).rows);
    expect(rows.reduce((sum, { delta_spent }) => sum + delta_spent, 0)).toBe(pictures.length * NANOS);
    expect(rows.reduce((sum, { delta_held }) => sum + delta_held, 0)).toBe(0);
  },
  120_000,
);
