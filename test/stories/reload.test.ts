import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { KEY, OTHER_KEY, startGateway, UPSTREAM_KEY } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';
import { audit } from '../tenants/audit.ts';

const IMAGES = '/v1/images/generations';
const FLASH = 'gemini-3.1-flash-image';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const acme = (more: object = {}) => ({ id: 'acme', keys: [{ key: KEY }], ...more });
const globex = (more: object = {}) => ({ id: 'globex', keys: [{ key: OTHER_KEY }], ...more });
const daily = (limitUsd: number) => ({ budgets: [{ limitUsd, per: 'day' }] });

let pictures = 0;
const picture = () => ({ prompt: `picture ${(pictures += 1)}`, image_size: '512' });

async function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway({ simulator: { signatureBytes: 64 }, ...options });
  onTestFinished(() => gateway.close());
  return gateway;
}

async function anotherVendor(key = UPSTREAM_KEY): Promise<Simulator> {
  const simulator = await startSimulator({ signatureBytes: 64, keys: [key] });
  onTestFinished(() => simulator.close());
  return simulator;
}

const inTheAir = (simulator: Simulator, calls: number): Promise<void> =>
  expect.poll(() => simulator.calls.length, { interval: 5 }).toBe(calls);
const codeOf = async (reply: Response): Promise<string | null> => (await bodyOf<OpenAIError>(reply)).error.code;
const read = (gateway: TestGateway, outcome: string): Promise<number> =>
  scraped(gateway, 'plantain_config_reloads_total', { outcome });
const ledger = ({ directory }: TestGateway) => audit(join(directory, 'ledger.db'));
const spentBy = (gateway: TestGateway, tenant: string): number =>
  ledger(gateway)
    .rows.filter((row) => row.tenant === tenant)
    .reduce((sum, { delta_spent }) => sum + delta_spent, 0);
const heldBy = (gateway: TestGateway, tenant: string): number =>
  ledger(gateway)
    .rows.filter((row) => row.tenant === tenant)
    .reduce((sum, { delta_held }) => sum + delta_held, 0);

describe('a request in the air', () => {
  test('ends as it began: another vendor, another price and another deadline are for those that come after it', async () => {
    const gateway = await start();
    const other = await anotherVendor();
    const land = keepAloft(gateway.simulator);
    const before = gateway.post(IMAGES, picture());
    await inTheAir(gateway.simulator, 1);
    await gateway.reload({
      upstream: { id: 'elsewhere', baseUrl: other.url, answerWithinMs: 1_000 },
      config: {
        models: [{ id: FLASH, targets: [{ upstream: 'elsewhere', model: FLASH, price: { perImageUsd: 0.07 } }] }],
      },
    });
    const after = await gateway.post(IMAGES, picture());
    expect([after.status, after.headers.get('x-plantain-upstream')]).toEqual([200, 'elsewhere']);
    expect(after.headers.get('x-plantain-cost-usd')).toBe('0.07');
    land();
    const reply = await before;
    expect([reply.status, reply.headers.get('x-plantain-upstream')]).toEqual([200, 'vendor']);
    expect(reply.headers.get('x-plantain-cost-usd')).toBe('0.05');
    expect([gateway.simulator.calls.length, other.calls.length]).toEqual([1, 1]);
    await expect.poll(() => spentBy(gateway, 'acme')).toBe(120_000_000);
    expect(ledger(gateway).faults).toEqual([]);
  });

  test('whose tenant is taken away gets its picture, which is charged; its key is refused from then on', async () => {
    const gateway = await start({ config: { tenants: [acme(daily(1)), globex()] } });
    const land = keepAloft(gateway.simulator);
    const asked = gateway.post(IMAGES, picture());
    await inTheAir(gateway.simulator, 1);
    await gateway.reload({ config: { tenants: [globex()] } });
    const refused = await gateway.post(IMAGES, picture());
    expect([refused.status, await codeOf(refused)]).toEqual([401, 'invalid_api_key']);
    expect(heldBy(gateway, 'acme')).toBe(50_000_000);
    land();
    expect((await asked).status).toBe(200);
    await expect.poll(() => [spentBy(gateway, 'acme'), heldBy(gateway, 'acme')]).toEqual([50_000_000, 0]);
    expect((await gateway.post(IMAGES, picture(), bearer(OTHER_KEY))).status).toBe(200);
    // Whoever comes back finds its money as it left it.
    await gateway.reload({ config: { tenants: [acme(daily(0.05)), globex()] } });
    const back = await gateway.post(IMAGES, picture());
    expect([back.status, await codeOf(back)]).toEqual([429, 'insufficient_quota']);
    expect(ledger(gateway).faults).toEqual([]);
  });

  test('that waits to be tried again takes its money by the budget of then, or none where its tenant is gone', async () => {
    const repeats = { upstream: { repeats: 2 } };
    const gateway = await start({ ...repeats, config: { tenants: [acme(daily(1)), globex()] } });
    // Refused for free, it comes back after some hundred milliseconds at least.
    const sent = async (key: string): Promise<{ readonly asked: Promise<Response>; readonly land: () => void }> => {
      gateway.simulator.rule({ fault: 'overloaded', times: 1 });
      const calls = gateway.simulator.calls.length;
      const land = keepAloft(gateway.simulator);
      const asked = gateway.post(IMAGES, picture(), bearer(key));
      await inTheAir(gateway.simulator, calls + 1);
      return { asked, land };
    };
    const low = await sent(KEY);
    await gateway.reload({ ...repeats, config: { tenants: [acme(daily(0.01)), globex()] } });
    low.land();
    expect((await low.asked).status).toBe(503);
    const gone = await sent(OTHER_KEY);
    await gateway.reload({ ...repeats, config: { tenants: [acme(daily(1))] } });
    gone.land();
    expect((await gone.asked).status).toBe(503);
    expect(gateway.simulator.calls).toHaveLength(2);
    expect([spentBy(gateway, 'acme'), spentBy(gateway, 'globex')]).toEqual([0, 0]);
    expect([heldBy(gateway, 'acme'), heldBy(gateway, 'globex')]).toEqual([0, 0]);
  });

  test('and told in events goes on to its picture', async () => {
    const gateway = await start();
    const land = keepAloft(gateway.simulator);
    const asked = gateway.post(IMAGES, { ...picture(), stream: true, partial_images: 1 });
    await inTheAir(gateway.simulator, 1);
    await gateway.reload({ config: { tenants: [globex()] }, upstream: { answerWithinMs: 1_000 } });
    land();
    expect(await (await asked).text()).toContain('image_generation.completed');
  });
});

describe('another configuration', () => {
  test('that lowers a budget holds at once, and one that raises it too', async () => {
    const gateway = await start({ config: { tenants: [acme(daily(1))] } });
    const land = keepAloft(gateway.simulator);
    const asked = gateway.post(IMAGES, picture());
    await inTheAir(gateway.simulator, 1);
    await gateway.reload({ config: { tenants: [acme(daily(0.06))] } });
    const held = await gateway.post(IMAGES, picture());
    expect([held.status, await codeOf(held)]).toEqual([429, 'rate_limit_exceeded']);
    await gateway.reload({ config: { tenants: [acme(daily(0.01))] } });
    const never = await gateway.post(IMAGES, picture());
    expect([never.status, await codeOf(never)]).toEqual([429, 'insufficient_quota']);
    await gateway.reload({ config: { tenants: [acme(daily(0.1))] } });
    const second = gateway.post(IMAGES, picture());
    await inTheAir(gateway.simulator, 2);
    land();
    expect([(await asked).status, (await second).status]).toEqual([200, 200]);
    const gauge = await scraped(gateway, 'plantain_budget_limit_usd', { owner: 'acme' });
    expect(gauge).toBe(0.1);
  });

  test('changes models, defaults, the cache, pages that may call, and what is logged', async () => {
    const gateway = await start();
    const seeded = { prompt: 'the same fox', seed: 7, image_size: '512' };
    expect((await gateway.post(IMAGES, seeded)).headers.get('cache-status')).toContain('fwd=miss; stored');
    const origin = { origin: 'https://studio.example' };
    const list = async (): Promise<Response> =>
      fetch(`${gateway.url}/v1/models`, { headers: { ...bearer(KEY), ...origin } });
    expect((await list()).headers.get('access-control-allow-origin')).toBeNull();
    const flash = { upstream: 'vendor', model: FLASH, price: { perImageUsd: 0.05 } };
    await gateway.reload({
      config: {
        models: [{ id: FLASH, aliases: ['our-flash'], targets: [flash] }],
        images: { defaultFormat: 'png' },
        cache: { when: 'never' },
        cors: { origins: ['https://studio.example'] },
        logLevel: 'warn',
      },
    });
    const models = await list();
    expect(models.headers.get('access-control-allow-origin')).toBe('https://studio.example');
    const listed = await models.text();
    expect([listed.includes(FLASH), listed.includes('gemini-3-pro-image')]).toEqual([true, false]);
    const preflight = await fetch(`${gateway.url}${IMAGES}`, {
      method: 'OPTIONS',
      headers: { ...origin, 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    const again = await gateway.post(IMAGES, { ...seeded, model: 'our-flash' });
    expect(again.headers.get('cache-status')).toContain('fwd=bypass');
    expect(await bodyOf(again)).toMatchObject({ output_format: 'png' });
    const lines = gateway.logged().split('\n').length;
    expect((await gateway.post(IMAGES, picture())).status).toBe(200);
    expect(gateway.logged().split('\n')).toHaveLength(lines);
  });

  test('limits a tenant from its next request on', async () => {
    const gateway = await start();
    await gateway.reload({ config: { tenants: [acme({ limits: { requestsPerMinute: 1 } })] } });
    const statuses = [await gateway.post(IMAGES, picture()), await gateway.post(IMAGES, picture())];
    expect(statuses.map(({ status }) => status)).toEqual([200, 429]);
  });

  test('has the vendor’s new key used, and nothing of the old one’s rest', async () => {
    const gateway = await start({ upstream: { breaker: true } });
    const other = await anotherVendor('upstream-secret-9');
    gateway.simulator.rule({ fault: 'key-invalid', times: 1 });
    expect((await gateway.post(IMAGES, picture())).status).toBe(503);
    // The key rests.
    expect((await gateway.post(IMAGES, picture())).status).toBe(503);
    expect(gateway.simulator.calls).toHaveLength(1);
    await gateway.reload({ upstream: { breaker: true, answerWithinMs: 9_000 } });
    // What is the same vendor with the same keys goes on resting.
    expect((await gateway.post(IMAGES, picture())).status).toBe(503);
    await gateway.reload({
      upstream: { breaker: true, baseUrl: other.url },
      environment: { VENDOR_KEY: 'upstream-secret-9' },
    });
    expect((await gateway.post(IMAGES, picture())).status).toBe(200);
    expect([gateway.simulator.calls.length, other.calls.length]).toEqual([1, 1]);
  });

  test('tells alerts by its own thresholds, and what was told before is told no more', async () => {
    const tenants = [acme(daily(0.1))];
    const gateway = await start({ config: { tenants, alerts: { thresholds: [] } } });
    const alerted = (): Promise<number> => scraped(gateway, 'plantain_budget_alerts_total');
    expect((await gateway.post(IMAGES, picture())).status).toBe(200);
    await gateway.reload({ config: { tenants, alerts: { thresholds: [1] } } });
    expect((await gateway.post(IMAGES, picture())).status).toBe(200);
    await expect.poll(alerted).toBe(1);
  });

  test('is what settings sent over the admin API are read by', async () => {
    const gateway = await start({ admin: true });
    const create = (id: string): Promise<Response> =>
      fetch(`${gateway.adminUrl}/admin/tenants`, {
        method: 'POST',
        headers: { authorization: 'Bearer admin-secret-0123456789', 'content-type': 'application/json' },
        body: JSON.stringify({ id, organisation: 'group' }),
      });
    expect((await create('initech')).status).toBe(400);
    const organisations = [{ id: 'group', budgets: [{ limitUsd: 1, per: 'day' }] }];
    await gateway.reload({ config: { organisations } });
    expect((await create('initech')).status).toBe(201);
    // Without its organisation it is refused, rather than served without that budget.
    await gateway.reload({});
    expect(gateway.logged()).toMatch(/"tenant":"initech".*no organisation group/);
  });
});

describe('a configuration that cannot be', () => {
  test('leaves the one before it, names every mistake by path and line, and a metric says so', async () => {
    const gateway = await start();
    const successful = (): Promise<number> => scraped(gateway, 'plantain_config_last_reload_successful');
    const at = (): Promise<number> => scraped(gateway, 'plantain_config_last_reload_success_timestamp_seconds');
    const startedAt = await at();
    expect([await successful(), startedAt > 0]).toEqual([1, true]);
    await gateway.reload({ config: { tenants: [{ id: 'acme', keys: [] }], cache: { when: 'sometimes' } } });
    expect([await successful(), await read(gateway, 'refused'), await read(gateway, 'applied')]).toEqual([0, 1, 0]);
    expect(await at()).toBe(startedAt);
    expect(gateway.logged()).toMatch(/"path":"tenants\[0\]\.keys","line":\d+,"reason":"/);
    expect(gateway.logged()).toMatch(/"path":"cache\.when","line":\d+,"reason":"/);
    expect(gateway.logged()).toContain('"mistakes":2,"msg":"configuration: refused');
    expect((await gateway.post(IMAGES, picture(), bearer(OTHER_KEY))).status).toBe(200);
    await gateway.reload({});
    expect([await successful(), await read(gateway, 'applied')]).toEqual([1, 1]);
    expect(await at()).toBeGreaterThanOrEqual(startedAt);
  });

  test('with no upstream left is one: those there are go on', async () => {
    const gateway = await start();
    await gateway.reload({ environment: { VENDOR_KEY: '' } });
    expect(await read(gateway, 'refused')).toBe(1);
    expect((await gateway.post(IMAGES, picture())).status).toBe(200);
  });

  test('without a restart is applied as far as it goes, and the rest is named', async () => {
    const gateway = await start();
    await gateway.reload({ config: { cache: { memoryBytes: 1 << 20 }, tenants: [globex()], dataDir: '/elsewhere' } });
    expect(await read(gateway, 'restart_needed')).toBe(1);
    expect(await scraped(gateway, 'plantain_config_restart_needed')).toBe(2);
    for (const name of ['cache.memoryBytes', 'dataDir']) expect(gateway.logged()).toContain(`"setting":"${name}"`);
    expect((await gateway.post(IMAGES, picture())).status).toBe(401);
    await gateway.reload({});
    expect(await scraped(gateway, 'plantain_config_restart_needed')).toBe(0);
  });
});
