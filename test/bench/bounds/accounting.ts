import { hash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import pino from 'pino';
import { Counter, Histogram, Registry } from 'prom-client';

// What every request is owed, whatever becomes of it, by the packages that the gateway does it with.

const log = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  pino.destination({ dest: '/dev/null', sync: false }),
);
const options = { help: 'of a bound', registers: [new Registry()] };
const requests = new Counter({ ...options, name: 'requests', labelNames: ['route', 'method', 'status'] });
const seconds = new Histogram({ ...options, name: 'seconds', labelNames: ['route', 'outcome'] });
const own = new Histogram({ ...options, name: 'own', labelNames: ['outcome'] });
const bytes = new Histogram({ ...options, name: 'bytes', labelNames: ['direction'] });
const cache = new Counter({ ...options, name: 'cache', labelNames: ['tier', 'result'] });
/** Of whoever asks first. */
let known: Buffer | null = null;

/** Compares the caller's key by its digest. */
export function authenticate({ headers }: FastifyRequest): void {
  const digest = Buffer.from(hash('sha256', headers.authorization ?? ''));
  known ??= digest;
  if (!timingSafeEqual(known, digest)) throw new Error('a bench has one caller');
}

/** The same for a request in whatever order its fields stand. */
export function keyOf(asked: string): string {
  return hash('sha256', sorted(JSON.parse(asked)));
}

/** Headers, and once the answer is gone its line in the log and its counts. */
export function account(reply: FastifyReply, outcome: 'hit' | 'miss', bytesIn: number, bytesOut: number): void {
  const startedAt = performance.now();
  const requestId = `req_${randomUUID()}`;
  const route = 'generateContent';
  void reply.headers({
    'content-type': 'application/json',
    // As those that are compared do: the bench waits until all of them say so.
    'cache-status': `bound; ${outcome}`,
    'cache-control': 'private, no-store',
    'x-request-id': requestId,
    'x-model': 'a model',
    'x-cost-usd': '0',
    'x-size': '1024x1024',
    'server-timing': 'upstream;dur=0.0',
  });
  reply.raw.once('finish', () => {
    const ms = performance.now() - startedAt;
    requests.inc({ route, method: 'POST', status: 200 });
    seconds.observe({ route, outcome }, ms / 1000);
    own.observe({ outcome }, ms / 1000);
    bytes.observe({ direction: 'in' }, bytesIn);
    bytes.observe({ direction: 'out' }, bytesOut);
    cache.inc({ tier: 'memory', result: outcome });
    log.info({ requestId, route, outcome, status: 200, bytesIn, bytesOut, ms }, 'request');
  });
}

function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${sorted(field)}`).join(',')}}`;
}
