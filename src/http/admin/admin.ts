import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GatewayError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Metrics } from '../../metrics.ts';
import { readCredentials } from '../../tenants/authenticate.ts';
import { perMinute, rateLimited } from '../../tenants/limits.ts';
import type { RateCounter } from '../../tenants/rate-counter.ts';
import type { Actor } from '../../tenants/registry.ts';
import { trackConnections } from '../connections.ts';
import { framingFault } from '../framing.ts';
import { addressOf } from '../rate-limit.ts';
import { parseBody } from './body.ts';
import { errorReply, rawRefusal } from './errors.ts';
import { budgetRoutes } from './budgets.ts';
import { keyRoutes } from './keys.ts';
import { cacheRoutes } from './cache.ts';
import { correctionRoutes } from './corrections.ts';
import { ledgerRoutes } from './ledger.ts';
import type { AdminRoute, RouteParts } from './route.ts';
import { tenantRoutes } from './tenants.ts';

export interface AdminParts extends RouteParts {
  /** Of the admin key, in lower-case hex. */
  readonly keySha256: string;
  /** Calls without it, by address, and how many a minute an address may have. */
  readonly strangers: RateCounter;
  readonly strangersPerMinute: number;
  readonly trustProxy: readonly string[];
  readonly metrics: Metrics;
  readonly log: Log;
}

const REQUEST_MS = 30_000;
/** Some hundred budgets. */
const BODY_BYTES = 64 << 10;
const ACTOR_DIGITS = 8;
/** For this port only: no page of another origin may read it, and nothing on the way may keep it. */
const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

/**
 * The admin port: every call needs the admin key, which is asked for before a byte of the body is read. JSON in and out;
 * what is refused is a row of the audit trail as well as what is done.
 */
export function createAdminServer(parts: AdminParts): FastifyInstance {
  const { log, metrics } = parts;
  const app = fastify({
    logger: false,
    trustProxy: parts.trustProxy.length > 0 && [...parts.trustProxy],
    genReqId: () => `req_${randomUUID().replaceAll('-', '')}`,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    http: { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => void fail(error, request, reply),
    clientErrorHandler: (_error, socket) => void (socket.writable ? socket.end(rawRefusal()) : socket.destroy()),
  });
  const connections = trackConnections(app.server);
  app.addHook('preClose', async () => connections.close());
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, parseBody(String(text)));
    } catch (error) {
      done(error as Error);
    }
  });

  function fail(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { status, headers, body } = errorReply(error, request.id, log);
    return reply
      .code(status)
      .headers({ ...HEADERS, 'x-request-id': request.id, ...headers })
      .send(body);
  }
  app.setErrorHandler(fail);

  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...HEADERS, 'x-request-id': request.id });
    const { answered, fault } = connections.serve(request.raw.socket, framingFault(request.raw));
    reply.raw.once('close', () => {
      answered();
      metrics.admin(request.routeOptions.url ?? 'unmatched', request.method, reply.statusCode);
    });
    if (fault !== null) throw fault;
    admit(parts, request);
  });

  const routes: readonly AdminRoute[] = [
    ...tenantRoutes(parts),
    ...keyRoutes(parts),
    ...budgetRoutes(parts),
    ...ledgerRoutes(parts),
    ...correctionRoutes(parts),
    ...cacheRoutes(parts),
  ];
  const actor = `admin:${parts.keySha256.slice(0, ACTOR_DIGITS)}`;
  for (const { path, methods } of routes) {
    const allow = [...Object.keys(methods), ...('GET' in methods ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    app.all(path, async (request, reply) => {
      if (request.method === 'OPTIONS') return reply.code(204).header('allow', allow).send();
      const handler = methods[request.method === 'HEAD' ? 'GET' : (request.method as keyof typeof methods)];
      if (handler === undefined) throw notAllowed(request.method, allow);
      const who: Actor = { actor, from: whence(request), requestId: request.id };
      const {
        status = 200,
        type = 'application/json; charset=utf-8',
        body,
      } = await handler({
        id: (request.params as { readonly id?: string }).id ?? '',
        query: new URLSearchParams(request.url.split('?', 2)[1] ?? ''),
        body: request.body,
        accept: request.headers.accept ?? '',
        who,
      });
      return reply
        .code(status)
        .type(type)
        .send(typeof body === 'string' ? body : `${JSON.stringify(body)}\n`);
    });
  }
  app.setNotFoundHandler((request, reply) => fail(notThere(routes), request, reply));
  return app;
}

/** Throws GatewayError `unauthenticated`, or `rate_limited` where that was too often; the key itself always passes. */
function admit({ keySha256, strangers, strangersPerMinute, log }: AdminParts, request: FastifyRequest): void {
  const known = Buffer.from(keySha256, 'hex');
  const sent = readCredentials({ authorization: request.headers.authorization }, null);
  if (sent.some((key) => timingSafeEqual(createHash('sha256').update(key).digest(), known))) return;
  const { waitMs } = strangers.take(addressOf(request), perMinute(strangersPerMinute));
  const message =
    sent.length === 0
      ? 'The admin API needs its key: send it as "Authorization: Bearer KEY", with the value of PLANTAIN_ADMIN_KEY.'
      : 'This is not the admin key of this gateway, which is the value of its PLANTAIN_ADMIN_KEY.';
  log.warn('admin: a call without the admin key', { requestId: request.id });
  if (waitMs > 0) throw rateLimited(`Too many calls without the admin key came from this address. ${message}`, waitMs);
  throw new GatewayError('unauthenticated', message, {
    headers: { 'www-authenticate': 'Bearer realm="plantain admin"' },
  });
}

/** The whole address; what a trusted proxy says may be anything. */
function whence({ ip, raw }: FastifyRequest): string {
  return isIP(ip) === 0 ? (raw.socket.remoteAddress ?? '') : ip;
}

function notAllowed(method: string, allow: string): GatewayError {
  const message = `${method} is not served here. Allowed: ${allow}.`;
  return new GatewayError('invalid_request', message, { status: 405, code: 'method_not_allowed', headers: { allow } });
}

function notThere(routes: readonly AdminRoute[]): GatewayError {
  const paths = routes.map(({ path }) => path.replace(':id', '{id}')).join(', ');
  return new GatewayError('invalid_request', `There is nothing at this path. Here are ${paths}.`, {
    status: 404,
    code: 'unknown_path',
  });
}
