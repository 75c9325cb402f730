import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { KEY, startGateway, UPSTREAM_KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { plantain, usage } from '../support/plantain.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';
import { scraped, spentNanos } from '../support/scrape.ts';

const IMAGES = '/v1/images/generations';
const body = (prompt: string) => ({ prompt, image_size: '512' });

describe('while a picture is drawn', () => {
  let now = 0;
  let gateway: TestGateway | null = null;
  afterEach(async () => {
    await gateway?.close();
  });
  async function start(at: string, budget: Record<string, unknown>): Promise<TestGateway> {
    now = Date.parse(at);
    const tenants = [{ id: 'acme', keys: [{ key: KEY }], budgets: [budget] }];
    gateway = await startGateway({
      config: { tenants },
      simulator: { signatureBytes: 64, latencyMs: 500 },
      now: () => now,
    });
    return gateway;
  }
  test('I11: a month that ends in its budget’s time zone: it is charged to the month it was begun in', async () => {
    const to = await start('2026-10-31T22:59:59.900Z', { limitUsd: 0.06, per: 'month', timeZone: 'Europe/Berlin' });
    expect((await to.post(IMAGES, body('october'))).status).toBe(200);
    expect((await to.post(IMAGES, body('no more in october'))).status).toBe(429);
    now += 200;
    expect((await to.post(IMAGES, body('november'))).status).toBe(200);
    expect((await to.post(IMAGES, body('no more in november'))).status).toBe(429);
    // The clock is put back: October is as full as it was.
    now -= 200;
    expect((await to.post(IMAGES, body('october again'))).status).toBe(429);
    expect(await spentNanos(to)).toBe(100_000_000);
  });

  test('I11: a picture that is in the air at the month’s end leaves the new month whole', async () => {
    const to = await start('2026-10-31T22:59:59.900Z', { limitUsd: 0.06, per: 'month', timeZone: 'Europe/Berlin' });
    const before = to.simulator.calls.length;
    const late = to.post(IMAGES, body('late in october'));
    await expect.poll(() => to.simulator.calls.length, { interval: 5 }).toBeGreaterThan(before);
    now += 200;
    expect((await to.post(IMAGES, body('november'))).status).toBe(200);
    expect((await late).status).toBe(200);
    expect((await to.post(IMAGES, body('no more in november'))).status).toBe(429);
    now -= 200;
    expect((await to.post(IMAGES, body('no more in october'))).status).toBe(429);
  });

  test.each([400, -400])('a clock that jumps by %d days ends no hold, and is in no duration', async (days) => {
    const to = await start('2026-11-22T12:00:00Z', { limitUsd: 0.06, per: 'total' });
    const before = to.simulator.calls.length;
    const asked = to.post(IMAGES, body('a clock'));
    await expect.poll(() => to.simulator.calls.length, { interval: 5 }).toBeGreaterThan(before);
    now += days * 86_400_000;
    expect((await asked).status).toBe(200);
    expect(await spentNanos(to)).toBe(50_000_000);
    expect(await scraped(to, 'plantain_budget_expired_holds_total', {})).toBe(0);
    const metrics = await (await fetch(`${to.operationsUrl}/metrics`)).text();
    const seconds = [...metrics.matchAll(/^plantain_upstream_\w*seconds_sum\{.*\} (\S+)$/gm)].map(([, sum]) =>
      Number(sum),
    );
    expect(seconds.length).toBeGreaterThan(0);
    for (const sum of seconds) expect(sum > 0 && sum < 60, String(sum)).toBe(true);
  });
});

describe('across a restart', () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY] });
  });
  beforeEach(() => {
    simulator.settings.latencyMs = 0;
  });
  afterAll(() => simulator.close());

  async function start(
    directory: string,
    limitUsd: number,
    key: Record<string, unknown> = {},
  ): Promise<GatewayProcess> {
    const model = 'gemini-3.1-flash-image';
    const config = writeConfig(directory, {
      upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: simulator.url, keyFrom: 'VENDOR_KEY' }],
      models: [{ id: model, targets: [{ upstream: 'vendor', model, price: { perImageUsd: 0.05 } }] }],
      tenants: [
        { id: 'acme', keys: [{ key: KEY, ...key }, { key: 'sk-other' }], budgets: [{ limitUsd, per: 'total' }] },
      ],
    });
    const gateway = startProcess({ directory, args: ['--config', config], env: { VENDOR_KEY: UPSTREAM_KEY } });
    await gateway.ready();
    return gateway;
  }
  /** Read to its end: a gateway that ends closes the connection. */
  async function ask(gateway: GatewayProcess, over: Record<string, unknown> = {}, key = KEY) {
    const reply = await fetch(`${gateway.url}${IMAGES}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body('a heron'), ...over }),
    });
    return { status: reply.status, text: await reply.text() };
  }
  test('I12: a limit lowered below what is spent and held refuses what is new, and loses nothing of what was', async () => {
    const directory = newDirectory();
    const first = await start(directory, 1);
    expect((await ask(first)).status).toBe(200);
    await killedWhileDrawing(first, 2);
    const second = await start(directory, 0.12);
    simulator.settings.latencyMs = 0;
    const refused = await ask(second);
    expect(refused.status).toBe(429);
    expect(refused.text).toMatch(/budget of \$0\.12 in total .*: \$0\.15 is spent/);
    second.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    const third = await start(directory, 0.2);
    expect((await ask(third)).status).toBe(200);
    expect((await ask(third)).status).toBe(429);
    third.kill('SIGTERM');
    expect(await third.ended).toBe(0);
    expect((await usage(directory, 'outcome')).total).toMatchObject({ spentUsd: '0.20', unknownUsd: '0.10' });
    expect(await plantain(directory, 'ledger', 'verify')).toMatchObject({ code: 0 });
  });

  async function killedWhileDrawing(gateway: GatewayProcess, count: number): Promise<void> {
    const before = simulator.calls.length;
    simulator.settings.latencyMs = 60_000;
    const asked = ask(gateway, { n: count }).catch(() => null);
    await expect.poll(() => simulator.calls.length, { interval: 5 }).toBe(before + count);
    gateway.kill('SIGKILL');
    await gateway.ended;
    expect(await asked).toBeNull();
  }

  test('a key that is revoked while its pictures are drawn: they are delivered and paid for, and it is refused from then on', async () => {
    const directory = newDirectory();
    const first = await start(directory, 1);
    const land = keepAloft(simulator);
    const before = simulator.calls.length;
    const asked = ask(first, { seed: 5 });
    await expect.poll(() => simulator.calls.length, { interval: 5 }).toBe(before + 1);
    first.kill('SIGTERM');
    await expect.poll(() => first.stdout()).toContain('"msg":"draining"');
    land();
    expect((await asked).status).toBe(200);
    expect(await first.ended).toBe(0);
    const second = await start(directory, 1, { revoked: true });
    expect((await ask(second, { seed: 5 })).status).toBe(401);
    expect((await ask(second, {}, 'sk-other')).status).toBe(200);
    second.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    expect((await usage(directory, 'outcome')).rows).toMatchObject([{ outcome: 'ok', calls: 2, spentUsd: '0.10' }]);
  });
});
