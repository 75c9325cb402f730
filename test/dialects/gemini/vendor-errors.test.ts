import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gemini } from '../../../src/dialects/gemini/dialect.ts';
import type { Json, JsonObject } from '../../../src/wire/json.ts';
import { geminiCall } from '../draws.ts';

const parseError = (status: number, words: Json, retryAfter?: string | null) =>
  gemini.parseError(status, words, retryAfter);
const google = (code: number, status: string, message: string, ...details: JsonObject[]): JsonObject => ({
  error: { code, message, status, ...(details.length > 0 && { details }) },
});
const rpc = (type: string, rest: JsonObject): JsonObject => ({
  '@type': `type.googleapis.com/google.rpc.${type}`,
  ...rest,
});
const quota = (quotaId: string, quotaValue: string): JsonObject =>
  rpc('QuotaFailure', { violations: [{ quotaId, quotaValue }] });
const wait = (retryDelay: string): JsonObject => rpc('RetryInfo', { retryDelay });
const reseller = (message: string, type: string, code: Json): JsonObject => ({ error: { message, type, code } });

describe('about the request', () => {
  test.each([
    google(
      400,
      'INVALID_ARGUMENT',
      'Image part is missing a thought_signature in content position 2, part position 1.',
    ),
    google(
      400,
      'INVALID_ARGUMENT',
      `Invalid JSON payload received. Unknown name "api key" at 'generation_config': Cannot find field.`,
    ),
    google(
      400,
      'INVALID_ARGUMENT',
      `Invalid value at 'safety_settings[0].category' (type.googleapis.com/HarmCategory), "API key"`,
    ),
    google(400, 'FAILED_PRECONDITION', 'The File abc is not in an ACTIVE state and usage is not allowed.'),
  ])('a 400 is the caller’s, in the vendor’s words: %j', (words) => {
    const error = parseError(400, words);
    expect(error).toMatchObject({
      failure: 'invalid_request',
      status: 400,
      message: (words.error as JsonObject).message,
    });
    expect(gemini.renderError(error, geminiCall)).toEqual({ status: 400, body: words });
  });

  test('an envelope in a list of one is unwrapped', () => {
    const words = google(400, 'INVALID_ARGUMENT', 'Bad.');
    expect(gemini.renderError(parseError(400, [words]), geminiCall)).toEqual({ status: 400, body: words });
  });

  test('a reseller’s 400 has its message, and our envelope', () => {
    const error = parseError(400, reseller('size is wrong', 'invalid_request_error', 'bad_size'));
    expect(error).toMatchObject({ failure: 'invalid_request', message: 'size is wrong' });
    expect(gemini.renderError(error, geminiCall).body).toMatchObject({
      error: { code: 400, status: 'INVALID_ARGUMENT', message: 'size is wrong' },
    });
  });

  test('a file that is not the caller’s is the caller’s affair', () => {
    const words = google(
      403,
      'PERMISSION_DENIED',
      'You do not have permission to access the File abc or it may not exist.',
    );
    expect(parseError(403, words)).toMatchObject({ failure: 'invalid_request' });
    expect(gemini.renderError(parseError(403, words), geminiCall)).toEqual({ status: 403, body: words });
  });

  test('413 and 422', () => {
    expect(parseError(413, '<html>too large</html>')).toMatchObject({ failure: 'too_large', status: 413 });
    expect(parseError(422, { detail: 'bad' })).toMatchObject({ failure: 'invalid_request', message: 'bad' });
  });
});

describe('about us', () => {
  const secret = 'AIzaSECRET of project 1234';
  test.each([
    [
      400,
      google(400, 'INVALID_ARGUMENT', `API key not valid. ${secret}`, rpc('ErrorInfo', { reason: 'API_KEY_INVALID' })),
      'upstream_credentials',
    ],
    [400, google(400, 'INVALID_ARGUMENT', `API key expired. ${secret}`), 'upstream_credentials'],
    [400, google(400, 'FAILED_PRECONDITION', `Enable billing for ${secret}`), 'upstream_credentials'],
    [
      400,
      google(400, 'FAILED_PRECONDITION', `User location is not supported for the API use. ${secret}`),
      'upstream_location',
    ],
    [508, google(508, 'UNAVAILABLE', secret, rpc('ErrorInfo', { reason: 'REQUEST_LOOP' })), 'upstream_loop'],
    [401, google(401, 'UNAUTHENTICATED', secret), 'upstream_credentials'],
    [401, reseller(`Invalid token ${secret}`, 'new_api_error', ''), 'upstream_credentials'],
    [401, 'nonsense', 'upstream_credentials'],
    [
      403,
      google(403, 'PERMISSION_DENIED', `key ${secret} is leaked`, rpc('ErrorInfo', { reason: 'CONSUMER_INVALID' })),
      'upstream_credentials',
    ],
    [404, google(404, 'NOT_FOUND', `models/${secret} is not found for API version v1beta`), 'upstream_model'],
    [404, '<html>nginx</html>', 'upstream_model'],
    [503, reseller(`no channel for ${secret}`, 'new_api_error', 'model_not_found'), 'upstream_model'],
  ])('%i is unavailable, in our own words: %j', (status, words, code) => {
    const error = parseError(status, words);
    expect(error).toMatchObject({ failure: 'unavailable', status: 503, detail: { code, retryAfterSeconds: 60 } });
    expect(error.detail.vendor).toBeUndefined();
    expect(JSON.stringify([error.message, gemini.renderError(error, geminiCall)])).not.toMatch(
      /SECRET|1234|leaked|nginx/,
    );
  });
});

describe('trouble', () => {
  const rate = 'GenerateRequestsPerMinutePerProjectPerModel';
  test.each([
    [
      429,
      google(429, 'RESOURCE_EXHAUSTED', 'slow', quota(rate, '10'), wait('57.238747106s')),
      null,
      'upstream_busy',
      58,
    ],
    [429, google(429, 'RESOURCE_EXHAUSTED', 'slow'), '12', 'upstream_busy', 12],
    [
      429,
      google(429, 'RESOURCE_EXHAUSTED', 'slow', wait('soon')),
      'Wed, 21 Oct 2026 07:28:00 GMT',
      'upstream_busy',
      undefined,
    ],
    [429, reseller('rate', 'rate_limit_error', 'rate_limit_exceeded'), '0', 'upstream_busy', 1],
    [429, null, null, 'upstream_busy', undefined],
    [
      429,
      google(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded, limit: 0, model: x', wait('1s')),
      null,
      'upstream_quota',
      3600,
    ],
    [429, google(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded, limit: 0.5', wait('1s')), null, 'upstream_busy', 1],
    [
      429,
      google(
        429,
        'RESOURCE_EXHAUSTED',
        'x',
        quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier', '20'),
        wait('9s'),
      ),
      null,
      'upstream_quota',
      3600,
    ],
    [429, google(429, 'RESOURCE_EXHAUSTED', 'x', quota(rate, '0')), null, 'upstream_quota', 3600],
    [403, reseller('no money', 'new_api_error', 'insufficient_user_quota'), null, 'upstream_quota', 3600],
    [402, null, null, 'upstream_quota', 3600],
    [503, google(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'), '3', 'upstream_busy', 3],
    [500, google(500, 'INTERNAL', 'x'), null, 'upstream_failed', undefined],
    [502, '<html>bad gateway</html>', null, 'upstream_failed', undefined],
    [302, null, null, 'upstream_failed', undefined],
    [418, null, null, 'upstream_failed', undefined],
    [499, google(499, 'CANCELLED', 'x'), null, 'upstream_timeout', undefined],
    [504, google(504, 'DEADLINE_EXCEEDED', 'x'), null, 'upstream_timeout', undefined],
  ])('%i %j with retry-after %s is %s, to be retried after %s s', (status, words, header, failure, seconds) => {
    const error = parseError(status, words, header);
    expect(error.failure).toBe(failure);
    expect(error.detail.retryAfterSeconds).toBe(seconds);
  });

  test('only what cannot have cost money may be retried', () => {
    expect(parseError(500, google(500, 'INTERNAL', 'x')).detail.retry).toBe(true);
    expect(parseError(502, '<html/>').detail.retry).toBe(false);
    expect(parseError(302, null).detail.retry).toBe(false);
    expect(parseError(504, null).detail.retry).toBe(false);
    expect(parseError(402, null).detail.retry).toBe(false);
  });

  const page = '<html>bad gateway</html>';
  test.each<[number, Json, boolean]>([
    [502, page, true],
    [500, null, true],
    [504, page, true],
    [504, google(504, 'DEADLINE_EXCEEDED', 'x'), true],
    [499, google(499, 'CANCELLED', 'x'), true],
    [408, null, true],
    [520, page, true],
    [522, page, true],
    [524, page, true],
    [204, null, true],
    [500, google(500, 'INTERNAL', 'x'), false],
    [502, reseller('no', 'new_api_error', 'bad_response'), false],
    [503, page, false],
    [529, page, false],
    [501, page, false],
    [521, page, false],
    [523, page, false],
    [302, null, false],
    [403, page, false],
    [404, page, false],
    [429, page, false],
    [418, page, false],
  ])('%i %j may have cost something: %s', (status, words, mayHaveCost) => {
    expect(parseError(status, words).detail.mayHaveCost === true).toBe(mayHaveCost);
  });

  test('no SDK is told to ask again for what may have cost something, whatever came', () => {
    const statuses = fc.integer({ min: 201, max: 599 });
    const words = fc.constantFrom<Json>(null, page, {}, google(500, 'INTERNAL', 'x'), reseller('x', 'y', 'z'), [null]);
    fc.assert(
      fc.property(statuses, words, (status, said) => {
        const { detail } = parseError(status, said);
        if (detail.mayHaveCost === true) expect(detail.retry).toBe(false);
        // A page of nobody's that is no refusal is never taken for one.
        const isPage = said === null || said === page;
        if (isPage && status >= 500 && detail.mayHaveCost !== true)
          expect([501, 503, 505, 511, 521, 523, 525, 526, 529, 530]).toContain(status);
      }),
      { numRuns: 2_000 },
    );
  });

  test('capacity of a model is told from the rate of a key', () => {
    const capacity = google(429, 'RESOURCE_EXHAUSTED', 'x', rpc('ErrorInfo', { reason: 'MODEL_CAPACITY_EXHAUSTED' }));
    expect(parseError(429, capacity).detail.code).toBe('upstream_capacity');
    expect(parseError(429, google(429, 'RESOURCE_EXHAUSTED', 'x')).detail.code).toBe('upstream_busy');
  });

  test('a native caller reads the vendor’s own 5xx, but never of our quota', () => {
    const overloaded = google(503, 'UNAVAILABLE', 'The model is overloaded.');
    expect(gemini.renderError(parseError(503, overloaded), geminiCall)).toEqual({ status: 503, body: overloaded });
    const error = parseError(429, google(429, 'RESOURCE_EXHAUSTED', 'project 1234', wait('5s')));
    const rendered = gemini.renderError(error, geminiCall);
    expect(rendered).toMatchObject({ status: 503, body: { error: { code: 503, status: 'UNAVAILABLE' } } });
    expect(JSON.stringify(rendered)).toContain('"retryDelay":"5s"');
    expect(JSON.stringify(rendered)).not.toContain('1234');
  });

  test.each([
    [],
    [[]],
    7,
    true,
    {},
    { error: null },
    { error: [] },
    { error: 'no' },
    { error: { message: {}, details: 'x' } },
  ])('whatever the body is, it is an error: %j', (words) => {
    expect(parseError(500, words as Json).failure).toBe('upstream_failed');
  });
});
