import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';

let gateway: TestGateway;
beforeEach(async () => {
  // By tokens, at Google's own price: what the simulator bills.
  gateway = await startGateway({
    config: { models: [] },
    upstream: { id: 'google' },
    simulator: { signatureBytes: 64 },
  });
});
afterEach(() => gateway.close());

const costOf = (reply: Response): number => Math.round(Number(reply.headers.get('x-plantain-cost-usd')) * 1e9);
const ask = (over: Record<string, unknown> = {}): Promise<Response> =>
  gateway.post(IMAGES, { prompt: 'four kites', image_size: '512', ...over });

describe('of four pictures of which one fails', () => {
  test.each<[Fault, string, number]>([
    ['image-safety', 'blocked_output', 3],
    ['blocked-safety', 'blocked_prompt', 3],
    ['no-image-text', 'no_image', 4],
    ['broken-picture', 'upstream_failed', 4],
  ])(
    'by %s three are returned with a warning, and what the vendor bills is charged and told',
    async (fault, word, billed) => {
      gateway.simulator.rule({ fault, times: 1 });
      const reply = await ask({ n: 4 });
      expect(reply.status).toBe(200);
      expect(reply.headers.get('x-plantain-warning')).toContain(`1 of 4 pictures failed (${word})`);
      const body = await bodyOf<ImagesReply & { usage: { cost: number } }>(reply);
      expect(body.data).toHaveLength(3);
      const { entries, totalNanoUsd } = gateway.simulator.bill;
      expect(entries.filter(({ nanoUsd }) => nanoUsd > 0)).toHaveLength(billed);
      expect(await spentNanos(gateway, 'acme')).toBe(totalNanoUsd);
      expect(costOf(reply)).toBe(totalNanoUsd);
      expect(Math.round(body.usage.cost * 1e9)).toBe(totalNanoUsd);
    },
  );

  test('by a cut reply, what was held for it is charged as unknown, and told', async () => {
    gateway.simulator.rule({ fault: 'reset', times: 1 });
    const reply = await ask({ n: 4 });
    expect((await bodyOf<ImagesReply>(reply)).data).toHaveLength(3);
    expect(costOf(reply)).toBe(await spentNanos(gateway, 'acme'));
    expect(costOf(reply)).toBeGreaterThan(gateway.simulator.bill.totalNanoUsd);
  });
});

describe('a failure', () => {
  test('that was billed says what it cost, and one that was not says nothing', async () => {
    gateway.simulator.rule({ fault: 'broken-picture', times: 2 });
    const broken = await ask({ n: 2 });
    expect(broken.status).toBe(502);
    expect(costOf(broken)).toBe(gateway.simulator.bill.totalNanoUsd);
    expect(costOf(broken)).toBeGreaterThan(0);
    gateway.simulator.rule({ fault: 'overloaded', times: 1 });
    expect((await ask()).headers.get('x-plantain-cost-usd')).toBeNull();
  });

  test('of a picture that several wait for is paid for and told to the one that had it drawn', async () => {
    const land = keepAloft(gateway.simulator);
    gateway.simulator.rule({ fault: 'broken-picture', times: 1 });
    const leader = ask({ seed: 7 });
    await expect.poll(() => gateway.simulator.calls.length, { interval: 5 }).toBe(1);
    const waiting = ask({ seed: 7 });
    await expect.poll(() => scraped(gateway, 'plantain_singleflight_waiters')).toBe(1);
    land();
    const joined = await waiting;
    expect([(await leader).status, joined.status]).toEqual([502, 502]);
    expect(costOf(await leader)).toBe(gateway.simulator.bill.totalNanoUsd);
    expect(joined.headers.get('x-plantain-cost-usd')).toBeNull();
  });
});
