import { afterEach } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from './gateway.ts';
import type { TestGateway, TestGatewayOptions } from './gateway.ts';
import { scraped } from './scrape.ts';

/** Another key of the limited tenant. */
export const SECOND_KEY = 'sk-test-acme-second';

const open: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

/** A gateway until the end of the test: one tenant with these limits, and one without any. */
export async function startLimited(
  limits: Record<string, unknown>,
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const tenants = [
    { id: 'acme', keys: [{ key: KEY }, { key: SECOND_KEY }], limits },
    { id: 'globex', keys: [{ key: OTHER_KEY }] },
  ];
  const gateway = await startGateway({
    ...options,
    config: { tenants, ...options.config },
    simulator: { signatureBytes: 64, ...options.simulator },
  });
  open.push(gateway);
  return gateway;
}

export const decisions = (gateway: TestGateway, limiter: string, decision: string): Promise<number> =>
  scraped(gateway, 'plantain_ratelimit_decisions_total', { limiter, decision });

export const statusesOf = (replies: readonly Response[]): Record<string, number> =>
  Object.fromEntries(
    Map.groupBy(replies, ({ status }) => status)
      .entries()
      .map(([status, all]) => [status, all.length]),
  );

export const atOnce = (count: number, ask: (index: number) => Promise<Response>): Promise<Response[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => ask(index)));

/** The names of the headers that tell of limits. */
export const limitHeadersOf = (reply: Response): string[] =>
  [...reply.headers.keys()].filter((name) => /^(x-)?ratelimit/.test(name)).toSorted();
