import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { impatient } from './impatient.ts';
import { failure } from './openai.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    // What is asked at 2K takes longer than its caller may wait, what is asked at 4K longer than anybody waits.
    upstream: {
      answerWithinMs: { '512': 20_000, '1K': 20_000, '2K': 200, '4K': 300 },
      abandonAfterMs: { '512': 30_000, '1K': 30_000, '2K': 30_000, '4K': 450 },
    },
  });
});
afterAll(() => gateway.close());
afterEach(() => {
  gateway.simulator.clearRules();
});

describe('what the model will not draw', () => {
  test.each([
    ['blocked-safety', 'input', /SAFETY/],
    ['blocked-prohibited', 'input', /PROHIBITED_CONTENT/],
    ['image-safety', 'output', /IMAGE_SAFETY/],
    ['prohibited-content', 'output', /PROHIBITED_CONTENT/],
    ['image-recitation', 'output', /IMAGE_RECITATION/],
  ] as const)('%s is a BadRequestError, moderation_blocked, and asked for once', async (fault, stage, reason) => {
    gateway.simulator.rule({ fault });
    const { error, seen, upstreamCalls } = await failure(gateway, { prompt: 'forbidden things' });
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({
      status: 400,
      code: 'moderation_blocked',
      type: 'image_generation_user_error',
      error: { moderation_details: { moderation_stage: stage } },
    });
    expect(error.message).toMatch(reason);
    expect([seen.length, upstreamCalls]).toEqual([1, 1]);
  });

  test.each(['no-image', 'no-image-text', 'image-other', 'empty-content', 'max-tokens', 'drafts-only'] as const)(
    '%s is an UnprocessableEntityError: a 5xx would be bought again by every SDK',
    async (fault) => {
      gateway.simulator.rule({ fault });
      const { error, seen, upstreamCalls } = await failure(gateway, { prompt: 'nothing to see' });
      expect(error).toBeInstanceOf(OpenAI.UnprocessableEntityError);
      expect(error).toMatchObject({ status: 422, code: 'no_image', type: 'image_generation_user_error' });
      expect([seen.length, upstreamCalls]).toEqual([1, 1]);
    },
  );

  test("the model's own words are in the error", async () => {
    gateway.simulator.rule({ fault: 'no-image-text' });
    expect((await failure(gateway, { prompt: 'words' })).error.message).toContain('I would rather describe it');
  });
});

describe('what fails behind the gateway', () => {
  const once = 1;
  /** The first try and the SDK's own two retries. */
  const thrice = 3;
  test.each([
    // Refused before anything was drawn: the SDK may buy again, and does.
    ['overloaded', 503, 'upstream_capacity', thrice],
    ['capacity-429', 503, 'upstream_capacity', thrice],
    ['rate-limit', 503, 'upstream_busy', thrice],
    ['internal', 502, 'upstream_failed', thrice],
    ['error-array', 503, 'upstream_capacity', thrice],
    // About the gateway's own account: nothing of it is the caller's business, least of all a 401.
    ['unauthorized', 503, 'upstream_credentials', thrice],
    ['key-invalid', 503, 'upstream_credentials', thrice],
    ['forbidden', 503, 'upstream_credentials', thrice],
    ['location', 503, 'upstream_location', thrice],
    ['model-gone', 503, 'upstream_model', thrice],
    // A quota of the day does not come back within any SDK's patience.
    ['daily-quota', 503, 'upstream_quota', once],
    ['limit-zero', 503, 'upstream_quota', once],
    // What may have been paid for is never bought twice.
    ['bad-gateway-html', 502, 'upstream_failed', once],
    ['empty-error', 502, 'upstream_failed', once],
    ['hangup', 502, 'upstream_failed', once],
    ['reset', 502, 'upstream_failed', once],
    ['truncate-length', 502, 'upstream_failed', once],
    ['truncate-close', 502, 'upstream_failed', once],
    ['bad-json', 502, 'upstream_failed', once],
    ['html-200', 502, 'upstream_failed', once],
    ['empty-object', 502, 'upstream_bad_response', once],
    ['broken-picture', 502, 'upstream_failed', once],
    ['not-a-picture', 502, 'upstream_failed', once],
    ['deadline', 504, 'upstream_timeout', once],
    ['redirect', 502, 'upstream_failed', once],
  ] as const satisfies readonly (readonly [Fault, number, string, number])[])(
    '%s is an InternalServerError, %i %s, after %i calls upstream',
    async (fault, status, code, calls) => {
      gateway.simulator.rule({ fault });
      const { error, seen, upstreamCalls } = await failure(gateway, { prompt: 'behind the gateway' });
      expect(error).toBeInstanceOf(OpenAI.InternalServerError);
      expect(error).toMatchObject({ status, code, type: 'server_error', param: null });
      expect(error.requestID).toMatch(/^req_/);
      expect(seen).toHaveLength(calls);
      for (const one of seen) expect(one).toMatchObject({ status, shouldRetry: String(calls !== once) });
      if (calls !== once) for (const { retryAfter } of seen) expect(retryAfter).toMatch(/^\d{1,2}$/);
      expect(upstreamCalls).toBe(calls);
      expect(error.message).not.toMatch(/leaked|credential type|project|googleapis/i);
    },
  );

  test('a trouble that passes is mended by the SDK: two refusals, then the picture', async () => {
    gateway.simulator.rule({ fault: 'overloaded', times: 2 });
    const network = impatient();
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, fetch: network.fetch });
    expect((await client.images.generate({ prompt: 'mended' })).data).toHaveLength(1);
    expect(network.seen.map(({ status }) => status)).toEqual([503, 503, 200]);
  });

  test('a picture that takes longer than its caller may wait is told so, and the retry joins the work', async () => {
    gateway.simulator.rule({ fault: 'slow', delayMs: 450 });
    const before = gateway.simulator.calls.length;
    const network = impatient();
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, fetch: network.fetch, maxRetries: 50 });
    const reply = await client.images.generate({ prompt: 'in its own time', quality: 'high' });
    expect(reply.data).toHaveLength(1);
    expect(network.seen[0]).toEqual({ status: 504, retryAfter: '5', shouldRetry: 'true' });
    expect(network.seen.at(-1)?.status).toBe(200);
    expect(gateway.simulator.calls).toHaveLength(before + 1);
  });

  test('a picture that was given up is a 504 that is not asked for again', async () => {
    gateway.simulator.rule({ fault: 'slow-headers' });
    const { error, seen, upstreamCalls } = await failure(gateway, { prompt: 'for ever', google: { image_size: '4K' } });
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 504, code: 'upstream_timeout' });
    expect(seen.at(-1)).toEqual({ status: 504, retryAfter: null, shouldRetry: 'false' });
    expect(upstreamCalls).toBe(1);
  });

  test('only-if-cached on a miss is a 504 of ours, not_cached, and nothing is drawn', async () => {
    const { error, seen, upstreamCalls } = await failure(
      gateway,
      { prompt: 'x', seed: 1 },
      { headers: { 'cache-control': 'only-if-cached' } },
    );
    expect(error).toMatchObject({ status: 504, code: 'not_cached' });
    expect(seen).toEqual([{ status: 504, retryAfter: null, shouldRetry: 'false' }]);
    expect(upstreamCalls).toBe(0);
  });
});
