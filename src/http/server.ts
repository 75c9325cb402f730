import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Dialect } from '../dialects/dialect.ts';
import type { GatewayParts } from '../gateway.ts';
import type { Tasks } from '../tasks/tasks.ts';
import type { KeyRing } from '../tenants/authenticate.ts';
import type { BodySource } from './body.ts';
import type { ByteBudget } from './byte-budget.ts';
import { registerCapabilities } from './capabilities.ts';
import { trackConnections } from './connections.ts';
import { createCors } from './cors.ts';
import { countHandler } from './count.ts';
import { newFacts, runExchange } from './exchange.ts';
import type { Answered, Facts } from './exchange.ts';
import { registerHealth } from './operations.ts';
import type { Health } from './operations.ts';
import { allowedMethod, dialectOf, splitUrl } from './paths.ts';
import { limitRequests } from './rate-limit.ts';
import type { LimitParts } from './rate-limit.ts';
import { checkHost, frameworkError, notAllowed, notServed, shuttingDown } from './refusals.ts';
import type { StreamPace } from './stream.ts';
import { registerFiles } from './files.ts';
import type { FileRouteParts } from './files.ts';
import { registerLinks } from './links.ts';
import { registerQuote } from './quote.ts';
import { registerRoutes } from './routes.ts';
import { registerTasks } from './tasks.ts';
import type { Mount } from './routes.ts';
import { registerUploads } from './uploads.ts';

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
  /** Of the web pages that may call; `*`: all of them. */
  readonly corsOrigins: readonly string[];
  readonly budget: ByteBudget;
  readonly bodyBytes: number;
  /** The most connections at one time. */
  readonly connections: number;
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
  /** Aborted when the process is to end: what is in the air is finished, and nothing new begun. */
  readonly closing: AbortSignal;
}

/** A request's headers must arrive within this time, all of it within the next. */
const HEADERS_MS = 15_000;
const REQUEST_MS = 300_000;

/** Answers one exchange. */
export type Handler = (request: FastifyRequest, facts: Facts, source: BodySource) => Promise<Answered>;

/** The API port. Fastify finds the route; from there every exchange is ours, so that all failures have one shape. */
export function createServer(parts: ServerParts): FastifyInstance {
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
      void exchange(request, reply, 'unmatched', null, () => Promise.reject(frameworkError(error)));
    },
    clientErrorHandler: (error, socket) => connections.breakOff(socket, error),
  });
  // Bodies are read by the handlers, after the key was checked, and never by the framework.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const connections = trackConnections(app.server);
  // Descriptors are for work that has begun: a connection above is closed before anything is read of it.
  app.server.maxConnections = parts.connections;
  app.server.on('drop', () => metrics.dropped());
  const cors = createCors(parts.corsOrigins);
  const requestLimits = limitRequests(app, parts.limits);
  app.addHook('preClose', async () => connections.close());
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
    corsHeaders: cors.headers,
  };

  async function exchange(
    request: FastifyRequest,
    reply: FastifyReply,
    route: string,
    dialect: Dialect | null,
    handler: Handler,
  ): Promise<void> {
    reply.hijack();
    const { raw } = request;
    const facts = newFacts(request.id, route, request.method, now());
    const { broken, answered } = connections.serve(raw.socket);
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
      await runExchange(exchangeParts, facts, spoken, reply.raw, async () => {
        checkHost(raw);
        const source = { raw, welcome, gone: gone.signal, broken };
        return unlessClosing(parts.closing, raw, () => handler(request, facts, source));
      });
    } catch (error) {
      log.fault('a reply could not be made or sent', error, { requestId: facts.requestId });
      reply.raw.destroy();
    } finally {
      answered();
    }
  }

  registerHealth(app, parts.health);
  const mount: Mount = (route, dialect, handler) => (request, reply) =>
    exchange(request, reply, route, dialect, handler);
  const routeParts = { ...parts, requestLimits };
  registerRoutes(app, routeParts, mount, countHandler);
  registerCapabilities(app, routeParts, mount);
  registerQuote(app, routeParts, mount);
  registerTasks(app, routeParts, mount);
  registerLinks(app, routeParts, mount);
  registerFiles(app, routeParts, mount);
  registerUploads(app, routeParts, mount);

  // A browser asks before a page's request, without its key. Whoever else asks hears which methods there are.
  app.options('*', (request, reply) =>
    exchange(request, reply, 'preflight', null, async (asking, facts) => {
      const allow = allowedMethod(splitUrl(asking.url).path, parts.dialects);
      const answered = allow === null ? null : cors.preflight(asking.headers, allow, facts);
      if (answered === null) throw notServed(asking, parts);
      return answered;
    }),
  );
  app.setNotFoundHandler((request, reply) =>
    exchange(request, reply, 'unmatched', null, () => Promise.reject(notServed(request, parts))),
  );
  app.setErrorHandler((error, request, reply) =>
    exchange(request, reply, 'unmatched', null, () =>
      Promise.reject(notAllowed(request, parts.dialects) ?? frameworkError(error)),
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
