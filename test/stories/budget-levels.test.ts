import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { ended, keepAloft } from '../support/pause.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const PRO = '/v1beta/models/gemini-3-pro-image:generateContent';
const SECOND_KEY = 'sk-test-acme-second';
const SMALL = { image_size: '512' };

const open: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

async function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway({ ...options, simulator: { signatureBytes: 64, ...options.simulator } });
  open.push(gateway);
  return gateway;
}

/** A picture of $0.05, never one that was drawn before. */
let number = 0;
const ask = (gateway: TestGateway, key = KEY, more: Record<string, unknown> = {}): Promise<Response> =>
  gateway.post(IMAGES, { prompt: `number ${(number += 1)}`, ...SMALL, ...more }, { authorization: `Bearer ${key}` });
const messageOf = async (reply: Response): Promise<string> => (await bodyOf<OpenAIError>(reply)).error.message;
const statusesOf = (replies: readonly Response[]): Record<string, number> =>
  Object.fromEntries(
    Map.groupBy(replies, ({ status }) => status)
      .entries()
      .map(([status, all]) => [status, all.length]),
  );
const gauge = (gateway: TestGateway, what: 'limit' | 'spent' | 'held', level: string): Promise<number> =>
  scraped(gateway, `plantain_budget_${what}_usd`, { level });

describe('a cap of $1 and a hundred Pro pictures of $0.134 at once, in two dialects', () => {
  const price = { perImageUsd: 0.134 };
  const models = [{ id: 'gemini-3-pro-image', targets: [{ upstream: 'vendor', model: 'gemini-3-pro-image', price }] }];
  const images = { defaultModel: 'gemini-3-pro-image' };
  const tenant = { id: 'acme', keys: [{ key: KEY }] };
  const cap = { limitUsd: 1, per: 'total' };

  test.each([
    ['the tenant', { tenants: [{ ...tenant, budgets: [cap] }] }, 'Your team'],
    ['the key', { tenants: [{ id: 'acme', keys: [{ key: KEY, creditUsd: 1 }] }] }, 'This key'],
    ['the whole gateway', { tenants: [tenant], budgets: [cap] }, 'The whole gateway'],
  ])('are seven, whoever has the cap: %s', async (_, config, whose) => {
    const gateway = await start({ config: { models, images, ...config } });
    const generate = (index: number): Promise<Response> =>
      index % 2 === 0
        ? ask(gateway, KEY, { model: 'nano-banana-pro', image_size: '1K' })
        : gateway.post(PRO, { contents: [{ parts: [{ text: `native ${index}` }] }] });
    const land = keepAloft(gateway.simulator);
    const asked = Array.from({ length: 100 }, (_, index) => generate(index));
    await expect.poll(ended(asked)).toBe(93);
    land();
    const replies = await Promise.all(asked);
    expect(statusesOf(replies)).toEqual({ 200: 7, 429: 93 });
    for (const reply of replies.filter(({ status }) => status === 429)) {
      expect(reply.headers.get('x-should-retry')).toBe('true');
      expect(await reply.text()).toContain(`${whose}'s budget`);
    }
    const denied = (reason: string): Promise<number> => scraped(gateway, 'plantain_budget_denied_total', { reason });
    expect([await denied('budget_reserved'), await denied('budget_exhausted')]).toEqual([93, 0]);

    const after = await Promise.all([generate(100), generate(101)]);
    expect(after.map(({ status, headers }) => [status, headers.get('x-should-retry')])).toEqual([
      [429, 'false'],
      [429, 'false'],
    ]);
    expect([await denied('budget_reserved'), await denied('budget_exhausted')]).toEqual([93, 2]);
    expect(gateway.simulator.calls).toHaveLength(7);
    expect(await spentNanos(gateway)).toBe(938_000_000);
  });
});

describe('budgets at several levels', () => {
  const config = {
    organisations: [{ id: 'globex', budgets: [{ limitUsd: 0.25, per: 'month' }] }],
    budgets: [{ limitUsd: 0.3, per: 'total' }],
    tenants: [
      {
        id: 'acme',
        organisation: 'globex',
        keys: [{ key: KEY, budgets: [{ limitUsd: 0.05, per: 'day' }] }, { key: SECOND_KEY }],
        budgets: [{ limitUsd: 0.15, per: 'day' }],
      },
      { id: 'initech', organisation: 'globex', keys: [{ key: OTHER_KEY }] },
      { id: 'umbrella', keys: [{ key: 'sk-test-umbrella' }] },
    ],
  };

  test('each hold, each says whose it is, and what is refused by one is not taken from the others', async () => {
    const gateway = await start({ config });
    expect((await ask(gateway)).status).toBe(200);
    expect(await messageOf(await ask(gateway))).toMatch(/^This key's budget of \$0\.05 a day \(UTC\)/);
    expect(statusesOf([await ask(gateway, SECOND_KEY), await ask(gateway, SECOND_KEY)])).toEqual({ 200: 2 });
    expect(await messageOf(await ask(gateway, SECOND_KEY))).toMatch(/^Your team's budget of \$0\.15 a day/);

    expect(statusesOf([await ask(gateway, OTHER_KEY), await ask(gateway, OTHER_KEY)])).toEqual({ 200: 2 });
    const organisation = await messageOf(await ask(gateway, OTHER_KEY));
    expect(organisation).toMatch(/^Your organisation's budget per month \(UTC\) cannot cover this request\. It begins/);
    expect((await ask(gateway, 'sk-test-umbrella')).status).toBe(200);
    const everything = await messageOf(await ask(gateway, 'sk-test-umbrella'));
    expect(everything).toBe(
      "The whole gateway's budget in total cannot cover this request. It does not renew by itself.",
    );
    for (const message of [organisation, everything]) expect(message).not.toMatch(/\$|acme|globex/);

    expect(await spentNanos(gateway)).toBe(300_000_000);
    const spent = ['key', 'tenant', 'organisation', 'everything'].map((level) => gauge(gateway, 'spent', level));
    expect(await Promise.all(spent)).toEqual([0.05, 0.15, 0.25, 0.3]);
  });

  test('are gauges with their limits, what is spent and what is held; nobody else’s label is a stranger', async () => {
    const gateway = await start({ config });
    const land = keepAloft(gateway.simulator);
    const drawing = ask(gateway);
    await expect.poll(() => gauge(gateway, 'held', 'key')).toBe(0.05);
    expect(await gauge(gateway, 'held', 'everything')).toBe(0.05);
    land();
    await drawing;
    expect([await gauge(gateway, 'held', 'key'), await gauge(gateway, 'spent', 'key')]).toEqual([0, 0.05]);
    const text = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
    expect(text).toContain(
      'plantain_budget_limit_usd{level="organisation",owner="globex",per="month",time_zone="UTC",models="all"} 0.25',
    );
    expect(text.match(/^plantain_budget_limit_usd\{/gm)).toHaveLength(4);
  });

  test('of more owners than a scrape should have are added up', async () => {
    const tenants = Array.from({ length: 203 }, (_, index) => ({
      id: `tenant-${index}`,
      keys: [{ key: `sk-test-${index}` }],
      budgets: [{ limitUsd: 2, per: 'day' }],
    }));
    const gateway = await start({ config: { tenants } });
    const limit = (owner: string): Promise<number> => scraped(gateway, 'plantain_budget_limit_usd', { owner });
    expect([await limit('tenant-199'), await limit('tenant-200'), await limit('other')]).toEqual([2, 0, 6]);
  });
});

describe('a key', () => {
  test('may have models and a cache of its own', async () => {
    const narrow = { key: KEY, models: ['gemini-3.1-flash-image'], cache: 'always' };
    const gateway = await start({ config: { tenants: [{ id: 'acme', keys: [narrow, { key: SECOND_KEY }] }] } });
    expect((await ask(gateway, KEY, { model: 'nano-banana-pro' })).status).toBe(403);
    expect((await ask(gateway, SECOND_KEY, { model: 'nano-banana-pro', image_size: '1K' })).status).toBe(200);
    const again = { prompt: 'no seed at all' };
    const statusOf = async (key: string): Promise<string | null> =>
      (await ask(gateway, key, again)).headers.get('cache-status');
    expect(await statusOf(KEY)).toMatch(/fwd=miss; stored/);
    expect(await statusOf(KEY)).toMatch(/hit/);
    expect(await statusOf(SECOND_KEY)).toMatch(/bypass/);
  });

  test('that ends while its picture is drawn gets the picture, and no other', async () => {
    let now = Date.parse('2026-11-22T12:00:00Z');
    const keys = [{ key: KEY, expires: '2026-11-22T12:00:01Z' }];
    const gateway = await start({
      config: { tenants: [{ id: 'acme', keys, budgets: [{ limitUsd: 1, per: 'day' }] }] },
      now: () => now,
    });
    const land = keepAloft(gateway.simulator);
    const drawing = ask(gateway);
    await expect.poll(() => gauge(gateway, 'held', 'tenant')).toBe(0.05);
    now += 5_000;
    expect((await ask(gateway)).status).toBe(401);
    land();
    expect((await drawing).status).toBe(200);
    expect(await gauge(gateway, 'spent', 'tenant')).toBe(0.05);
  });
});

test('of four pictures one is refused: three are charged, three returned, and a warning says so', async () => {
  const gateway = await start({ config: { tenants: [{ id: 'acme', keys: [{ key: KEY, creditUsd: 0.2 }] }] } });
  gateway.simulator.rule({ fault: 'image-safety', times: 1 });
  const reply = await ask(gateway, KEY, { n: 4 });
  expect(reply.status).toBe(200);
  expect((await bodyOf<ImagesReply>(reply)).data).toHaveLength(3);
  expect(reply.headers.get('x-plantain-warning')).toMatch(/^1 of 4 pictures failed \(blocked_output\)/);
  expect(await spentNanos(gateway)).toBe(150_000_000);
  await expect.poll(() => gauge(gateway, 'held', 'key')).toBe(0);
  expect(await gauge(gateway, 'spent', 'key')).toBeCloseTo(0.15);
});

test('what is begun before the month ends is charged to it; a clock that goes back finds it there', async () => {
  let now = Date.parse('2026-11-30T22:59:59.900Z');
  const budgets = [{ limitUsd: 0.05, per: 'month', timeZone: 'Europe/Berlin' }];
  const gateway = await start({
    config: { tenants: [{ id: 'acme', keys: [{ key: KEY }], budgets }] },
    now: () => now,
  });
  const land = keepAloft(gateway.simulator);
  const november = ask(gateway);
  await expect.poll(() => gauge(gateway, 'held', 'tenant')).toBe(0.05);
  now += 200;
  expect(await gauge(gateway, 'held', 'tenant')).toBe(0);
  const december = ask(gateway);
  await expect.poll(() => gateway.simulator.calls.length).toBe(2);
  land();
  expect([(await november).status, (await december).status]).toEqual([200, 200]);
  expect(await gauge(gateway, 'spent', 'tenant')).toBe(0.05);
  expect(await messageOf(await ask(gateway))).toContain('begins anew at 2026-12-31T23:00:00.000Z');
  now -= 200;
  expect(await messageOf(await ask(gateway))).toContain('begins anew at 2026-11-30T23:00:00.000Z');
  now += 40 * 86_400_000;
  expect((await ask(gateway)).status).toBe(200);
});

test('credit is topped up by raising it; lowered below what is spent it draws nothing more', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'plantain-credit-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const withCredit = (creditUsd: number): Promise<TestGateway> =>
    start({ config: { dataDir, tenants: [{ id: 'acme', keys: [{ key: KEY, creditUsd }] }] } });
  const restart = async (creditUsd: number): Promise<TestGateway> => {
    await open.pop()?.close();
    return withCredit(creditUsd);
  };
  let gateway = await withCredit(0.05);
  expect((await ask(gateway)).status).toBe(200);
  expect(await messageOf(await ask(gateway))).toMatch(/\$0\.05 in total.*does not renew by itself/);
  gateway = await restart(0.12);
  expect(statusesOf([await ask(gateway), await ask(gateway)])).toEqual({ 200: 1, 429: 1 });
  gateway = await restart(0.06);
  expect((await ask(gateway)).status).toBe(429);
  expect(await gauge(gateway, 'spent', 'key')).toBe(0.1);
});

describe('an alert', () => {
  const budgets = [{ limitUsd: 0.1, per: 'day' }];
  const tenants = [{ id: 'acme', keys: [{ key: KEY }], budgets }];
  const alerted = (gateway: TestGateway, threshold: string): Promise<number> =>
    scraped(gateway, 'plantain_budget_alerts_total', { level: 'tenant', threshold });

  test('is counted, logged and posted once for each threshold', async () => {
    const posted: unknown[] = [];
    const receiver = createServer((request, reply) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        posted.push(JSON.parse(body));
        reply.writeHead(204).end();
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    onTestFinished(() => {
      receiver.closeAllConnections();
      receiver.close();
    });
    const webhook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/T0K3N`;
    const gateway = await start({ config: { tenants, alerts: { webhook } }, now: () => Date.parse('2026-11-22') });
    expect((await ask(gateway)).status).toBe(200);
    await expect
      .poll(() => posted)
      .toEqual([
        {
          type: 'budget.threshold',
          timestamp: '2026-11-22T00:00:00.000Z',
          data: {
            level: 'tenant',
            owner: 'acme',
            per: 'day',
            timeZone: 'UTC',
            period: '2026-11-22',
            models: null,
            limitUsd: 0.1,
            spentUsd: 0.05,
            threshold: 0.5,
          },
        },
      ]);
    expect((await ask(gateway)).status).toBe(200);
    await expect.poll(() => posted).toHaveLength(3);
    expect(await Promise.all(['0.5', '0.8', '1'].map((threshold) => alerted(gateway, threshold)))).toEqual([1, 1, 1]);
    const lines = gateway.logged().split('\n');
    expect(lines.filter((line) => line.includes('a threshold is reached'))).toHaveLength(3);
    expect(gateway.logged()).not.toContain('T0K3N');
  });

  test('that nobody takes fails no request, and its address is not logged', async () => {
    const webhook = 'http://127.0.0.1:1/T0K3N';
    const gateway = await start({ config: { tenants, alerts: { thresholds: [0.5], webhook } } });
    expect(statusesOf([await ask(gateway), await ask(gateway)])).toEqual({ 200: 2 });
    await expect.poll(() => alerted(gateway, '0.5')).toBe(1);
    await open.pop()?.close();
    expect(gateway.logged()).toContain('a webhook was not delivered');
    expect(gateway.logged()).not.toContain('T0K3N');
  });
});
