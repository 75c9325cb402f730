import { describe, expect, test } from 'vitest';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import { openaiImages } from '../../src/dialects/openai-images/dialect.ts';
import { FAILURE_STATUS, GatewayError } from '../../src/errors.ts';
import type { Failure } from '../../src/errors.ts';
import { flash, geminiCall, imagesCall } from './draws.ts';

/** The design's table: status, OpenAI's type and code, Google's status. */
const TABLE = {
  blocked_prompt: [400, 'image_generation_user_error', 'moderation_blocked', 'INVALID_ARGUMENT'],
  blocked_output: [400, 'image_generation_user_error', 'moderation_blocked', 'INVALID_ARGUMENT'],
  no_image: [422, 'image_generation_user_error', 'no_image', 'INVALID_ARGUMENT'],
  invalid_request: [400, 'invalid_request_error', 'invalid_request', 'INVALID_ARGUMENT'],
  unsupported: [400, 'invalid_request_error', 'unsupported', 'INVALID_ARGUMENT'],
  unauthenticated: [401, 'invalid_request_error', 'invalid_api_key', 'UNAUTHENTICATED'],
  forbidden: [403, 'invalid_request_error', 'forbidden', 'PERMISSION_DENIED'],
  unknown_model: [404, 'invalid_request_error', 'model_not_found', 'NOT_FOUND'],
  too_large: [413, 'invalid_request_error', 'request_too_large', 'INVALID_ARGUMENT'],
  rate_limited: [429, 'rate_limit_error', 'rate_limit_exceeded', 'RESOURCE_EXHAUSTED'],
  budget_reserved: [429, 'rate_limit_error', 'rate_limit_exceeded', 'RESOURCE_EXHAUSTED'],
  budget_exhausted: [429, 'insufficient_quota', 'insufficient_quota', 'RESOURCE_EXHAUSTED'],
  not_cached: [504, 'server_error', 'not_cached', 'DEADLINE_EXCEEDED'],
  idempotency_mismatch: [422, 'invalid_request_error', 'idempotency_mismatch', 'INVALID_ARGUMENT'],
  upstream_busy: [503, 'server_error', 'upstream_busy', 'UNAVAILABLE'],
  upstream_quota: [503, 'server_error', 'upstream_quota', 'UNAVAILABLE'],
  upstream_failed: [502, 'server_error', 'upstream_failed', 'UNAVAILABLE'],
  upstream_timeout: [504, 'server_error', 'upstream_timeout', 'DEADLINE_EXCEEDED'],
  unavailable: [503, 'server_error', 'unavailable', 'UNAVAILABLE'],
  internal: [500, 'server_error', 'internal_error', 'INTERNAL'],
} as const satisfies Record<Failure, readonly [number, string, string, string]>;
const failures = Object.keys(FAILURE_STATUS) as Failure[];

test.each(failures)('%s has its envelope in both dialects', (failure) => {
  const [status, type, code, name] = TABLE[failure];
  const error = new GatewayError(failure, 'Why.');
  const images = openaiImages.renderError(error, imagesCall);
  expect(images.status).toBe(status);
  expect(images.body.error).toMatchObject({ message: 'Why.', type, param: null, code });
  const native = gemini.renderError(error, geminiCall);
  expect(native).toMatchObject({ status, body: { error: { code: status, message: 'Why.', status: name } } });
});

describe('details', () => {
  test('a field at fault and a narrower code are told', () => {
    const error = new GatewayError('unsupported', 'No.', { param: 'size', code: 'unsupported_value' });
    expect(openaiImages.renderError(error, imagesCall).body).toEqual({
      error: { message: 'No.', type: 'invalid_request_error', param: 'size', code: 'unsupported_value' },
    });
    expect(gemini.renderError(error, geminiCall).body.error).toMatchObject({
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'UNSUPPORTED_VALUE',
          domain: 'plantain',
          metadata: { requestId: 'req_1' },
        },
        {
          '@type': 'type.googleapis.com/google.rpc.BadRequest',
          fieldViolations: [{ field: 'size', description: 'No.' }],
        },
      ],
    });
  });

  test('a status of its own replaces the failure’s', () => {
    const error = new GatewayError('invalid_request', 'No such path.', { status: 404 });
    expect(openaiImages.renderError(error, imagesCall).status).toBe(404);
    expect(gemini.renderError(error, geminiCall)).toMatchObject({
      status: 404,
      body: { error: { code: 404, status: 'NOT_FOUND' } },
    });
  });

  test('a native caller is told when to come back, and of which quota', () => {
    const limited = gemini.renderError(new GatewayError('rate_limited', 'Slow.', { retryAfterSeconds: 7 }), geminiCall);
    expect(limited.body.error).toMatchObject({
      details: [{}, { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' }],
    });
    const broke = gemini.renderError(new GatewayError('budget_exhausted', 'Broke.'), geminiCall);
    expect(broke.body.error).toMatchObject({
      details: [{}, { '@type': 'type.googleapis.com/google.rpc.QuotaFailure' }],
    });
  });

  test('where the vendor spoke, a native caller gets its words and an OpenAI caller the message', () => {
    const words = { candidates: [{ content: {}, finishReason: 'IMAGE_SAFETY', finishMessage: 'Unable.' }] };
    const error = new GatewayError('blocked_output', 'Unable.', { vendor: { status: 200, words } });
    expect(gemini.renderError(error, geminiCall)).toEqual({ status: 200, body: words });
    expect(openaiImages.renderError(error, imagesCall)).toEqual({
      status: 400,
      body: {
        error: {
          message: 'Unable.',
          type: 'image_generation_user_error',
          param: null,
          code: 'moderation_blocked',
          moderation_details: { moderation_stage: 'output', categories: [] },
        },
      },
    });
  });
});

describe('models', () => {
  test('in OpenAI’s shape', () => {
    const one = {
      id: flash.id,
      object: 'model',
      created: Date.parse(flash.released) / 1000,
      owned_by: 'google',
      shutdown_date: flash.retires,
      retired_names: [{ id: `${flash.id}-preview`, deprecation_date: '2026-05-28', shutdown_date: '2026-06-25' }],
    };
    expect(Number.isInteger(one.created)).toBe(true);
    expect(openaiImages.renderModel(flash)).toEqual(one);
    expect(openaiImages.renderModels([flash], imagesCall, new URLSearchParams())).toEqual({
      object: 'list',
      data: [one],
    });
  });

  test('in Google’s shape', () => {
    const one = gemini.renderModel(flash);
    expect(one).toMatchObject({
      name: `models/${flash.id}`,
      displayName: flash.displayName,
      inputTokenLimit: flash.inputTokenLimit,
      outputTokenLimit: flash.outputTokenLimit,
      supportedGenerationMethods: ['generateContent', 'countTokens'],
    });
    expect(gemini.renderModels([flash], geminiCall, new URLSearchParams())).toEqual({ models: [one] });
  });
});
