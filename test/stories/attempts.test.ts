import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { temporaryDirectory } from '../cache/stores.ts';
import { audit } from '../tenants/audit.ts';
import { startGateway, UPSTREAM_KEY } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const SECOND_KEY = 'upstream-secret-8';

interface House {
  readonly gateway: TestGateway;
  readonly first: Simulator;
  readonly second: Simulator;
}

/** Two upstreams that offer Flash, the first for 5 cents and the second for 7. */
async function start(upstream: Record<string, unknown> = {}, options: TestGatewayOptions = {}): Promise<House> {
  const second = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY] });
  const first = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY, SECOND_KEY] });
  const deadlines = { answerWithinMs: 20_000, abandonAfterMs: 30_000 };
  const upstreamOf = (id: string, { url }: Simulator, more: object) => ({
    id,
    kind: 'gemini',
    baseUrl: url,
    keyFrom: 'VENDOR_KEY',
    ...deadlines,
    ...more,
  });
  const gateway = await startGateway({
    ...options,
    environment: { SECOND_KEY, REVOKED_KEY: 'upstream-secret-0' },
    config: {
      upstreams: [upstreamOf('first', first, upstream), upstreamOf('second', second, {})],
      models: [
        {
          id: 'gemini-3.1-flash-image',
          targets: [
            { upstream: 'first', model: 'gemini-3.1-flash-image', price: { perImageUsd: 0.05 } },
            { upstream: 'second', model: 'gemini-3.1-flash-image', price: { perImageUsd: 0.07 } },
          ],
        },
      ],
      ...options.config,
    },
  });
  onTestFinished(async () => {
    await gateway.close();
    await first.close();
    await second.close();
  });
  return { gateway, first, second };
}

function rule({ rule: add }: Simulator, fault: Fault, times?: number): void {
  add({ fault, ...(times !== undefined && { times }) });
}

let pictures = 0;
const picture = () => ({ prompt: `picture ${(pictures += 1)}`, image_size: '512' });
const event = (gateway: TestGateway, name: string, upstream = 'first'): Promise<number> =>
  scraped(gateway, 'plantain_upstream_attempts_total', { event: name, upstream });

describe('a call that cannot have cost anything', () => {
  test.each<Fault>(['overloaded', 'internal', 'capacity-429'])(
    'is made again after %s, and paid for once',
    async (fault) => {
      const { gateway, first, second } = await start();
      rule(first, fault, 1);
      const reply = await gateway.post(IMAGES, picture());
      expect([reply.status, reply.headers.get('x-plantain-upstream')]).toEqual([200, 'first']);
      expect(reply.headers.get('x-plantain-cost-usd')).toBe('0.05');
      expect([first.calls.length, second.calls.length]).toEqual([2, 0]);
      expect(await event(gateway, 'repeated')).toBe(1);
    },
  );

  test.each<Fault>(['overloaded', 'model-gone', 'location', 'unauthorized', 'daily-quota'])(
    'is made elsewhere where the first upstream goes on with %s, at the price there',
    async (fault) => {
      const { gateway, first, second } = await start();
      rule(first, fault);
      const reply = await gateway.post(IMAGES, picture());
      expect([reply.status, reply.headers.get('x-plantain-upstream')]).toEqual([200, 'second']);
      expect(reply.headers.get('x-plantain-cost-usd')).toBe('0.07');
      expect(second.calls).toHaveLength(1);
      expect(first.bill.totalPictures).toBe(0);
      expect(await event(gateway, 'other_target')).toBe(1);
    },
  );

  test('is made by the other key where one is refused, and then by that one alone', async () => {
    const keys = { keyFrom: undefined, keysFrom: ['REVOKED_KEY', 'SECOND_KEY'] };
    const { gateway, first, second } = await start(keys);
    for (let number = 0; number < 4; number += 1) expect((await gateway.post(IMAGES, picture())).status).toBe(200);
    expect(second.calls).toHaveLength(0);
    expect(first.bill.totalPictures).toBe(4);
    expect(await event(gateway, 'other_key')).toBe(1);
  });

  test('that every key is refused for has /readyz say which upstream it is, while another draws and hits are served', async () => {
    const { gateway, first, second } = await start();
    const ready = async () => {
      const reply = await fetch(`${gateway.operationsUrl}/readyz`);
      return [reply.status, await reply.json()];
    };
    expect(await ready()).toEqual([200, { status: 'ok' }]);
    rule(first, 'unauthorized', 1);
    const asked = { ...picture(), seed: 7 };
    expect((await gateway.post(IMAGES, asked)).headers.get('x-plantain-upstream')).toBe('second');
    expect(await ready()).toEqual([200, { status: 'degraded', reason: 'upstream first: all of its keys are refused' }]);
    rule(second, 'unauthorized', 1);
    expect((await gateway.post(IMAGES, picture())).status).toBe(503);
    expect(await ready()).toMatchObject([200, { reason: expect.stringMatching(/first: .*second: /) }]);
    expect((await gateway.post(IMAGES, asked)).headers.get('x-plantain-cost-usd')).toBe('0');
  });

  test('of an upstream that cannot be reached is made elsewhere', async () => {
    const { gateway, first, second } = await start();
    await first.close();
    const reply = await gateway.post(IMAGES, picture());
    expect([reply.status, reply.headers.get('x-plantain-upstream')]).toEqual([200, 'second']);
    expect(second.calls).toHaveLength(1);
  });
});

describe('a call that may have cost something', () => {
  test.each<Fault>([
    'hangup',
    'reset',
    'truncate-length',
    'bad-json',
    'broken-picture',
    'bad-gateway-html',
    'empty-error',
  ])('is not made again, here or elsewhere: %s', async (fault) => {
    const { gateway, first, second } = await start();
    rule(first, fault);
    expect((await gateway.post(IMAGES, picture())).status).toBe(502);
    expect([first.calls.length, second.calls.length]).toEqual([1, 0]);
  });

  test.each<Fault>(['blocked-safety', 'no-image'])('nor is one that the vendor refused to draw: %s', async (fault) => {
    const { gateway, first, second } = await start();
    rule(first, fault);
    await gateway.post(IMAGES, picture());
    expect([first.calls.length, second.calls.length]).toEqual([1, 0]);
  });
});

test('no budget is passed by what is asked for again: the second target’s worst case must fit as well', async () => {
  const { gateway, first, second } = await start(
    {},
    {
      config: { tenants: [{ id: 'acme', keys: [{ key: 'sk-test-acme' }], budgets: [{ limitUsd: 0.06, per: 'day' }] }] },
    },
  );
  rule(first, 'model-gone');
  const reply = await gateway.post(IMAGES, picture());
  // What the caller hears is why the first did not draw: there was money for that.
  expect(reply.status).toBe(503);
  expect((await bodyOf<OpenAIError>(reply)).error.code).toBe('upstream_model');
  expect(second.calls).toHaveLength(0);
});

test('an upstream that fails is left alone, asked once a second where nobody else can be, and used again when it is well', async () => {
  const { gateway, first, second } = await start();
  rule(first, 'overloaded');
  rule(second, 'overloaded');
  const statuses = new Set<number>();
  for (let number = 0; number < 40; number += 1) statuses.add((await gateway.post(IMAGES, picture())).status);
  expect([...statuses]).toEqual([503]);
  expect(await scraped(gateway, 'plantain_breaker_open', { upstream: 'first' })).toBe(1);
  expect(first.calls.length).toBeLessThan(40);
  second.clearRules();
  await expect
    .poll(async () => (await gateway.post(IMAGES, picture())).status, { timeout: 20_000, interval: 300 })
    .toBe(200);
  expect(await scraped(gateway, 'plantain_breaker_open', { upstream: 'second' })).toBe(0);
  expect((await gateway.post(IMAGES, picture())).headers.get('x-plantain-upstream')).toBe('second');
});

test.each<[Fault, number]>([
  ['bad-gateway-html', 502],
  ['deadline', 504],
])('what nobody says was not drawn is charged as unknown, once, and told: %s', async (fault, status) => {
  const directory = temporaryDirectory();
  const { gateway, first, second } = await start({}, { directory });
  rule(first, fault);
  const reply = await gateway.post(IMAGES, picture());
  expect([reply.status, reply.headers.get('x-should-retry')]).toEqual([status, 'false']);
  expect(reply.headers.get('x-plantain-cost-usd')).toBe('0.05');
  expect([first.calls.length, second.calls.length]).toEqual([1, 0]);
  const file = join(directory, 'ledger.db');
  await expect.poll(() => audit(file).rows.length).toBe(2);
  const { faults, rows } = audit(file);
  expect(faults).toEqual([]);
  expect(rows.map(({ kind, outcome }) => [kind, outcome]).at(-1)).toEqual(['settle', 'unknown']);
  expect(rows.reduce((sum, { delta_held: held }) => sum + held, 0)).toBe(0);
});

test('a vendor that is behind a broken proxy spends no more than a budget, and is left alone', async () => {
  const tenants = [{ id: 'acme', keys: [{ key: 'sk-test-acme' }], budgets: [{ limitUsd: 1, per: 'day' }] }];
  const { gateway, first, second } = await start({}, { config: { tenants } });
  rule(first, 'bad-gateway-html');
  rule(second, 'bad-gateway-html');
  const statuses: number[] = [];
  for (let number = 0; number < 40; number += 1) statuses.push((await gateway.post(IMAGES, picture())).status);
  expect(new Set(statuses)).not.toContain(200);
  expect(await spentNanos(gateway)).toBeLessThanOrEqual(1_000_000_000);
  expect(first.calls.length + second.calls.length).toBeLessThan(40);
});

test('the ledger has a hold for each call, and ends with nothing held', async () => {
  const directory = temporaryDirectory();
  const { gateway, first } = await start({}, { directory });
  rule(first, 'overloaded', 2);
  expect((await gateway.post(IMAGES, { ...picture(), n: 2 })).status).toBe(200);
  const file = join(directory, 'ledger.db');
  await expect.poll(() => audit(file).rows.length).toBe(8);
  const { faults, rows } = audit(file);
  expect(faults).toEqual([]);
  const kinds = [...Array(2).fill('release'), ...Array(4).fill('reserve'), ...Array(2).fill('settle')];
  expect(rows.map(({ kind }) => kind).toSorted()).toEqual(kinds);
  expect(rows.reduce((sum, { delta_held: held }) => sum + held, 0)).toBe(0);
});
