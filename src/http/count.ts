import type { Dialect, Route } from '../dialects/dialect.ts';
import { checkParts } from '../image/limits.ts';
import { estimateTokens } from '../image/tokens.ts';
import type { EstimatedTokens } from '../image/tokens.ts';
import type { JsonObject } from '../wire/json.ts';
import { readJsonBody, USUAL_PACE } from './body.ts';
import { splitMethod } from './paths.ts';
import { callOf, identify, json, wildcard } from './routes.ts';
import type { RouteParts } from './routes.ts';
import type { Handler } from './server.ts';

/** Counts what a request would be to read: by ourselves, without a word to the vendor, and for nothing. */
export function countHandler(
  parts: RouteParts,
  dialect: Dialect,
  { parseRequest }: Route,
  renderCount: (tokens: EstimatedTokens, call: ReturnType<typeof callOf>) => JsonObject,
): Handler {
  return async (request, facts, source) => {
    const caller = await identify(parts, request, facts, dialect);
    const call = callOf(facts, splitMethod(wildcard(request))?.model ?? null);
    const limits = { bytes: parts.bodyBytes, budget: parts.budget, pace: USUAL_PACE };
    const body = await readJsonBody(source, limits);
    facts.bytesIn = body.byteLength;
    const letGo = body.retain();
    try {
      const asked = parseRequest(body.value, call);
      facts.modelAsked = asked.model;
      const { model } = parts.gateway.router.route(asked.model, caller.tenant.models);
      facts.modelRouted = model.id;
      checkParts(asked, model);
      return json(renderCount(estimateTokens(asked, model), call), facts);
    } finally {
      letGo();
    }
  };
}
