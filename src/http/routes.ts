import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import { readIdempotencyKey } from '../cache/idempotency.ts';
import { parseCacheControl } from '../cache/policy.ts';
import type { Call, Dialect, Route } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import { servePlanned } from '../gateway.ts';
import type { HoldMore, Incoming, Served } from '../gateway.ts';
import { planRequest } from '../gateway/plan.ts';
import { authenticate, readCredentials } from '../tenants/authenticate.ts';
import type { Caller } from '../tenants/authenticate.ts';
import { retirementOf } from '../image/retirement.ts';
import { readTags } from '../tenants/tags.ts';
import { splice } from '../wire/json.ts';
import type { JsonObject } from '../wire/json.ts';
import { pictureWish } from './accept.ts';
import { readBody, USUAL_PACE } from './body.ts';
import type { ReadBody } from './body.ts';
import type { Cors } from './cors.ts';
import { commonHeaders } from './exchange.ts';
import type { Answered, Facts } from './exchange.ts';
import { checkLater, serveLater } from './later.ts';
import { dialectOf, MODEL_PATHS, splitMethod, splitRoute, splitUrl } from './paths.ts';
import { readPatience } from './patience.ts';
import { readPrefer } from './prefer.ts';
import type { RequestLimits } from './rate-limit.ts';
import { notAllowed } from './refusals.ts';
import { renderPictures } from './served.ts';
import type { Handler, HandlerOver, ServerParts } from './server.ts';
import { serveStream } from './stream.ts';
import { refuseOwn } from './via.ts';

export type Mount = (route: string, dialect: Dialect | null, make: HandlerOver) => RouteHandlerMethod;
export type Request = Parameters<Handler>[0];

/** Makes the handler of one path of a dialect. */
export type RouteHandler = (parts: RouteParts, dialect: Dialect, route: Route) => Handler;

export interface RouteParts extends ServerParts {
  readonly requestLimits: RequestLimits;
  /** By the origins that may call. */
  readonly cors: Cors;
}

/** Every path of the API; those that only count are the last one's. Each handler checks the key first, from the headers alone, before a byte of body is read. */
export function registerRoutes(
  app: FastifyInstance,
  dialects: readonly Dialect[],
  mount: Mount,
  countHandler: RouteHandler,
): void {
  /** By the prefix before the model: the methods served there. */
  const methods = new Map<string, Map<string, { readonly dialect: Dialect; readonly make: HandlerOver }>>();
  for (const dialect of dialects) {
    for (const route of dialect.routes) {
      const handler = route.renderCount === undefined ? drawHandler : countHandler;
      const make: HandlerOver = (parts) => handler(parts, dialect, route);
      const split = splitRoute(route.path);
      if (split === null) app.post(route.path, mount(route.path, dialect, make));
      else methods.set(split.prefix, (methods.get(split.prefix) ?? new Map()).set(split.method, { dialect, make }));
    }
  }

  for (const [prefix, served] of methods)
    app.post(`${prefix}*`, (request, reply) => {
      const found = served.get(splitMethod(wildcard(request))?.method ?? '');
      const route = found === undefined ? 'unmatched' : `${prefix}{model}:${splitMethod(wildcard(request))!.method}`;
      const make = found?.make ?? (() => () => Promise.reject(unknownMethod(`${prefix}{model}`, [...served.keys()])));
      return mount(route, found?.dialect ?? null, make).call(app, request, reply);
    });

  for (const path of MODEL_PATHS) {
    app.get(path, mount(path, null, listHandler));
    app.get(`${path}/*`, mount(`${path}/{model}`, null, modelHandler));
  }
}

function drawHandler(parts: RouteParts, dialect: Dialect, route: Route): Handler {
  return async (request, facts, source) => {
    const patience = readPatience(request.headers, performance.now());
    const call = callOf(facts, splitMethod(wildcard(request))?.model ?? null, altOf(request));
    facts.listsErrors = route.listsErrors?.(call) ?? false;
    await identify(parts, request, facts, dialect);
    const wish = dialect.bare === true ? pictureWish(request.headers.accept) : null;
    const directives = parseCacheControl(request.headers['cache-control']);
    const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key']);
    const tags = readTags(request.headers['x-plantain-tags']);
    const preferences = readPrefer(request.headers['prefer']);
    // Not every dialect has tasks: a preference may be passed over.
    const later = preferences.respondAsync && dialect.tasks.length > 0;
    if (later) checkLater(directives, wish !== null);
    const limits = { bytes: parts.bodyBytes, budget: parts.budget, pace: USUAL_PACE };
    const body = await readBody(source, limits, route.fromForm ?? null);
    facts.bytesIn = body.byteLength;
    const letGo = body.retain();
    try {
      // A body may take minutes to come: what was revoked, spent or taken away meanwhile counts.
      const caller = authenticated(parts, request, dialect);
      facts.caller = caller;
      const incoming: Incoming = {
        dialect,
        route,
        call,
        caller,
        body: body.value,
        directives,
        idempotencyKey,
        tags,
        wish,
        gone: source.gone,
        patience,
        retainBody: body.retain,
        holdMore: holdMoreOf(parts, body),
        trace: facts,
        watch: null,
        follow: null,
      };
      const served = later
        ? await serveLater(parts, incoming, facts, preferences)
        : await serveNow(parts, incoming, facts);
      if ('reply' in served) return served;
      const loan = parts.gateway.regions.lend();
      const delivered = (ok: boolean): void => {
        served.delivered(ok);
        if (ok) loan.giveBack();
      };
      try {
        const reply = await renderPictures(served, dialect, call, facts, wish === null ? null : loan);
        return { reply, delivered };
      } catch (error) {
        served.delivered(false);
        throw error;
      }
    } finally {
      letGo();
    }
  };
}

/** Room beside a body, of the budget that what it is for has. */
export function holdMoreOf(
  { fileBudget, fetchedBudget, restoredBudget }: RouteParts,
  body: Pick<ReadBody, 'holdMore'>,
): HoldMore {
  const budgets = { files: fileBudget, fetched: fetchedBudget, history: restoredBudget };
  return (bytes, what) => body.holdMore(bytes, budgets[what]);
}

/** In one piece, or bit by bit for who asks for that. */
async function serveNow(parts: RouteParts, incoming: Incoming, facts: Facts): Promise<Served | Answered> {
  const planned = await planRequest(parts.gateway, incoming, 'claim');
  const { route, dialect } = incoming;
  const call = { ...incoming.call, model: planned.model.id };
  const renderEvents = route.renderEvents ?? dialect.renderEvents;
  const events = planned.request.delivery.stream === null ? undefined : renderEvents?.(planned.request, call);
  if (events === undefined) return servePlanned(parts.gateway, incoming, planned);
  return serveStream(parts, incoming, planned, facts, events);
}

function listHandler(parts: RouteParts): Handler {
  return async (request, facts) => {
    const dialect = dialectOf({ ...splitUrl(request.url), headers: request.headers }, parts.dialects);
    const caller = await identify(parts, request, facts, dialect);
    const models = parts.gateway.router.list(caller.tenant.models);
    const query = new URLSearchParams(splitUrl(request.url).query);
    return json(dialect.renderModels(models, callOf(facts, null), query), facts);
  };
}

function modelHandler(parts: RouteParts): Handler {
  return async (request, facts) => {
    const refused = notAllowed(request, parts.dialects);
    if (refused !== null) throw refused;
    const dialect = dialectOf({ ...splitUrl(request.url), headers: request.headers }, parts.dialects);
    const caller = await identify(parts, request, facts, dialect);
    const asked = wildcard(request);
    const model = parts.gateway.router.find(asked, caller.tenant.models);
    facts.retirement = retirementOf(model, asked);
    return json(dialect.renderModel(model), facts);
  };
}

/** The key may stand in the query only where the vendor's own clients put it there. Throws GatewayError `unauthenticated`. */
export function authenticated({ keys, gateway }: RouteParts, request: Request, dialect: Dialect): Caller {
  const queryKey = dialect.native ? new URLSearchParams(splitUrl(request.url).query).get('key') : null;
  return authenticate(keys, readCredentials(request.headers, queryKey), gateway.now());
}

/** Who asks, if it may ask now. */
export async function identify(parts: RouteParts, request: Request, facts: Facts, dialect: Dialect): Promise<Caller> {
  try {
    facts.caller = authenticated(parts, request, dialect);
  } catch (error) {
    throw parts.requestLimits.refuse(request, error);
  }
  // Before it counts: nobody has asked for it.
  refuseOwn(request.headers.via, parts.via);
  await parts.requestLimits.admit(request, facts.caller.tenant);
  // Whatever is asked with it, a hit too: it is the key that is paused.
  parts.gateway.pauses.check(facts.caller);
  return facts.caller;
}

export function callOf({ requestId, receivedAt }: Facts, pathModel: string | null, alt: string | null = null): Call {
  return { requestId, pathModel, receivedAt, alt };
}

function altOf(request: Request): string | null {
  const query = new URLSearchParams(splitUrl(request.url).query);
  return query.get('alt') ?? query.get('$alt');
}

export function wildcard(request: Request): string {
  return (request.params as { readonly '*'?: string })['*'] ?? '';
}

/** A JSON reply of 200. */
export function json(body: JsonObject, facts: Facts, more: Readonly<Record<string, string>> = {}): Answered {
  const { chunks, byteLength } = splice(body);
  const headers = { ...commonHeaders(facts.requestId), 'content-type': 'application/json; charset=utf-8', ...more };
  return { reply: { status: 200, headers, chunks, byteLength } };
}

function unknownMethod(path: string, served: readonly string[]): GatewayError {
  const message = `This method of a model is not served here. Served: ${served.map((method) => `POST ${path}:${method}`).join(', ')}.`;
  return new GatewayError('invalid_request', message, { status: 404, code: 'unknown_method' });
}
