import { randomUUID } from 'node:crypto';
import fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Dialect } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import type { GatewayParts } from '../gateway.ts';
import type { KeyRing } from '../tenants/authenticate.ts';
import type { ByteBudget } from './byte-budget.ts';
import { newFacts, runExchange } from './exchange.ts';
import type { Answered, Facts } from './exchange.ts';
import { registerHealth } from './operations.ts';
import type { Health } from './operations.ts';
import { allowedMethod, dialectOf, meantPath, splitUrl } from './paths.ts';
import { registerRoutes } from './routes.ts';

export interface ServerParts {
  readonly gateway: GatewayParts;
  /** In the order they are asked whether they recognise a call; the last recognises every one. */
  readonly dialects: readonly Dialect[];
  readonly keys: KeyRing;
  readonly budget: ByteBudget;
  readonly bodyBytes: number;
  /** Where callers reach this gateway, without a trailing slash: for hints only. */
  readonly publicUrl: string;
  readonly health: Health;
  readonly draining: () => boolean;
}

/** A request's headers must arrive within this time, its body within the next. */
const HEADERS_MS = 15_000;
const BODY_MS = 300_000;

/** Answers one exchange; `gone` is aborted when the caller hangs up. */
export type Handler = (request: FastifyRequest, facts: Facts, gone: AbortSignal) => Promise<Answered>;

/** The API port. Fastify finds the route; from there every exchange is ours, so that all failures have one shape. */
export function createServer(parts: ServerParts): FastifyInstance {
  const { metrics, log, now } = parts.gateway;
  const app = fastify({
    logger: false,
    genReqId: () => `req_${randomUUID().replaceAll('-', '')}`,
    requestTimeout: BODY_MS,
    http: { headersTimeout: HEADERS_MS, requestTimeout: BODY_MS, connectionsCheckingInterval: 1000 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 1024 },
    frameworkErrors: (error, request, reply) => {
      void exchange(request, reply, 'unmatched', null, () => Promise.reject(frameworkError(error)));
    },
    clientErrorHandler: answerBrokenRequest,
  });
  // Bodies are read by the handlers, after the key was checked, and never by the framework.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  async function exchange(
    request: FastifyRequest,
    reply: FastifyReply,
    route: string,
    dialect: Dialect | null,
    handler: Handler,
  ): Promise<void> {
    reply.hijack();
    const facts = newFacts(request.id, route, request.method, now());
    const gone = new AbortController();
    // `request.signal` is aborted in every POST with a body; the response's own close is the truth.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort();
    });
    const spoken = dialect ?? dialectOf({ ...splitUrl(request.url), headers: request.headers }, parts.dialects);
    const raw = { request: request.raw, response: reply.raw };
    await runExchange({ metrics, log, draining: parts.draining }, facts, spoken, raw, () => {
      if (parts.draining())
        throw new GatewayError('unavailable', 'This instance is shutting down. Send the request again.', {
          retryAfterSeconds: 1,
          code: 'shutting_down',
        });
      return handler(request, facts, gone.signal);
    });
  }

  registerHealth(app, parts.health);
  registerRoutes(
    app,
    parts,
    (route, dialect, handler) => (request, reply) => exchange(request, reply, route, dialect, handler),
  );

  app.setNotFoundHandler((request, reply) =>
    exchange(request, reply, 'unmatched', null, () => Promise.reject(notServed(request, parts))),
  );
  app.setErrorHandler((error, request, reply) =>
    exchange(request, reply, 'unmatched', null, () => Promise.reject(frameworkError(error))),
  );
  return app;
}

function notServed(request: FastifyRequest, { dialects, publicUrl }: ServerParts): GatewayError {
  const { path } = splitUrl(request.url);
  const allow = allowedMethod(path, dialects);
  if (allow !== null && allow !== request.method) {
    const message = `${request.method} is not served here. Allowed: ${allow}.`;
    return new GatewayError('invalid_request', message, {
      status: 405,
      code: 'method_not_allowed',
      headers: { allow },
    });
  }
  const meant = meantPath(path);
  const hint =
    meant === null || allowedMethod(meant, dialects) === null
      ? `OpenAI SDKs take the base URL ${publicUrl}/v1, Gemini SDKs ${publicUrl}.`
      : `Did you mean ${publicUrl}${meant}? OpenAI SDKs take the base URL ${publicUrl}/v1, Gemini SDKs ${publicUrl}.`;
  return new GatewayError('invalid_request', `There is nothing at this path. ${hint}`, {
    status: 404,
    code: 'unknown_path',
  });
}

/** Fastify's own refusals: a URL that cannot be decoded, a Content-Type that is none, a parameter beyond all measure. */
function frameworkError(error: unknown): unknown {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status === 415)
    return new GatewayError(
      'invalid_request',
      'The Content-Type header is malformed: send "application/json".',
      { status, code: 'unsupported_media_type' },
      error,
    );
  if (status === 414)
    return new GatewayError('invalid_request', 'The path is too long.', { status, code: 'path_too_long' }, error);
  if (status >= 400 && status < 500)
    return new GatewayError(
      'invalid_request',
      'The request line cannot be read: its path is not properly encoded.',
      { status: 400, code: 'bad_path' },
      error,
    );
  return error;
}

const BROKEN = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'The headers are too large: at most 16 KB are read.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request did not arrive in time.'],
} as const satisfies Record<string, readonly [number, string, string]>;

/** What never became a request has no path to tell a dialect by: the envelope both SDKs can read. */
function answerBrokenRequest(
  this: FastifyInstance,
  error: Error & { code?: string },
  socket: import('node:net').Socket,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const known = Object.entries(BROKEN).find(([code]) => code === error.code)?.[1];
  const [status, phrase, message] = known ?? [400, 'Bad Request', 'This is not a valid HTTP request.'];
  const body = JSON.stringify({
    error: { message, type: 'invalid_request_error', param: null, code: 'bad_request', status: 'INVALID_ARGUMENT' },
  });
  socket.end(
    `HTTP/1.1 ${status} ${phrase}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
