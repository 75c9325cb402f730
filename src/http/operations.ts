import fastify from 'fastify';
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import type { Metrics } from '../metrics.ts';

export interface Health {
  /** Why no traffic should come here right now; null when ready. */
  notReady(): string | null;
  /** What cannot be done though traffic may come; null when all can. */
  degraded(): string | null;
}

/** `onRequest`: who has a look at a request before. /livez speaks of the process alone; /readyz of whether it should be sent requests; /healthz is its older name. */
export function registerHealth(app: FastifyInstance, health: Health, onRequest: onRequestHookHandler[] = []): void {
  app.get('/livez', { onRequest }, (_request, reply) => reply.send({ status: 'ok' }));
  for (const path of ['/readyz', '/healthz'])
    app.get(path, { onRequest }, (_request, reply) => {
      const reason = health.notReady();
      if (reason !== null) return reply.code(503).send({ status: 'unavailable', reason });
      const degraded = health.degraded();
      return reply.send(degraded === null ? { status: 'ok' } : { status: 'degraded', reason: degraded });
    });
}

const REQUEST_MS = 30_000;

/** The operations port: metrics and health, for scrapers and probes and not for callers. */
export function createOperationsServer(metrics: Metrics, health: Health): FastifyInstance {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    requestTimeout: REQUEST_MS,
    http: { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
  });
  registerHealth(app, health);
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()));
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'Here are /metrics, /livez, /readyz and /healthz; the API is on the other port.' }),
  );
  return app;
}
