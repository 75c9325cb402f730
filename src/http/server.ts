import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { Dialect } from '../dialects/dialect.ts';
import type { GatewayParts } from '../gateway.ts';
import type { Tasks } from '../tasks/tasks.ts';
import type { KeyRing } from '../tenants/authenticate.ts';
import type { BodySource } from './body.ts';
import { boundConnections } from './bound-connections.ts';
import type { ByteBudget } from './byte-budget.ts';
import { registerCapabilities } from './capabilities.ts';
import { trackConnections } from './connections.ts';
import { createCors } from './cors.ts';
import { countHandler } from './count.ts';
import { newFacts, runExchange } from './exchange.ts';
import type { Answered, Facts } from './exchange.ts';
import { framingFault } from './framing.ts';
import { registerHealth } from './operations.ts';
import type { Health } from './operations.ts';
import { allowedMethod, dialectOf, splitUrl } from './paths.ts';
import { limitRequests } from './rate-limit.ts';
import type { LimitParts } from './rate-limit.ts';
import { frameworkError, notAllowed, notServed, shuttingDown } from './refusals.ts';
import type { StreamPace } from './stream.ts';
import { registerFiles } from './files.ts';
import type { FileRouteParts } from './files.ts';
import { registerLinks } from './links.ts';
import { registerQuote } from './quote.ts';
import { registerRoutes } from './routes.ts';
import { registerTasks } from './tasks.ts';
import type { Mount, RouteParts } from './routes.ts';
import { registerUploads } from './uploads.ts';

/**
 * Connections that may wait to be accepted, as far as the system allows (Linux: net.core.somaxconn). Of more the first packet
 * is dropped, and sent again after 1, 3, 7 and 15 s: a fleet's callers that all come at once would wait for that.
 */
export const BACKLOG = 4_096;

export interface ServerParts {
  readonly gateway: GatewayParts;
  /** In the order they are asked whether they recognise a call; the last recognises every one. */
  readonly dialects: readonly Dialect[];
  readonly keys: KeyRing;
  /** What `Prefer: respond-async` began. */
  readonly tasks: Tasks;
  readonly files: FileRouteParts;
  readonly limits: LimitParts;
  /** Addresses and CIDR ranges of the proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  /** At once; null: as many as the system gives. */
  readonly mostConnections: number | null;
  /** Of the web pages that may call; `*`: all of them. */
  readonly corsOrigins: readonly string[];
  readonly budget: ByteBudget;
  readonly bodyBytes: number;
  /** For linked pictures on their way: readers of links keep nobody else waiting. */
  readonly linkBudget: ByteBudget;
  /** For files that requests name. */
  readonly fileBudget: ByteBudget;
  /** For what is put back into requests: pictures as the vendor sent them, and their thought signatures. */
  readonly restoredBudget: ByteBudget;
  /** For pictures that requests name and the gateway fetches. */
  readonly fetchedBudget: ByteBudget;
  /** Where callers reach this gateway, without a trailing slash: for hints only. */
  readonly publicUrl: () => string;
  /** What this gateway calls itself to its upstreams: who comes with it has come round. */
  readonly via: string;
  readonly health: Health;
  /** Of answers that are told bit by bit. */
  readonly pace?: StreamPace;
  /** Aborted when the process is to end: every answer ends its connection from then on. */
  readonly closing: AbortSignal;
  /** From the closing of the server, how long those who were let in may still bring a request. 0: nothing new is begun when `closing` is aborted. */
  readonly graceMs: () => number;
}

/** A request's headers must arrive within this time, all of it within the next. */
const HEADERS_MS = 15_000;
const REQUEST_MS = 300_000;

/** Answers one exchange. */
export type Handler = (request: FastifyRequest, facts: Facts, source: BodySource) => Promise<Answered>;

/** Makes what answers one exchange, over the parts that were in force when it began: it keeps them to its end. */
export type HandlerOver = (parts: RouteParts) => Handler;

/**
 * The API port. Fastify finds the route; from there every exchange is ours, so that all failures have one shape.
 * `inForce` is asked once for each exchange. Of what it tells, `gateway` and `corsOrigins` may be others from one to the
 * next; all the rest is the server's own, and as it was first.
 */
export function createServer(inForce: () => ServerParts): FastifyInstance {
  const parts = inForce();
  const { metrics, log, now } = parts.gateway;
  const app = fastify({
    logger: false,
    trustProxy: parts.trustProxy.length > 0 && [...parts.trustProxy],
    genReqId: () => `req_${randomUUID().replaceAll('-', '')}`,
    requestTimeout: REQUEST_MS,
    http: {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1000,
      // Node would answer without a body.
      requireHostHeader: false,
    },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    frameworkErrors: (error, request, reply) => {
      void exchange(request, reply, 'unmatched', null, () => () => Promise.reject(frameworkError(error)));
    },
    clientErrorHandler: (error, socket) => connections.breakOff(socket, error),
  });
  // Bodies are read by the handlers, after the key was checked, and never by the framework.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const connections = trackConnections(app.server);
  boundConnections(app.server, parts.mostConnections, parts.gateway);
  const requestLimits = limitRequests(app, parts.limits);
  const late = new AbortController();
  const isLate = (): void => late.abort();
  setMaxListeners(0, late.signal);
  const closeNow = (): void => void (parts.graceMs() === 0 && isLate());
  if (parts.closing.aborted) closeNow();
  else parts.closing.addEventListener('abort', closeNow, { once: true });
  app.addHook('preClose', async () => {
    const graceMs = parts.graceMs();
    if (graceMs === 0) connections.close();
    else await connections.closeAfter(graceMs, isLate);
  });
  // Who asks before sending its body is told to go ahead by the handler that wants it; any other expectation is passed over.
  const asking = new WeakSet<IncomingMessage>();
  app.server.on('checkContinue', (request, response) => {
    asking.add(request);
    app.server.emit('request', request, response);
  });
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));

  const exchangeParts = {
    metrics,
    log,
    draining: () => parts.closing.aborted,
    limitHeaders: requestLimits.headers,
  };
  const over = (now: ServerParts) => ({ now, routes: { ...now, requestLimits, cors: createCors(now.corsOrigins) } });
  let latest = over(parts);
  /** What an exchange that begins now is given. */
  function begin(): RouteParts {
    const now = inForce();
    if (now !== latest.now) latest = over(now);
    return latest.routes;
  }

  async function exchange(
    request: FastifyRequest,
    reply: FastifyReply,
    route: string,
    dialect: Dialect | null,
    make: HandlerOver,
  ): Promise<void> {
    reply.hijack();
    const routes = begin();
    const { raw } = request;
    const facts = newFacts(request.id, route, request.method, now());
    const { broken, answered, fault } = connections.serve(raw.socket, framingFault(raw));
    const gone = new AbortController();
    // `request.signal` is aborted in every POST with a body; the response's own close is the truth.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort();
    });
    const welcome = (): void => {
      if (asking.has(raw)) reply.raw.writeContinue();
    };
    const spoken = dialect ?? dialectOf({ ...splitUrl(request.url), headers: request.headers }, parts.dialects);
    try {
      await runExchange({ ...exchangeParts, corsHeaders: routes.cors.headers }, facts, spoken, reply.raw, async () => {
        if (fault !== null) throw fault;
        const source = { raw, welcome, gone: gone.signal, broken };
        return unlessClosing(late.signal, raw, () => make(routes)(request, facts, source));
      });
    } catch (error) {
      log.fault('a reply could not be made or sent', error, { requestId: facts.requestId });
      reply.raw.destroy();
    } finally {
      answered();
    }
  }

  const plain: onRequestHookHandler = ({ raw }, reply, done) => {
    const { fault, answered } = connections.serve(raw.socket, framingFault(raw));
    reply.raw.once('close', answered);
    if (fault === null) done();
    else
      void reply
        .code(400)
        .header('connection', 'close')
        .send({ error: { message: fault.message } });
  };
  registerHealth(app, parts.health, [plain]);
  const mount: Mount = (route, dialect, make) => (request, reply) => exchange(request, reply, route, dialect, make);
  registerRoutes(app, parts.dialects, mount, countHandler);
  registerCapabilities(app, mount);
  registerQuote(app, parts.dialects, mount);
  registerTasks(app, parts.dialects, mount);
  registerLinks(app, mount);
  registerFiles(app, parts.dialects, mount);
  registerUploads(app, parts.dialects, mount);

  // A browser asks before a page's request, without its key. Whoever else asks hears which methods there are.
  app.options('*', (request, reply) =>
    exchange(request, reply, 'preflight', null, ({ cors }) => async (asking, facts) => {
      const allow = allowedMethod(splitUrl(asking.url).path, parts.dialects);
      const answered = allow === null ? null : cors.preflight(asking.headers, allow, facts);
      if (answered === null) throw notServed(asking, parts);
      return answered;
    }),
  );
  app.setNotFoundHandler((request, reply) =>
    exchange(request, reply, 'unmatched', null, () => () => Promise.reject(notServed(request, parts))),
  );
  app.setErrorHandler((error, request, reply) =>
    exchange(
      request,
      reply,
      'unmatched',
      null,
      () => () => Promise.reject(notAllowed(request, parts.dialects) ?? frameworkError(error)),
    ),
  );
  return app;
}

/** A request that is not whole when the process is to end has cost nobody anything: another instance may have it. */
async function unlessClosing<T>(closing: AbortSignal, request: IncomingMessage, work: () => Promise<T>): Promise<T> {
  if (closing.aborted) throw shuttingDown();
  const { promise: refused, reject } = Promise.withResolvers<never>();
  const refuse = (): void => {
    if (!request.complete) reject(shuttingDown());
  };
  closing.addEventListener('abort', refuse, { once: true });
  try {
    return await Promise.race([work(), refused]);
  } finally {
    closing.removeEventListener('abort', refuse);
  }
}
