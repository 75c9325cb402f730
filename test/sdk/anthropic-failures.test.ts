import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { failure, GENERATIONS, paramsOf, picturesOf } from './anthropic.ts';
import { impatient } from './impatient.ts';

const POOR_KEY = 'sk-test-poor';
const SLOW_KEY = 'sk-test-slow';
const FLASH_KEY = 'sk-test-flash';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    // What is asked at 4K takes longer than anybody waits.
    upstream: {
      answerWithinMs: { '512': 20_000, '1K': 20_000, '2K': 20_000, '4K': 300 },
      abandonAfterMs: { '512': 30_000, '1K': 30_000, '2K': 30_000, '4K': 450 },
    },
    config: {
      bounds: { bodyBytes: 1 << 20 },
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'poor', keys: [{ key: POOR_KEY }], budgets: [{ limitUsd: 0.01, per: 'total' }] },
        { id: 'slow', keys: [{ key: SLOW_KEY }], limits: { requestsPerMinute: 1 } },
        { id: 'flash', keys: [{ key: FLASH_KEY }], models: ['gemini-3.1-flash-image'] },
      ],
    },
  });
});
afterEach(() => gateway.simulator.clearRules());
afterAll(() => gateway.close());

describe.each(GENERATIONS)('@anthropic-ai/sdk $generation', ({ Client }) => {
  const { APIError, InternalServerError } = Client;

  test.each([
    ['a key nobody has', 'sk-ant-wrong', {}, 401, 'authentication_error', Client.AuthenticationError],
    ['a model that is not there', KEY, { model: 'claude-x' }, 404, 'not_found_error', Client.NotFoundError],
    [
      'a model the key may not use',
      FLASH_KEY,
      { model: 'gemini-3-pro-image' },
      403,
      'permission_error',
      Client.PermissionDeniedError,
    ],
    ['a field at fault', KEY, { max_tokens: 0 }, 400, 'invalid_request_error', Client.BadRequestError],
    ['a size no model has', KEY, { image_size: '8K' }, 400, 'invalid_request_error', Client.BadRequestError],
    ['a body too long', KEY, { system: 'x'.repeat(2 << 20) }, 413, 'request_too_large', APIError],
    ['no money', POOR_KEY, {}, 402, 'billing_error', APIError],
  ] as const)('%s is told once, in its own class: %#', async (_, apiKey, params, status, type, Kind) => {
    const { error, seen, upstreamCalls } = await failure(gateway, Client, params, { apiKey });
    expect(error).toBeInstanceOf(Kind);
    expect(error).toMatchObject({ status, error: { type: 'error', error: { type } } });
    expect(error.requestID).toMatch(/^req_[0-9a-f]{32}$/);
    expect(error.error).toMatchObject({ request_id: error.requestID });
    expect(seen).toEqual([{ status, retryAfter: null, shouldRetry: 'false' }]);
    expect(upstreamCalls).toBe(0);
  });

  test.each(['no-image', 'no-image-text', 'max-tokens'] as const)(
    '%s is an UnprocessableEntityError: a 5xx would be bought again by every SDK',
    async (fault) => {
      gateway.simulator.rule({ fault });
      const { error, seen, upstreamCalls } = await failure(gateway, Client, {});
      expect(error).toBeInstanceOf(Client.UnprocessableEntityError);
      expect(error).toMatchObject({ status: 422, error: { error: { type: 'invalid_request_error' } } });
      expect([seen.length, upstreamCalls]).toEqual([1, 1]);
    },
  );

  const once = 1;
  /** The first try and the SDK's own two retries. */
  const thrice = 3;
  test.each([
    ['overloaded', 529, 'overloaded_error', thrice],
    ['rate-limit', 529, 'overloaded_error', thrice],
    ['unauthorized', 529, 'overloaded_error', thrice],
    ['internal', 502, 'api_error', thrice],
    ['not-a-picture', 502, 'api_error', once],
    ['deadline', 504, 'timeout_error', once],
  ] as const satisfies readonly (readonly [Fault, number, string, number])[])(
    '%s is an InternalServerError, %i %s, after %i calls upstream',
    async (fault, status, type, calls) => {
      gateway.simulator.rule({ fault });
      const { error, seen, upstreamCalls } = await failure(gateway, Client, { image_size: '512' });
      expect(error).toBeInstanceOf(InternalServerError);
      expect(error).toMatchObject({ status, error: { error: { type } } });
      for (const one of seen) expect(one).toMatchObject({ status, shouldRetry: String(calls !== once) });
      expect([seen.length, upstreamCalls]).toEqual([calls, calls]);
      expect(error.message).not.toMatch(/leaked|credential type|project|googleapis/i);
    },
  );

  test('a trouble that passes is mended by the SDK: two refusals, then the picture', async () => {
    gateway.simulator.rule({ fault: 'overloaded', times: 2 });
    const network = impatient();
    const client = new Client({ apiKey: KEY, baseURL: gateway.url, fetch: network.fetch });
    expect(picturesOf(await client.messages.create(paramsOf({ image_size: '512' })))).toHaveLength(1);
    expect(network.seen.map(({ status }) => status)).toEqual([529, 529, 200]);
  });

  test('a picture that was given up is a 504 that is not asked for again', async () => {
    gateway.simulator.rule({ fault: 'slow-headers' });
    const { error, seen, upstreamCalls } = await failure(gateway, Client, { image_size: '4K' });
    expect(error).toMatchObject({ status: 504, error: { error: { type: 'timeout_error' } } });
    expect(seen.at(-1)).toEqual({ status: 504, retryAfter: null, shouldRetry: 'false' });
    expect(upstreamCalls).toBe(1);
  });

  test('only-if-cached on a miss is a 504 of ours, and nothing is drawn', async () => {
    const { error, upstreamCalls } = await failure(
      gateway,
      Client,
      { seed: 1 },
      { headers: { 'cache-control': 'only-if-cached' } },
    );
    expect(error).toMatchObject({ status: 504, error: { error: { details: { error_code: 'not_cached' } } } });
    expect(upstreamCalls).toBe(0);
  });
});

test('a tenant at its limit is a RateLimitError, with the headers that Claude’s callers know, whether or not they name a version', async () => {
  const send = () =>
    fetch(`${gateway.url}/v1/messages/count_tokens`, {
      method: 'POST',
      headers: { 'x-api-key': SLOW_KEY, 'content-type': 'application/json' },
      body: JSON.stringify(paramsOf({})),
    });
  const first = await send();
  expect(await first.json()).toEqual({ input_tokens: 2 });
  const second = await send();
  expect([second.status, await second.json()]).toMatchObject([429, { error: { type: 'rate_limit_error' } }]);
  for (const { headers } of [first, second]) {
    expect(headers.get('anthropic-ratelimit-requests-limit')).toBe('1');
    expect(headers.get('request-id')).toBe(headers.get('x-request-id'));
  }
  const { error } = await failure(gateway, GENERATIONS[0].Client, {}, { apiKey: SLOW_KEY });
  expect(error).toBeInstanceOf(GENERATIONS[0].Client.RateLimitError);
});
