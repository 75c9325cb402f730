import { afterEach, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const SEARCH_NANOS = 14_000_000;

const open: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

/** At Google's own prices: what the simulator bills. */
async function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway({
    upstream: { id: 'google' },
    ...options,
    config: { models: [], ...options.config },
    simulator: { signatureBytes: 64, ...options.simulator },
  });
  open.push(gateway);
  return gateway;
}

describe('search fees', () => {
  test('are charged for each query that is not empty, to the nano-dollar of the bill', async () => {
    const gateway = await start({ simulator: { freeSearches: 0 } });
    await gateway.post(IMAGES, { prompt: 'the weather', image_size: '512', tools: [{ google_search: {} }] });
    const both = { googleSearch: { searchTypes: { webSearch: {}, imageSearch: {} } } };
    await gateway.post(NATIVE, { contents: [{ parts: [{ text: 'a landmark' }] }], tools: [both] });
    const { bill } = gateway.simulator;
    expect(bill.entries.map(({ searches }) => searches)).toEqual([1, 2]);
    expect(bill.totalNanoUsd).toBeGreaterThan(3 * SEARCH_NANOS);
    expect(await spentNanos(gateway)).toBe(bill.totalNanoUsd);
  });

  test('are never taken to be free, though a vendor gives some away', async () => {
    const gateway = await start({ simulator: { freeSearches: 1 } });
    for (const prompt of ['one', 'two']) await gateway.post(IMAGES, { prompt, tools: [{ google_search: {} }] });
    expect((await spentNanos(gateway)) - gateway.simulator.bill.totalNanoUsd).toBe(SEARCH_NANOS);
  });

  test('are set aside before, for as many queries as the ceiling has', async () => {
    const gateway = await start();
    const worst = async (tools: unknown[]): Promise<number> => {
      const quote = await gateway.post(`/v1/quote?for=${NATIVE}`, { contents: [{ parts: [{ text: 'x' }] }], tools });
      return ((await quote.json()) as { cost_usd: { worst: number } }).cost_usd.worst;
    };
    const closed = await worst([{ urlContext: {} }]);
    expect((await worst([{ googleSearch: {} }])) - closed).toBeCloseTo(5 * 0.014, 4);
  });
});

describe('the cost of a request', () => {
  test('is told in usage.cost of an OpenAI reply, as in the header: what was paid now, and nothing on a hit', async () => {
    const gateway = await start();
    const ask = async (body: Record<string, unknown>) => {
      const reply = await gateway.post(IMAGES, { prompt: 'a fox', image_size: '512', seed: 1, ...body });
      const { usage } = await bodyOf<ImagesReply & { usage: { cost: number } }>(reply);
      expect(usage.cost).toBe(Number(reply.headers.get('x-plantain-cost-usd')));
      return usage.cost;
    };
    const first = await ask({});
    expect(Math.round(first * 1e9)).toBe(gateway.simulator.bill.totalNanoUsd);
    expect(await ask({})).toBe(0);
    expect(Math.round((first + (await ask({ n: 2 }))) * 1e9)).toBe(gateway.simulator.bill.totalNanoUsd);
  });

  test('beyond its worst case is charged truly, counted and warned of once', async () => {
    const gateway = await start();
    await gateway.post(IMAGES, { prompt: 'as usual', image_size: '512' });
    expect(await scraped(gateway, 'plantain_budget_excess_usd_total')).toBe(0);
    const body = { prompt: 'deep thought', image_size: '512' };
    const quote = (await (await gateway.post(`/v1/quote?for=${IMAGES}`, body)).json()) as {
      cost_usd: { worst: number };
    };
    gateway.simulator.rule({ fault: 'high-usage', times: 1 });
    const reply = await gateway.post(IMAGES, body);
    const cost = Number(reply.headers.get('x-plantain-cost-usd'));
    expect(await spentNanos(gateway)).toBe(gateway.simulator.bill.totalNanoUsd);
    const excess = await scraped(gateway, 'plantain_budget_excess_usd_total', { tenant: 'acme' });
    expect(excess).toBeCloseTo(cost - quote.cost_usd.worst, 9);
    expect(gateway.logged().match(/cost more than its worst case/g)).toHaveLength(1);
  });
});

const OFFERS = [
  ['nano-banana-2', '512'],
  ['nano-banana-pro', '1K'],
] as const;
/** Large ones take long to draw. */
const LARGE_OFFERS = [
  ['nano-banana-2', '4K'],
  ['nano-banana-pro', '4K'],
] as const;

describe('one after another', () => {
  test.each(process.env['PLANTAIN_TEST_LONG'] === undefined ? OFFERS : [...OFFERS, ...LARGE_OFFERS])(
    '19 of the 20 requests to %s at %s that a budget just covers are drawn, and the last is refused',
    async (model, size) => {
      const body = (index: number) => ({ prompt: `number ${index}`, model, image_size: size, seed: index });
      const free = await start();
      for (let index = 0; index < 20; index += 1) await free.post(IMAGES, body(index));
      const limitUsd = free.simulator.bill.totalNanoUsd / 1e9;
      const budgets = [{ limitUsd, per: 'total' }];
      const gateway = await start({ config: { tenants: [{ id: 'acme', keys: [{ key: KEY }], budgets }] } });
      const statuses: number[] = [];
      do statuses.push((await gateway.post(IMAGES, body(statuses.length))).status);
      while (statuses.at(-1) === 200);
      expect(statuses).toEqual([...Array<number>(19).fill(200), 429]);
    },
  );
});
