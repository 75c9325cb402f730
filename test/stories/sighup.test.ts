import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { keepAloft } from '../support/pause.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';
import { scraped } from '../support/scrape.ts';

const UPSTREAM_KEY = 'upstream-secret-5170';
const NEXT_UPSTREAM_KEY = 'upstream-secret-5171';
const TENANT_KEY = 'sk-tenant-secret-5170';
const NEXT_TENANT_KEY = 'sk-tenant-secret-5171';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY, NEXT_UPSTREAM_KEY] });
});
afterAll(() => simulator.close());

const configured = (directory: string, more: Record<string, unknown> = {}): string =>
  writeConfig(directory, {
    upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: simulator.url, keyFrom: 'VENDOR_KEY' }],
    models: [
      {
        id: 'gemini-3.1-flash-image',
        targets: [{ upstream: 'vendor', model: 'gemini-3.1-flash-image', price: { perImageUsd: 0.05 } }],
      },
    ],
    tenants: [{ id: 'acme', keys: [{ keyFrom: 'ACME_KEY' }] }],
    ...more,
  });

async function ask(gateway: GatewayProcess, key: string): Promise<Response> {
  const reply = await fetch(`${gateway.url}/v1/images/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a fox', image_size: '512' }),
  });
  await reply.arrayBuffer();
  return reply;
}

const reloads = (gateway: GatewayProcess, outcome: string): Promise<number> =>
  scraped(gateway, 'plantain_config_reloads_total', { outcome });

test('SIGHUP has the file and the files of its secrets read again, and nothing that is in the air is dropped', async () => {
  const directory = newDirectory();
  const [vendorFile, acmeFile] = [join(directory, 'vendor-key'), join(directory, 'acme-key')];
  writeFileSync(vendorFile, UPSTREAM_KEY);
  writeFileSync(acmeFile, TENANT_KEY);
  const env = { VENDOR_KEY_FILE: 'vendor-key', ACME_KEY_FILE: 'acme-key' };
  const gateway = startProcess({ directory, args: ['--config', configured(directory)], env });
  await gateway.ready();
  const land = keepAloft(simulator);
  const inTheAir = ask(gateway, TENANT_KEY);
  inTheAir.catch(() => undefined);
  await expect.poll(() => simulator.calls.length).toBe(1);

  configured(directory, { tenants: [{ id: 'acme', keys: [] }], logLevel: 'loud' });
  gateway.kill('SIGHUP');
  await expect.poll(() => reloads(gateway, 'refused')).toBe(1);
  // Counted first and written then: the line may be on its way.
  await expect.poll(() => gateway.stdout()).toMatch(/"path":"logLevel","line":\d+,/);

  writeFileSync(vendorFile, NEXT_UPSTREAM_KEY);
  writeFileSync(acmeFile, NEXT_TENANT_KEY);
  configured(directory, { listen: { host: '127.0.0.1', port: 1 }, cors: { origins: ['*'] } });
  gateway.kill('SIGHUP');
  await expect.poll(() => reloads(gateway, 'applied')).toBe(1);
  expect((await ask(gateway, TENANT_KEY)).status).toBe(401);
  const next = ask(gateway, NEXT_TENANT_KEY);
  await expect.poll(() => simulator.calls.length).toBe(2);
  land();
  expect([(await inTheAir).status, (await next).status]).toEqual([200, 200]);

  // One behind another, faster than they are read: the last is not missed.
  configured(directory, { tenants: [{ id: 'acme', keys: [{ key: 'sk-the-very-last-one' }] }] });
  for (let signals = 0; signals < 20; signals += 1) gateway.kill('SIGHUP');
  await expect.poll(async () => (await ask(gateway, 'sk-the-very-last-one')).status).toBe(200);

  gateway.kill('SIGTERM');
  expect(await gateway.ended).toBe(0);
  const said = gateway.stdout() + gateway.stderr();
  for (const secret of [UPSTREAM_KEY, NEXT_UPSTREAM_KEY, TENANT_KEY, NEXT_TENANT_KEY])
    expect(said).not.toContain(secret);
}, 60_000);
