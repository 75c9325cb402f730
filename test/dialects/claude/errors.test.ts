import { expect, test } from 'vitest';
import { claude } from '../../../src/dialects/claude/dialect.ts';
import { FAILURE_STATUS, GatewayError } from '../../../src/errors.ts';
import type { Failure } from '../../../src/errors.ts';
import { flash } from '../draws.ts';
import { call } from './delivered.ts';

/** The design's table: status and Claude's type; null: it is an answer. */
const TABLE = {
  blocked_prompt: [200, null],
  blocked_output: [200, null],
  no_image: [422, 'invalid_request_error'],
  invalid_request: [400, 'invalid_request_error'],
  unsupported: [400, 'invalid_request_error'],
  unauthenticated: [401, 'authentication_error'],
  forbidden: [403, 'permission_error'],
  unknown_model: [404, 'not_found_error'],
  too_large: [413, 'request_too_large'],
  rate_limited: [429, 'rate_limit_error'],
  budget_reserved: [429, 'rate_limit_error'],
  budget_exhausted: [402, 'billing_error'],
  not_cached: [504, 'timeout_error'],
  idempotency_mismatch: [422, 'invalid_request_error'],
  upstream_busy: [529, 'overloaded_error'],
  upstream_quota: [529, 'overloaded_error'],
  upstream_failed: [502, 'api_error'],
  upstream_timeout: [504, 'timeout_error'],
  unavailable: [529, 'overloaded_error'],
  internal: [500, 'api_error'],
} as const satisfies Record<Failure, readonly [number, string | null]>;

test.each(Object.keys(FAILURE_STATUS) as Failure[])('%s has its envelope, or is a refusal', (failure) => {
  const [status, type] = TABLE[failure];
  const rendered = claude.renderError(new GatewayError(failure, 'Why.'), { ...call, model: flash.id });
  expect(rendered.status).toBe(status);
  if (type !== null)
    expect(rendered.body).toEqual({
      type: 'error',
      error: { type, message: 'Why.', details: { error_code: failure } },
      request_id: 'req_1',
    });
  else
    expect(rendered.body).toMatchObject({
      type: 'message',
      model: flash.id,
      content: [{ type: 'text', text: 'Why.' }],
      stop_reason: 'refusal',
      stop_details: null,
      usage: { input_tokens: 0, output_tokens: 0, cost: 0 },
    });
});

test('a field at fault, a narrower code and a status of its own are told', () => {
  const field = new GatewayError('unsupported', 'No.', { param: 'size', code: 'unsupported_value' });
  expect(claude.renderError(field, call).body).toMatchObject({
    error: { details: { error_code: 'unsupported_value', param: 'size' } },
  });
  const path = new GatewayError('invalid_request', 'No such path.', { status: 404, code: 'unknown_path' });
  expect(claude.renderError(path, call)).toMatchObject({ status: 404, body: { error: { type: 'not_found_error' } } });
});

test('a refusal that was paid for says what it cost', () => {
  const error = new GatewayError('blocked_output', 'No.', { costNanos: 50_000_000 });
  expect(claude.renderError(error, call).body).toMatchObject({ model: '', usage: { cost: 0.05 } });
});
