import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import * as google from './genai.ts';
import * as openai from './openai.ts';

const SMALL = { prompt: 'a heron', image_size: '512' };

const limitedTo = (id: string, limits: Record<string, number>) => ({ id, keys: [{ key: `sk-test-${id}` }], limits });

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      tenants: [
        limitedTo('slow', { requestsPerMinute: 1 }),
        limitedTo('patient', { requestsPerMinute: 30 }),
        limitedTo('few', { imagesPerMinute: 1 }),
        limitedTo('native', { requestsPerMinute: 1 }),
      ],
    },
  });
});
afterAll(() => gateway.close());

const openaiClient = (apiKey: string, options: { readonly fetch?: typeof fetch } = {}): OpenAI =>
  new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, ...options });

describe('a limit', () => {
  test.each(['slow', 'few'])(
    'on the tenant %s is a RateLimitError, retried, and never reaches the vendor',
    async (id) => {
      const apiKey = `sk-test-${id}`;
      await openaiClient(apiKey).images.generate(SMALL);
      const { error, seen, upstreamCalls } = await openai.failure(gateway, SMALL, { apiKey });
      expect(error).toBeInstanceOf(OpenAI.RateLimitError);
      expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' });
      expect(error.message).toMatch(/Try again in (5\d|60) s/);
      expect(error.headers?.get('x-ratelimit-limit-requests') ?? error.headers?.get('x-ratelimit-limit-images')).toBe(
        '1',
      );
      expect(seen.map(({ shouldRetry }) => shouldRetry)).toEqual(['true', 'true', 'true']);
      expect(upstreamCalls).toBe(0);
    },
  );

  test('is over when the SDK comes back after the wait it was told', async () => {
    const statuses: number[] = [];
    const client = openaiClient('sk-test-patient', {
      fetch: async (...request) => {
        const reply = await fetch(...request);
        statuses.push(reply.status);
        return reply;
      },
    });
    while (statuses.at(-1) !== 429)
      await Promise.all([1, 2, 3].map(() => client.models.list({ maxRetries: 0 }).catch(() => null)));
    statuses.length = 0;
    const { data } = await client.images.generate(SMALL);
    expect(data).toHaveLength(1);
    expect(statuses).toEqual([429, 200]);
  });

  test.each(google.SDKS)('is an ApiError with RetryInfo to $name', async ({ sdk }) => {
    const apiKey = 'sk-test-native';
    await google.failure(gateway, sdk, { apiKey }).catch(() => null);
    const { thrown, said, upstreamCalls } = await google.failure(gateway, sdk, { apiKey });
    expect(thrown.status).toBe(429);
    expect(said).toMatchObject({
      status: 'RESOURCE_EXHAUSTED',
      details: expect.arrayContaining([
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: expect.stringMatching(/^(5\d|60)s$/) },
      ]),
    });
    expect(upstreamCalls).toBe(0);
  });
});
