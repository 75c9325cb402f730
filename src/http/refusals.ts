import type { FastifyRequest } from 'fastify';
import type { Dialect, Route } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import { allowedMethod, meantPath, MODEL_PATHS, splitUrl, unservedPath } from './paths.ts';

// What is refused before any handler has had a look at it.

/** A path nobody serves, one that only this version does not, or one that is served by another method. */
export function notServed(
  request: FastifyRequest,
  { dialects, publicUrl }: { readonly dialects: readonly Dialect[]; readonly publicUrl: () => string },
): GatewayError {
  const refused = notAllowed(request, dialects);
  if (refused !== null) return refused;
  const { path } = splitUrl(request.url);
  const unserved = unservedPath(path);
  if (unserved !== null) {
    const message = `This version does not serve ${unserved}. It serves ${servedPaths(dialects)}.`;
    return new GatewayError('invalid_request', message, { status: 404, code: 'not_served' });
  }
  const base = publicUrl();
  const meant = meantPath(path, dialects);
  const hint = `OpenAI SDKs take the base URL ${base}/v1, Gemini and Claude SDKs ${base}.`;
  const message = `There is nothing at this path. ${meant === null ? '' : `Did you mean ${base}${meant}? `}${hint}`;
  return new GatewayError('invalid_request', message, { status: 404, code: 'unknown_path' });
}

function servedPaths(dialects: readonly Dialect[]): string {
  const posted = dialects.flatMap(({ routes }) => routes.filter(({ isUsual }) => isUsual).map(({ path }) => path));
  return [...posted.toSorted().map((path) => `POST ${path}`), `GET ${MODEL_PATHS[0]}`].join(', ');
}

/** Of each path of pictures the one spelling that its vendor documents. */
export function drawnPaths(dialects: readonly Dialect[]): readonly string[] {
  const isDrawn = ({ isUsual, renderCount }: Route): boolean => isUsual && renderCount === undefined;
  return dialects.flatMap(({ routes }) => routes.filter(isDrawn).map(({ path }) => path)).toSorted();
}

/** The refusal of a path that is known with another method; null where the method is not the trouble. */
export function notAllowed(request: FastifyRequest, dialects: readonly Dialect[]): GatewayError | null {
  const allow = allowedMethod(splitUrl(request.url).path, dialects);
  if (allow === null || allow.split(', ').includes(request.method)) return null;
  return new GatewayError('invalid_request', `${request.method} is not served here. Allowed: ${allow}.`, {
    status: 405,
    code: 'method_not_allowed',
    headers: { allow },
  });
}

export function shuttingDown(): GatewayError {
  return new GatewayError('unavailable', 'This instance is shutting down. Send the request again.', {
    retryAfterSeconds: 1,
    code: 'shutting_down',
  });
}

/** Fastify's own refusals; what is none of them is given back as it is. */
export function frameworkError(error: unknown): unknown {
  const known = Object.entries(FRAMEWORK_ERRORS).find(
    ([code]) => error instanceof Error && 'code' in error && error.code === code,
  )?.[1];
  if (known === undefined) return error;
  const [status, code, message] = known;
  return new GatewayError('invalid_request', message, { status, code }, error);
}

/** https://fastify.dev/docs/latest/Reference/Errors/ */
const FRAMEWORK_ERRORS = {
  FST_ERR_BAD_URL: [400, 'bad_path', 'The request line cannot be read: its path is not properly encoded.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    415,
    'unsupported_media_type',
    'The Content-Type header is malformed: send "application/json".',
  ],
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: [404, 'unknown_path', 'There is nothing at this path for this method.'],
} as const satisfies Record<string, readonly [number, string, string]>;
