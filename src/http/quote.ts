import type { FastifyInstance } from 'fastify';
import { readIdempotencyKey } from '../cache/idempotency.ts';
import { parseCacheControl } from '../cache/policy.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import { quote } from '../gateway/quote.ts';
import { readBody, USUAL_PACE } from './body.ts';
import { dialectOf, drawnPath, QUOTE_PATHS, splitUrl } from './paths.ts';
import { drawnPaths } from './refusals.ts';
import { callOf, holdMoreOf, identify, json } from './routes.ts';
import type { Mount, Request } from './routes.ts';
import type { HandlerOver } from './server.ts';

/** `POST /v1/quote?for=PATH`: the body of that path, priced and looked up, and not drawn. */
export function registerQuote(app: FastifyInstance, dialects: readonly Dialect[], mount: Mount): void {
  for (const path of QUOTE_PATHS)
    app.post(path, (request, reply) => {
      const priced = pricedPath(request);
      const served = priced === null ? null : pricedRoute(priced, dialects);
      const asked = { ...splitUrl(request.url), headers: request.headers };
      const spoken = served?.dialect ?? dialectOf(priced === null ? asked : { ...asked, path: priced }, dialects);
      const make: HandlerOver = (parts) => async (request, facts, source) => {
        const caller = await identify(parts, request, facts, spoken);
        if (served === null) throw notPriced(priced, parts.dialects);
        const directives = parseCacheControl(request.headers['cache-control']);
        const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key']);
        const limits = { bytes: parts.bodyBytes, budget: parts.budget, pace: USUAL_PACE };
        const body = await readBody(source, limits, served.route.fromForm ?? null);
        facts.bytesIn = body.byteLength;
        const letGo = body.retain();
        try {
          const { dialect, route, model } = served;
          const call = callOf(facts, model);
          const asking = {
            dialect,
            route,
            call,
            caller,
            body: body.value,
            directives,
            idempotencyKey,
            wish: null,
            trace: facts,
            holdMore: holdMoreOf(parts, body),
          };
          const { cache, budget, warnings, ...quoted } = await quote(parts.gateway, asking);
          return json({ ...quoted, cache: [...cache], budget: [...budget], warnings: [...warnings] }, facts);
        } finally {
          letGo();
        }
      };
      return mount(path, spoken, make).call(app, request, reply);
    });
}

/** The path of pictures that is named, and who serves it; null where none are drawn. */
function pricedRoute(path: string, dialects: readonly Dialect[]): ReturnType<typeof drawnPath> {
  const found = drawnPath(path, dialects);
  return found?.route.renderCount === undefined ? found : null;
}

/** The path whose body this is, without what follows a question mark; null when none is named. */
function pricedPath(request: Request): string | null {
  const named = new URLSearchParams(splitUrl(request.url).query).get('for');
  return named === null || named === '' ? null : splitUrl(named).path;
}

function notPriced(path: string | null, dialects: readonly Dialect[]): GatewayError {
  const allowed = `one of ${drawnPaths(dialects).join(', ')}`;
  const detail = { param: 'for', code: path === null ? 'missing_required_parameter' : 'unknown_path' };
  if (path === null)
    return new GatewayError(
      'invalid_request',
      `The query must say what the body is for: for must be ${allowed}.`,
      detail,
    );
  return new GatewayError('invalid_request', `for must be a path that draws pictures: ${allowed}.`, {
    ...detail,
    status: 404,
  });
}
