import { isIP } from 'node:net';
import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Dialect } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import type { Tenant } from '../tenants/authenticate.ts';
import { perMinute, rateLimited } from '../tenants/limits.ts';
import type { CountLimit } from '../tenants/limits.ts';
import type { RateCounter, RateTaker, Taken } from '../tenants/rate-counter.ts';
import type { Standing } from '../tenants/rate-limit.ts';
import { limitHeaders } from './limit-headers.ts';
import type { Quota } from './limit-headers.ts';

export interface LimitParts {
  /** By tenant. */
  readonly requests: RateTaker;
  /** Failed authentications, by address. */
  readonly strangers: RateCounter;
  /** How many a minute an address may have. */
  readonly strangersPerMinute: number;
  /** Pictures asked for by link, by address. */
  readonly links: RateCounter;
  readonly linksPerMinute: number;
  /** Where a tenant stands with its pictures of a minute; null where they are not limited. */
  readonly imageStanding: (tenant: Tenant) => Standing | null;
  readonly count: CountLimit;
}

export interface RequestLimits {
  /** Counts a request of a tenant, whatever its path. Rejects with GatewayError `rate_limited`. */
  admit(request: FastifyRequest, tenant: Tenant): Promise<void>;
  /** Counts a request for a picture by link, which has no tenant. Throws GatewayError `rate_limited`. */
  visit(request: FastifyRequest): void;
  /** What to tell a caller whose authentication failed: why, or `rate_limited` when that was too often. */
  refuse(request: FastifyRequest, failure: unknown): unknown;
  /** For every answer to a tenant. */
  headers(tenant: Tenant, dialect: Dialect, request: FastifyRequest['headers']): Record<string, string>;
}

/** All the callers of a provider may share a prefix; one of them has all of a /64. */
const IPV6_PREFIX = 64;

/** Who may ask how often. @fastify/rate-limit asks and decides; the counting is ours: `tenants/rate-limit.ts`. */
export function limitRequests(app: FastifyInstance, parts: LimitParts): RequestLimits {
  const asking = new WeakMap<FastifyRequest, { readonly tenant: string; readonly limit: number }>();
  void app.register(rateLimit, {
    // Not by route: a tenant has one counter, and is known only when its key was checked.
    global: false,
    store: storeOver(parts.requests),
    keyGenerator: (request) => asking.get(request)!.tenant,
    max: (request: FastifyRequest) => asking.get(request)!.limit,
    timeWindow: perMinute(1).periodMs,
  });
  let check: ReturnType<FastifyInstance['createRateLimit']>;
  app.after(() => (check = app.createRateLimit()));

  return {
    async admit(request, { id, limits }) {
      const limit = limits?.requestsPerMinute ?? null;
      if (limits === null || limit === null || limits.mode === 'off') return;
      asking.set(request, { tenant: id, limit });
      const decision = await check(request);
      if (decision.isAllowed || !decision.isExceeded) return parts.count('requests', 'allowed');
      parts.count('requests', limits.mode === 'shadow' ? 'shadow_denied' : 'denied');
      if (limits.mode === 'enforce')
        throw rateLimited(`This tenant may send ${limit} requests a minute, and has sent them.`, decision.ttl);
    },

    visit(request) {
      const { waitMs } = parts.links.take(addressOf(request), perMinute(parts.linksPerMinute));
      parts.count('links', waitMs === 0 ? 'allowed' : 'denied');
      if (waitMs === 0) return;
      const message = `This address may ask for ${parts.linksPerMinute} linked pictures a minute, and has asked for them.`;
      throw rateLimited(message, waitMs);
    },

    refuse(request, failure) {
      if (!(failure instanceof GatewayError) || !isStranger(failure)) return failure;
      const { waitMs } = parts.strangers.take(addressOf(request), perMinute(parts.strangersPerMinute));
      parts.count('failed_authentication', waitMs === 0 ? 'allowed' : 'denied');
      if (waitMs === 0) return failure;
      return rateLimited(
        `Too many requests without a good API key came from this address, and this is another: ${failure.message}`,
        waitMs,
      );
    },

    headers(tenant, dialect, request) {
      const { id, limits } = tenant;
      // Who is only watched should not be slowed down by its own SDK.
      if (limits?.mode !== 'enforce') return {};
      const quotas: Quota[] = [];
      if (limits.requestsPerMinute !== null)
        quotas.push({ unit: 'requests', ...parts.requests.standing(id, perMinute(limits.requestsPerMinute)) });
      const images = parts.imageStanding(tenant);
      if (images !== null) quotas.push({ unit: 'images', ...images });
      // The header is one that every call of Claude's SDKs has, and no other vendor's: they may be asking for another's path.
      const isClaude = dialect.name === 'claude' || request['anthropic-version'] !== undefined;
      return limitHeaders(quotas, isClaude ? { claudeAt: Date.now() } : 'openai');
    },
  };
}

/** Neither a good key nor a link that was given here. */
function isStranger({ failure, detail }: GatewayError): boolean {
  return failure === 'unauthenticated' || detail.code === 'invalid_signature';
}

/** The plugin's idea of a store: how many came in the window, and how long until there is room. */
function storeOver(counter: RateTaker): FastifyRateLimitStoreCtor {
  return class implements FastifyRateLimitStore {
    incr(...[name, told, periodMs, limit]: Parameters<FastifyRateLimitStore['incr']>): void {
      const tell = ({ waitMs, remaining, resetMs }: Taken): void =>
        told(null, waitMs > 0 ? { current: limit + 1, ttl: waitMs } : { current: limit - remaining, ttl: resetMs });
      const taken = counter.take(name, { limit, periodMs });
      if (taken instanceof Promise) taken.then(tell, (error: Error) => told(error));
      else tell(taken);
    }

    child(): this {
      return this;
    }
  };
}

/** What a trusted proxy says may be anything. */
export function addressOf({ ip, raw }: FastifyRequest): string {
  return normalizeIP(isIP(ip) === 0 ? (raw.socket.remoteAddress ?? '') : ip, IPV6_PREFIX);
}
