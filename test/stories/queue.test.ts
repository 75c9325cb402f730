import { describe, expect, onTestFinished, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const FLASH = 'gemini-3.1-flash-image';
const OTHER = { authorization: `Bearer ${OTHER_KEY}` };
const LATER = { prefer: 'respond-async' };
const images = (prompt: string, more: object = {}) => ({ prompt, image_size: '512', ...more });

/** `inTheAir`: of Flash. */
async function start(inTheAir: number, bounds: object = {}, config: object = {}): Promise<TestGateway> {
  const gateway = await startGateway({
    config: {
      bounds,
      models: [FLASH, 'gemini-3-pro-image'].map((id) => ({
        id,
        ...(id === FLASH && { inTheAir }),
        targets: [{ upstream: 'vendor', model: id, price: { perImageUsd: 0.05 } }],
      })),
      ...config,
    },
  });
  onTestFinished(gateway.close);
  return gateway;
}

const waiting = (gateway: TestGateway, count: number): Promise<void> =>
  expect.poll(() => scraped(gateway, 'plantain_queue_waiting', {})).toBe(count);
const aloft = (gateway: TestGateway, count: number): Promise<void> =>
  expect.poll(() => scraped(gateway, 'plantain_upstream_inflight', { model: FLASH })).toBe(count);

describe('pictures above those that may be in the air', () => {
  test('wait for one to end; those of one request get theirs together with the rest of it', async () => {
    const gateway = await start(2);
    const resume = keepAloft(gateway.simulator);
    const many = gateway.post(IMAGES, images('many', { n: 5 }));
    await waiting(gateway, 3);
    await aloft(gateway, 2);
    // Another model's are none of these.
    const pro = gateway.post(IMAGES, { prompt: 'pro', model: 'nano-banana-pro' });
    await expect.poll(() => scraped(gateway, 'plantain_upstream_inflight', { model: 'gemini-3-pro-image' })).toBe(1);
    resume();
    const reply = await many;
    expect([reply.status, ((await reply.json()) as { data: unknown[] }).data.length]).toEqual([200, 5]);
    expect((await pro).status).toBe(200);
    expect(await scraped(gateway, 'plantain_queue_events_total', { event: 'entered', model: FLASH })).toBe(3);
    expect(await spentNanos(gateway, 'acme')).toBe(6 * 50_000_000);
  });

  test('are let in fairly over tenants, and after a short while refused: nothing was drawn, and nothing is held', async () => {
    const gateway = await start(1, { queue: { length: 3, waitMs: 60_000 } });
    const resume = keepAloft(gateway.simulator);
    const ended: string[] = [];
    const ask = async (name: string, headers: Record<string, string> = {}): Promise<Response> => {
      const reply = await gateway.post(IMAGES, images(name), headers);
      ended.push(name);
      return reply;
    };
    const first = ask('first');
    await aloft(gateway, 1);
    const acme = [ask('a'), ask('b'), ask('c')];
    await waiting(gateway, 3);
    const globex = ask('theirs', OTHER);
    const [refused, index] = await Promise.any(
      acme.map(async (reply, place) => {
        const { status } = await reply;
        if (status === 200) throw new Error('it was drawn');
        return [await reply, place] as const;
      }),
    );
    const { error } = await bodyOf<OpenAIError>(refused);
    expect([
      refused.status,
      error.code,
      refused.headers.get('retry-after'),
      refused.headers.get('x-should-retry'),
    ]).toEqual([503, 'too_many_in_the_air', '5', 'true']);
    expect(refused.headers.get('x-plantain-cost-usd')).toBeNull();
    expect(index).toBe(2);
    resume();
    const statuses = await Promise.all([first, globex, ...acme].map(async (reply) => (await reply).status));
    expect(statuses).toEqual([200, 200, 200, 200, 503]);
    // The other tenant had none in the air: it was next.
    expect(ended.slice(0, 3)).toEqual(['c', 'first', 'theirs']);
    expect(await spentNanos(gateway, 'acme')).toBe(3 * 50_000_000);
    expect(await scraped(gateway, 'plantain_queue_events_total', { event: 'made_way', model: FLASH })).toBe(1);
  });

  test('make way in the order tasks, pictures somebody waits for; hits go on whatever is in the air', async () => {
    const tenant = { id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: 10, per: 'total' }] };
    const gateway = await start(1, { queue: { length: 1, waitMs: 60_000 } }, { tenants: [tenant] });
    const kept = images('kept', { seed: 7 });
    expect((await gateway.post(IMAGES, kept)).status).toBe(200);
    const resume = keepAloft(gateway.simulator);
    const first = gateway.post(IMAGES, images('first'));
    await aloft(gateway, 1);
    const later = await gateway.post(IMAGES, images('later'), LATER);
    expect(later.status).toBe(202);
    await waiting(gateway, 1);
    const somebody = gateway.post(IMAGES, images('somebody'));
    const task = `${gateway.url}${later.headers.get('location')!}`;
    const look = async (): Promise<unknown> =>
      ((await (await fetch(task, { headers: { authorization: `Bearer ${KEY}` } })).json()) as { status: unknown })
        .status;
    await expect.poll(look).toBe('failed');
    expect((await gateway.post(IMAGES, images('nobody'))).status).toBe(503);
    const hit = await gateway.post(IMAGES, kept);
    expect([hit.status, hit.headers.get('cache-status')]).toEqual([200, expect.stringMatching(/^Plantain; hit/)]);
    resume();
    expect([(await first).status, (await somebody).status]).toEqual([200, 200]);
    expect(await spentNanos(gateway, 'acme')).toBe(3 * 50_000_000);
    await expect.poll(() => scraped(gateway, 'plantain_budget_held_usd', {})).toBe(0);
  });

  test('that wait too long are told so, and can be had later', async () => {
    const gateway = await start(1, { queue: { length: 10, waitMs: 50 } });
    const resume = keepAloft(gateway.simulator);
    const first = gateway.post(IMAGES, images('first'));
    await aloft(gateway, 1);
    const late = await gateway.post(IMAGES, images('late'));
    expect((await bodyOf<OpenAIError>(late)).error.message).toMatch(/none of them ended within 1 s. Nothing was drawn/);
    resume();
    expect((await first).status).toBe(200);
    expect((await gateway.post(IMAGES, images('late'))).status).toBe(200);
    expect(await spentNanos(gateway, 'acme')).toBe(2 * 50_000_000);
  });
});
