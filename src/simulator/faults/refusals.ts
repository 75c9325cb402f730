import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { errorInfo, invalidArgument, invalidKey, invalidToken, unknownModel, VendorError } from '../errors.ts';
import type { ErrorDetail } from '../errors.ts';
import { JSON_HEADERS } from '../exchange.ts';
import { errorPayload, htmlPayload, jsonPayload } from '../payload.ts';
import type { Asked } from '../request.ts';
import type { FaultSpec } from './fault.ts';

/** Where the `redirect` fault points: on the simulator itself, so that a client that follows is seen in the calls. */
export const REDIRECT_TARGET = '/simulator/redirected';

const HELP: ErrorDetail = {
  '@type': 'type.googleapis.com/google.rpc.Help',
  links: [
    { description: 'Learn more about Gemini API quotas', url: 'https://ai.google.dev/gemini-api/docs/rate-limits' },
  ],
};

function refuse(description: string, error: (asked: Asked) => VendorError): FaultSpec {
  return { description, instead: error };
}

function quota(asked: Asked, per: 'Minute' | 'Day', limit: number, retryDelay: string): VendorError {
  const metric = 'generativelanguage.googleapis.com/generate_requests_per_model';
  const quotaId = `GenerateRequestsPer${per}PerProjectPerModel`;
  const violation = { quotaMetric: metric, quotaId, quotaDimensions: { location: 'global', model: asked.name } };
  const message =
    'You exceeded your current quota, please check your plan and billing details.\n' +
    `* Quota exceeded for metric: ${metric}, limit: ${limit}, model: ${asked.name}\nPlease retry in ${retryDelay}.`;
  return new VendorError('RESOURCE_EXHAUSTED', message, [
    HELP,
    {
      '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
      violations: [{ ...violation, quotaValue: String(limit) }],
    },
    { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay },
  ]);
}

function overloaded(): VendorError {
  return new VendorError('UNAVAILABLE', 'The model is overloaded. Please try again later.');
}

/** Whole answers that are no picture: the vendor's errors, and what stands between us and the vendor. */
export const REFUSALS = {
  'rate-limit': refuse('429, too many requests a minute, RetryInfo 12 s', (asked) => quota(asked, 'Minute', 10, '12s')),
  'daily-quota': refuse('429, the quota of the day is used up; its RetryInfo means nothing', (asked) =>
    quota(asked, 'Day', 250, '27.404s'),
  ),
  'limit-zero': refuse('429, the model is not in this plan: limit 0', (asked) => quota(asked, 'Day', 0, '41s')),
  'capacity-429': refuse(
    '429, the model has no capacity left, whoever asks',
    (asked) =>
      new VendorError('RESOURCE_EXHAUSTED', 'No capacity is left for this model. Please try again later.', [
        errorInfo('MODEL_CAPACITY_EXHAUSTED', { model: asked.name }),
      ]),
  ),
  'signature-refused': refuse('400, a thought signature that is not taken any more', () =>
    invalidArgument('Thought signature is not valid.'),
  ),
  overloaded: refuse('503, the model is overloaded', overloaded),
  internal: refuse(
    '500, an internal error',
    () =>
      new VendorError(
        'INTERNAL',
        'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
      ),
  ),
  deadline: refuse(
    '504, too slow for the vendor itself',
    () => new VendorError('DEADLINE_EXCEEDED', 'Deadline expired before operation could complete.'),
  ),
  cancelled: refuse('499, cancelled', () => new VendorError('CANCELLED', 'The operation was cancelled.')),
  unauthorized: refuse('401, the credentials are not believed', invalidToken),
  'key-invalid': refuse('400, the key is not valid', invalidKey),
  forbidden: refuse(
    '403, the key was leaked',
    () => new VendorError('PERMISSION_DENIED', 'Your API key was reported as leaked. Please use another API key.'),
  ),
  'service-disabled': refuse(
    '403, the API is switched off for the project',
    () =>
      new VendorError(
        'PERMISSION_DENIED',
        'Generative Language API has not been used in project 0 before or it is disabled.',
        [errorInfo('SERVICE_DISABLED', { consumer: 'projects/0' })],
      ),
  ),
  'model-gone': refuse('404, the model was retired', (asked) => unknownModel(asked.name, 'v1beta', 'generateContent')),
  location: refuse(
    '400, not in this country',
    () => new VendorError('FAILED_PRECONDITION', 'User location is not supported for the API use.'),
  ),
  'too-large': {
    description: '413 with a page of HTML',
    instead: () =>
      htmlPayload(413, 'Error 413 (Request Entity Too Large)!!1', 'Your client issued a request that was too large.'),
  },
  'bad-gateway-html': {
    description: '502 with a page of HTML',
    instead: () => htmlPayload(502, 'Error 502 (Server Error)!!1', 'The server encountered a temporary error.'),
  },
  'error-array': {
    description: '503, the error wrapped in an array',
    instead: () => errorPayload(overloaded(), 'array'),
  },
  'error-200': {
    description: '200 with an error in it',
    instead: () => jsonPayload(200, new VendorError('INTERNAL', 'Internal error encountered.').body),
  },
  'reseller-error': {
    description: "503 in a reseller's own envelope",
    instead: () =>
      jsonPayload(503, {
        error: {
          message: 'No available channel for this model under the current group (request id: 0)',
          type: 'new_api_error',
          param: '',
          code: 'model_not_found',
        },
      }),
  },
  'empty-error': { description: '500 without a body', instead: () => ({ status: 500, headers: {}, chunks: [] }) },
  'html-200': {
    description: '200 with a page of HTML, as a captive portal sends it',
    instead: () => htmlPayload(200, 'Welcome', 'Please accept the terms of this network.'),
  },
  'empty-200': {
    description: '200 without a body',
    instead: () => ({ status: 200, headers: { ...JSON_HEADERS, 'content-length': '0' }, chunks: [] }),
  },
  'empty-204': { description: '204', instead: () => ({ status: 204, headers: {}, chunks: [] }) },
  redirect: {
    description: `302 to ${REDIRECT_TARGET}; GET /simulator/calls shows whether it was followed`,
    instead: () => ({ status: 302, headers: { location: REDIRECT_TARGET }, chunks: [] }),
  },
  'gzip-bomb': {
    description: '64 KB of gzip that unpack to 64 MB of blanks',
    instead: async () => ({
      status: 200,
      headers: { ...JSON_HEADERS, 'content-encoding': 'gzip' },
      chunks: [await promisify(gzip)(Buffer.alloc(64 << 20, ' '), { level: 9 })],
    }),
  },
} as const satisfies Record<string, FaultSpec>;
