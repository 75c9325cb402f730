import type { FastifyInstance } from 'fastify';
import { capabilities } from '../gateway/capabilities.ts';
import { CAPABILITY_PATHS, dialectOf, splitUrl } from './paths.ts';
import { drawnPaths } from './refusals.ts';
import { identify, json } from './routes.ts';
import type { Mount } from './routes.ts';
import type { HandlerOver } from './server.ts';

/** `GET /v1/capabilities`: what each model can do that the key may use. */
export function registerCapabilities(app: FastifyInstance, mount: Mount): void {
  const make: HandlerOver = (parts) => async (request, facts) => {
    const told = { gateway: parts.gateway, bodyBytes: parts.bodyBytes, paths: drawnPaths(parts.dialects) };
    const dialect = dialectOf({ ...splitUrl(request.url), headers: request.headers }, parts.dialects);
    return json(capabilities(told, await identify(parts, request, facts, dialect)), facts);
  };
  for (const path of CAPABILITY_PATHS) app.get(path, mount(path, null, make));
}
