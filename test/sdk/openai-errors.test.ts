import { setTimeout } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';
import { impatient } from './impatient.ts';

const POOR_KEY = 'sk-test-poor';
const THRIFTY_KEY = 'sk-test-thrifty';
const FLASH_KEY = 'sk-test-flash';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    // What is asked at 2K takes longer than its caller may wait, what is asked at 4K longer than anybody waits.
    upstream: {
      answerWithinMs: { '512': 20_000, '1K': 20_000, '2K': 200, '4K': 300 },
      abandonAfterMs: { '512': 30_000, '1K': 30_000, '2K': 30_000, '4K': 450 },
    },
    config: {
      bounds: { bodyBytes: 100_000 },
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }] },
        { id: 'flash', keys: [{ key: FLASH_KEY }], models: ['gemini-3.1-flash-image'] },
        { id: 'poor', keys: [{ key: POOR_KEY }], budgets: [{ limitUsd: 0.01, per: 'total' }] },
        { id: 'thrifty', keys: [{ key: THRIFTY_KEY }], budgets: [{ limitUsd: 0.08, per: 'day' }] },
      ],
    },
  });
});
afterAll(() => gateway.close());
afterEach(() => {
  gateway.simulator.clearRules();
});

type Params = OpenAI.ImageGenerateParamsNonStreaming & Readonly<Record<string, unknown>>;

/** One call through the SDK as it comes, retries and all: its error, and what was sent where on the way. */
async function failure(params: Params, { apiKey = KEY, headers = {} as Record<string, string> } = {}) {
  const network = impatient();
  const before = gateway.simulator.calls.length;
  const client = new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, fetch: network.fetch });
  const error: unknown = await client.images.generate(params, { headers }).then(
    () => new Error('a picture came'),
    (error: unknown) => error,
  );
  if (!(error instanceof OpenAI.APIError)) throw error;
  return { error, seen: network.seen, upstreamCalls: gateway.simulator.calls.length - before };
}

describe('what the caller can mend', () => {
  test.each([
    ['no prompt', {}, 'prompt', 'missing_required_parameter'],
    ['n as a word', { prompt: 'x', n: '2' }, 'n', 'invalid_value'],
    ['n of none', { prompt: 'x', n: 0 }, 'n', 'invalid_value'],
    ['n of eleven', { prompt: 'x', n: 11 }, 'n', 'invalid_value'],
    ['a size that is none', { prompt: 'x', size: 'banana' }, 'size', 'invalid_value'],
    ['a quality that is none', { prompt: 'x', quality: 'ultra' }, 'quality', 'invalid_value'],
    ['a name with a slip', { prompt: 'x', aspect_ration: '16:9' }, 'aspect_ration', 'unknown_parameter'],
    [
      'two different ratios',
      { prompt: 'x', aspect_ratio: '16:9', google: { image_config: { aspect_ratio: '1:1' } } },
      'google.image_config.aspect_ratio',
      'conflicting_parameters',
    ],
    [
      'a tier Pro has not',
      { prompt: 'x', model: 'nano-banana-pro', extra_body: { image_size: '512' } },
      'extra_body.image_size',
      'unsupported_value',
    ],
    [
      'a ratio Pro has not',
      { prompt: 'x', model: 'nano-banana-pro', aspect_ratio: '1:8' },
      'aspect_ratio',
      'unsupported_value',
    ],
    ['a transparent background', { prompt: 'x', background: 'transparent' }, 'background', 'unsupported_value'],
    ['a link', { prompt: 'x', response_format: 'url' }, 'response_format', 'unsupported_value'],
    ['a drawing of lines', { prompt: 'x', output_format: 'svg' }, 'output_format', 'invalid_value'],
  ])('%s is a BadRequestError that names the field', async (_, params, param, code) => {
    const { error, seen, upstreamCalls } = await failure(params as unknown as Params);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, param, code, type: 'invalid_request_error' });
    expect(error.message).toContain(param.split('.').at(-1));
    expect(error.requestID).toMatch(/^req_[0-9a-f]{32}$/);
    expect(seen).toEqual([{ status: 400, retryAfter: null, shouldRetry: 'false' }]);
    expect(upstreamCalls).toBe(0);
  });

  test('a stream is a BadRequestError, not a stream that breaks', async () => {
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
    const asked = client.images.generate({ prompt: 'x', stream: true, partial_images: 2 });
    await expect(asked).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(asked).rejects.toMatchObject({ param: 'stream', code: 'unsupported_value' });
  });

  test.each(['sk-wrong', ' '])('the key "%s" is an AuthenticationError', async (apiKey) => {
    const { error, seen } = await failure({ prompt: 'x' }, { apiKey });
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'invalid_request_error' });
    expect(seen).toHaveLength(1);
  });

  test('a model the tenant has not is a PermissionDeniedError that says which it has', async () => {
    const { error, seen } = await failure({ prompt: 'x', model: 'gemini-3-pro-image' }, { apiKey: FLASH_KEY });
    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError);
    expect(error).toMatchObject({ status: 403, code: 'model_not_allowed', param: 'model' });
    expect(error.message).toContain('gemini-3.1-flash-image');
    expect(seen).toHaveLength(1);
  });

  test('an unknown model is a NotFoundError with the nearest names', async () => {
    const { error, seen } = await failure({ prompt: 'x', model: 'gemini-3.1-flash-imag' });
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    expect(error.message).toContain('gemini-3.1-flash-image');
    expect(seen).toHaveLength(1);
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
    await expect(client.models.retrieve('dall-f-3')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  test('what is not served yet is a NotFoundError and no riddle', async () => {
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
    const image = await OpenAI.toFile(Buffer.from('no picture'), 'a.png', { type: 'image/png' });
    const calls: Readonly<Record<string, () => PromiseLike<unknown>>> = {
      '/v1/images/edits': () => client.images.edit({ prompt: 'x', image }),
      '/v1/images/variations': () => client.images.createVariation({ image }),
      '/v1/chat/completions': () =>
        client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'draw' }] }),
      '/v1/responses': () => client.responses.create({ model: 'm', input: 'draw' }),
      '/v1/files': () => client.files.list(),
    };
    for (const [path, call] of Object.entries(calls)) {
      const error: unknown = await Promise.resolve(call()).catch((error: unknown) => error);
      expect(error, path).toBeInstanceOf(OpenAI.NotFoundError);
      expect(error).toMatchObject({ code: 'unknown_path', type: 'invalid_request_error' });
      expect(error, 'the path asked for is no advice').toMatchObject({ message: expect.not.stringContaining(path) });
    }
  });

  test('a body over the limit is an APIError of status 413', async () => {
    const { error, seen } = await failure({ prompt: 'x', user: 'u'.repeat(200_000) });
    expect(error).toMatchObject({ status: 413, code: 'request_too_large', type: 'invalid_request_error' });
    expect(seen).toHaveLength(1);
  });

  test.each([
    [415, 'POST', { 'content-type': 'text/plain' }, 'unsupported_media_type'],
    [415, 'POST', { 'content-type': 'application/x-www-form-urlencoded' }, 'unsupported_media_type'],
    [415, 'POST', { 'content-type': 'application/json', 'content-encoding': 'gzip' }, 'unsupported_media_type'],
    [405, 'PUT', { 'content-type': 'application/json' }, 'method_not_allowed'],
  ])('what no SDK sends is a %i all the same: %s with %j', async (status, method, headers, code) => {
    const reply = await fetch(`${gateway.url}/v1/images/generations`, {
      method,
      headers: { authorization: `Bearer ${KEY}`, ...headers } as Record<string, string>,
      body: '{"prompt":"x"}',
    });
    expect(reply.status).toBe(status);
    expect((await bodyOf<OpenAIError>(reply)).error).toMatchObject({ type: 'invalid_request_error', code });
  });
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
    const { error, seen, upstreamCalls } = await failure({ prompt: 'forbidden things' });
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
      const { error, seen, upstreamCalls } = await failure({ prompt: 'nothing to see' });
      expect(error).toBeInstanceOf(OpenAI.UnprocessableEntityError);
      expect(error).toMatchObject({ status: 422, code: 'no_image', type: 'image_generation_user_error' });
      expect([seen.length, upstreamCalls]).toEqual([1, 1]);
    },
  );

  test("the model's own words are in the error", async () => {
    gateway.simulator.rule({ fault: 'no-image-text' });
    expect((await failure({ prompt: 'words' })).error.message).toContain('I would rather describe it');
  });
});

describe('money', () => {
  test('an exhausted budget is a RateLimitError, insufficient_quota, and is not asked again', async () => {
    const { error, seen, upstreamCalls } = await failure({ prompt: 'x' }, { apiKey: POOR_KEY });
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'insufficient_quota', type: 'insufficient_quota' });
    expect(error.message).toContain('$0.01');
    expect(seen).toEqual([{ status: 429, retryAfter: null, shouldRetry: 'false' }]);
    expect(upstreamCalls).toBe(0);
  });

  test('a budget that others only hold is a RateLimitError, rate_limit_exceeded, and may be asked again', async () => {
    gateway.simulator.rule({ fault: 'slow', delayMs: 600, promptContains: 'holds the money' });
    const client = new OpenAI({ apiKey: THRIFTY_KEY, baseURL: `${gateway.url}/v1` });
    const first = client.images.generate({ prompt: 'holds the money' }).asResponse();
    const before = gateway.simulator.calls.length;
    while (gateway.simulator.calls.length === before) await setTimeout(5);
    const { error, seen } = await failure({ prompt: 'wants some too' }, { apiKey: THRIFTY_KEY });
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ code: 'rate_limit_exceeded', type: 'rate_limit_error' });
    expect(seen).toEqual(Array(3).fill({ status: 429, retryAfter: '5', shouldRetry: 'true' }));
    expect((await first).status).toBe(200);
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
      const { error, seen, upstreamCalls } = await failure({ prompt: 'behind the gateway' });
      expect(error).toBeInstanceOf(OpenAI.InternalServerError);
      expect(error).toMatchObject({ status, code, type: 'server_error', param: null });
      expect(error.requestID).toMatch(/^req_/);
      expect(seen.map((one) => [one.status, one.shouldRetry])).toEqual(
        Array(calls).fill([status, String(calls !== once)]),
      );
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
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, fetch: network.fetch });
    const reply = await client.images.generate({ prompt: 'in its own time', quality: 'high' });
    expect(reply.data).toHaveLength(1);
    expect(network.seen[0]).toEqual({ status: 504, retryAfter: '5', shouldRetry: 'true' });
    expect(network.seen.at(-1)?.status).toBe(200);
    expect(gateway.simulator.calls).toHaveLength(before + 1);
  });

  test('a picture that was given up is a 504 that is not asked for again, by the one who waited for it to the end', async () => {
    gateway.simulator.rule({ fault: 'slow-headers' });
    const { error, seen, upstreamCalls } = await failure({ prompt: 'for ever', google: { image_size: '4K' } });
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 504, code: 'upstream_timeout' });
    expect(seen).toEqual([
      { status: 504, retryAfter: '5', shouldRetry: 'true' },
      { status: 504, retryAfter: null, shouldRetry: 'false' },
    ]);
    expect(upstreamCalls).toBe(1);
  });

  test('only-if-cached on a miss is a 504 of ours, not_cached, and nothing is drawn', async () => {
    const { error, seen, upstreamCalls } = await failure(
      { prompt: 'x', seed: 1 },
      { headers: { 'cache-control': 'only-if-cached' } },
    );
    expect(error).toMatchObject({ status: 504, code: 'not_cached' });
    expect(seen).toEqual([{ status: 504, retryAfter: null, shouldRetry: 'false' }]);
    expect(upstreamCalls).toBe(0);
  });
});
