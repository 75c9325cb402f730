import { expect, onTestFinished, test } from 'vitest';
import { startProxy } from '../support/proxy.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const LOOP_KEY = 'sk-test-of-the-loop';
/** Its own key is one of its callers': else it would be turned away as a stranger. */
const LOOPING = {
  config: { tenants: [{ id: 'acme', keys: [{ key: 'sk-test-acme' }, { key: LOOP_KEY }] }] },
  environment: { LOOP_KEY },
};
const portOf = ({ url }: TestGateway): number => Number(new URL(url).port);
const requestsOf = ({ logged }: TestGateway): Record<string, unknown>[] =>
  logged()
    .split('\n')
    .filter((line) => line.includes('"msg":"request"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Gateways of one configuration, whose upstream is an address that leads to the last of them. */
async function startRing(instances: number): Promise<TestGateway[]> {
  const way = await startProxy(0);
  onTestFinished(() => way.close());
  const baseUrl = `http://127.0.0.1:${way.port}`;
  const ring: TestGateway[] = [];
  for (let made = 0; made < instances; made += 1) {
    const gateway = await startGateway({ ...LOOPING, upstream: { baseUrl, keyFrom: 'LOOP_KEY', repeats: 2 } });
    onTestFinished(() => gateway.close());
    ring.push(gateway);
  }
  way.lead(portOf(ring.at(-1)!));
  return ring;
}

test.each([1, 2])(
  'an upstream that leads back to its gateway is told so at once, of %i instances',
  async (instances) => {
    const ring = await startRing(instances);
    const [first, last] = [ring[0]!, ring.at(-1)!];
    for (const body of [{ prompt: 'a fox' }, { prompt: 'a fox', seed: 1 }]) {
      const reply = await first.post(IMAGES, body);
      expect([reply.status, (await bodyOf<OpenAIError>(reply)).error.code]).toEqual([503, 'upstream_loop']);
      expect(reply.headers.get('x-plantain-cost-usd')).toBeNull();
    }
    expect(await spentNanos(first)).toBe(0);
    // Each went round once, and was no request of anybody's.
    expect(requestsOf(last).filter(({ code }) => code === 'request_loop')).toHaveLength(2);
    expect(requestsOf(first).filter(({ code }) => code === 'upstream_loop')).toHaveLength(2);
  },
);

test('a gateway behind another one is no loop', async () => {
  const behind = await startGateway();
  onTestFinished(() => behind.close());
  const before = await startGateway({
    upstream: { baseUrl: behind.url, keyFrom: 'NEXT_KEY' },
    environment: { NEXT_KEY: 'sk-test-acme' },
  });
  onTestFinished(() => before.close());
  const reply = await before.post(
    IMAGES,
    { prompt: 'a fox' },
    { via: '1.1 office-proxy, 1.1 plantain-0123456789abcdef' },
  );
  expect(reply.status).toBe(200);
  expect(behind.simulator.calls).toHaveLength(1);
});
