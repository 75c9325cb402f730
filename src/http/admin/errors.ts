import { GatewayError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { SettingsError } from '../../tenants/settings.ts';

/** What every refusal of the admin API looks like. */
export interface AdminError {
  /** A machine word: `not_found`, `configured`, `invalid_settings`, … */
  readonly code: string;
  /** What is wrong, and what to do. */
  readonly message: string;
  /** The first field at fault, `budgets[0].limitUsd`; null where it is none. */
  readonly field: string | null;
  /** All that is wrong with settings, by field. */
  readonly mistakes: readonly { readonly field: string; readonly message: string }[];
  readonly requestId: string;
}

export interface ErrorReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly error: AdminError };
}

/** A fault of our own is logged here and told to nobody. */
export function errorReply(error: unknown, requestId: string, log: Log): ErrorReply {
  const failure = asGatewayError(error, requestId, log);
  const { detail, status, message } = failure;
  const mistakes = failure instanceof SettingsError ? failure.mistakes : [];
  return {
    status,
    headers: {
      ...(detail.retryAfterSeconds !== undefined && { 'retry-after': String(Math.ceil(detail.retryAfterSeconds)) }),
      ...detail.headers,
    },
    body: {
      error: {
        code: detail.code ?? failure.failure,
        message,
        field: detail.param ?? null,
        mistakes: mistakes.map(({ path, message: words }) => ({ field: path, message: words })),
        requestId,
      },
    },
  };
}

function asGatewayError(error: unknown, requestId: string, log: Log): GatewayError {
  if (error instanceof GatewayError) return error;
  const known = Object.entries(FRAMEWORK_ERRORS).find(
    ([code]) => error instanceof Error && 'code' in error && error.code === code,
  )?.[1];
  if (known !== undefined) {
    const [status, code, message] = known;
    return new GatewayError('invalid_request', message, { status, code }, error);
  }
  log.fault('admin: a call failed by a fault of our own', error, { requestId });
  return new GatewayError(
    'internal',
    `Something went wrong inside the gateway: its log says what, under ${requestId}.`,
  );
}

/** https://fastify.dev/docs/latest/Reference/Errors/ */
const FRAMEWORK_ERRORS = {
  FST_ERR_BAD_URL: [400, 'bad_path', 'The path is not properly encoded.'],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body_too_large', 'The body is too large: at most 64 KiB are read.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'bad_request', 'The body is not as long as its Content-Length says.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    415,
    'unsupported_media_type',
    'Send JSON, with the header "Content-Type: application/json".',
  ],
} as const satisfies Record<string, readonly [number, string, string]>;

/** For what never became a request. */
export function rawRefusal(): string {
  const error = {
    code: 'bad_request',
    message: 'This is not a valid HTTP request.',
    field: null,
    mistakes: [],
    requestId: '',
  };
  const body = JSON.stringify({ error } satisfies ErrorReply['body']);
  return [
    'HTTP/1.1 400 Bad Request',
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
