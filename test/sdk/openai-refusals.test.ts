import { setTimeout } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';
import { failure } from './openai.ts';
import type { Params } from './openai.ts';

const POOR_KEY = 'sk-test-poor';
const THRIFTY_KEY = 'sk-test-thrifty';
const FLASH_KEY = 'sk-test-flash';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      bounds: { bodyBytes: 100_000 },
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
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
    ['a drawing of lines', { prompt: 'x', output_format: 'svg' }, 'output_format', 'invalid_value'],
  ])('%s is a BadRequestError that names the field', async (_, params, param, code) => {
    const { error, seen, upstreamCalls } = await failure(gateway, params as unknown as Params);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, param, code, type: 'invalid_request_error' });
    expect(error.message).toContain(param.split('.').at(-1));
    expect(error.requestID).toMatch(/^req_[0-9a-f]{32}$/);
    expect(seen).toEqual([{ status: 400, retryAfter: null, shouldRetry: 'false' }]);
    expect(upstreamCalls).toBe(0);
  });

  test('a mistake in a stream is a BadRequestError, not a stream that breaks', async () => {
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
    const asked = client.images.generate({ prompt: 'x', stream: true, partial_images: 2, response_format: 'url' });
    await expect(asked).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(asked).rejects.toMatchObject({ param: 'response_format', code: 'unsupported_value' });
  });

  test.each(['sk-wrong', ' '])('the key "%s" is an AuthenticationError', async (apiKey) => {
    const { error, seen } = await failure(gateway, { prompt: 'x' }, { apiKey });
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'invalid_request_error' });
    expect(seen).toHaveLength(1);
  });

  test('a model the tenant has not is a PermissionDeniedError that says which it has', async () => {
    const { error, seen } = await failure(gateway, { prompt: 'x', model: 'gemini-3-pro-image' }, { apiKey: FLASH_KEY });
    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError);
    expect(error).toMatchObject({ status: 403, code: 'model_not_allowed', param: 'model' });
    expect(error.message).toContain('gemini-3.1-flash-image');
    expect(seen).toHaveLength(1);
  });

  test('an unknown model is a NotFoundError with the nearest names', async () => {
    const { error, seen } = await failure(gateway, { prompt: 'x', model: 'gemini-3.1-flash-imag' });
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    expect(error.message).toContain('gemini-3.1-flash-image');
    expect(seen).toHaveLength(1);
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
    await expect(client.models.retrieve('dall-f-3')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  test('what is not served yet is a NotFoundError and no riddle', async () => {
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
    const calls: Readonly<Record<string, () => PromiseLike<unknown>>> = {
      '/v1/responses/resp_1': () => client.responses.retrieve('resp_1'),
      '/v1/batches': () => client.batches.list(),
    };
    for (const [path, call] of Object.entries(calls)) {
      const error: unknown = await Promise.resolve(call()).catch((error: unknown) => error);
      expect(error, path).toBeInstanceOf(OpenAI.NotFoundError);
      expect(error).toMatchObject({ code: 'not_served', type: 'invalid_request_error' });
      expect(error).toMatchObject({
        message: expect.stringContaining(`does not serve ${path}. It serves POST /api/v1/images`),
      });
    }
  });

  test('a body over the limit is an APIError of status 413', async () => {
    const { error, seen } = await failure(gateway, { prompt: 'x', user: 'u'.repeat(200_000) });
    expect(error).toMatchObject({ status: 413, code: 'request_too_large', type: 'invalid_request_error' });
    expect(seen).toHaveLength(1);
  });

  test.each([
    [415, 'POST', { 'content-type': 'text/plain' }, 'unsupported_media_type'],
    [415, 'POST', { 'content-type': 'application/x-www-form-urlencoded' }, 'unsupported_media_type'],
    [415, 'POST', { 'content-type': 'application/json', 'content-encoding': 'gzip' }, 'unsupported_media_type'],
    [405, 'PUT', { 'content-type': 'application/json' }, 'method_not_allowed'],
  ])('what no SDK sends is a %i all the same: %s with %j', async (status, method, headers, code) => {
    const request: RequestInit = {
      method,
      headers: { authorization: `Bearer ${KEY}`, ...headers },
      body: '{"prompt":"x"}',
    };
    const reply = await fetch(`${gateway.url}/v1/images/generations`, request);
    expect(reply.status).toBe(status);
    expect((await bodyOf<OpenAIError>(reply)).error).toMatchObject({ type: 'invalid_request_error', code });
  });
});

describe('money', () => {
  test('an exhausted budget is a RateLimitError, insufficient_quota, and is not asked again', async () => {
    const { error, seen, upstreamCalls } = await failure(gateway, { prompt: 'x' }, { apiKey: POOR_KEY });
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'insufficient_quota', type: 'insufficient_quota' });
    expect(error.message).toContain('$0.01');
    expect(seen).toEqual([{ status: 429, retryAfter: null, shouldRetry: 'false' }]);
    expect(upstreamCalls).toBe(0);
  });

  test('a budget that others only hold is a RateLimitError, rate_limit_exceeded, and may be asked again', async () => {
    gateway.simulator.rule({ fault: 'slow', delayMs: 1000, promptContains: 'holds the money' });
    const client = new OpenAI({ apiKey: THRIFTY_KEY, baseURL: `${gateway.url}/v1` });
    const first = client.images.generate({ prompt: 'holds the money' }).asResponse();
    const before = gateway.simulator.calls.length;
    while (gateway.simulator.calls.length === before) await setTimeout(5);
    const { error, seen } = await failure(gateway, { prompt: 'wants some too' }, { apiKey: THRIFTY_KEY });
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ code: 'rate_limit_exceeded', type: 'rate_limit_error' });
    const refused = { status: 429, retryAfter: '5', shouldRetry: 'true' };
    expect(seen).toEqual([refused, refused, refused]);
    expect((await first).status).toBe(200);
  });
});
