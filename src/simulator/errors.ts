/** The vendor's error envelope: https://cloud.google.com/apis/design/errors */
export interface ErrorDetail {
  readonly '@type': string;
  readonly [field: string]: unknown;
}

const HTTP_STATUS = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
} as const;

export type RpcStatus = keyof typeof HTTP_STATUS;

/** An error in the vendor's own words. */
export class VendorError extends Error {
  readonly rpcStatus: RpcStatus;
  readonly status: number;
  readonly details: readonly ErrorDetail[];

  constructor(rpcStatus: RpcStatus, message: string, details: readonly ErrorDetail[] = []) {
    super(message);
    this.name = 'VendorError';
    this.rpcStatus = rpcStatus;
    this.status = HTTP_STATUS[rpcStatus];
    this.details = details;
  }

  get body(): Record<string, unknown> {
    const { status, message, rpcStatus, details } = this;
    return { error: { code: status, message, status: rpcStatus, ...(details.length > 0 ? { details } : {}) } };
  }
}

/** What is wrong with one field; `field` is empty at the root. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export function invalidArgument(message = 'Request contains an invalid argument.'): VendorError {
  return new VendorError('INVALID_ARGUMENT', message);
}

/** The proto3 JSON parser's refusal: every violation, a line each. */
export function badRequest(violations: readonly FieldViolation[]): VendorError {
  const fieldViolations = violations.map(({ field, description }) =>
    field ? { field, description } : { description },
  );
  return new VendorError('INVALID_ARGUMENT', violations.map(({ description }) => description).join('\n'), [
    { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations },
  ]);
}

export function errorInfo(reason: string, metadata: Record<string, string> = {}): ErrorDetail {
  return {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason,
    domain: 'googleapis.com',
    metadata: { service: 'generativelanguage.googleapis.com', ...metadata },
  };
}

export function invalidKey(): VendorError {
  const message = 'API key not valid. Please pass a valid API key.';
  return new VendorError('INVALID_ARGUMENT', message, [
    errorInfo('API_KEY_INVALID'),
    { '@type': 'type.googleapis.com/google.rpc.LocalizedMessage', locale: 'en-US', message },
  ]);
}

export function invalidToken(): VendorError {
  return new VendorError(
    'UNAUTHENTICATED',
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid ' +
      'authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.',
    [errorInfo('ACCESS_TOKEN_TYPE_UNSUPPORTED')],
  );
}

export function missingKey(): VendorError {
  return new VendorError(
    'PERMISSION_DENIED',
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other " +
      'form of API consumer identity to call this API.',
  );
}

export function unknownModel(name: string, version: string, method: string): VendorError {
  return new VendorError(
    'NOT_FOUND',
    `models/${name} is not found for API version ${version}, or is not supported for ${method}. ` +
      'Call ListModels to see the list of available models and their supported methods.',
  );
}
