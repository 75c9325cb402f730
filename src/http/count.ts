import { withFiles } from '../gateway/files.ts';
import { checkParts } from '../image/limits.ts';
import { inWordsOf } from '../image/places.ts';
import { remoteIsOff, remotesOf } from '../image/remote.ts';
import { retirementOf } from '../image/retirement.ts';
import { estimateTokens } from '../image/tokens.ts';
import { readBody, USUAL_PACE } from './body.ts';
import { splitMethod } from './paths.ts';
import { callOf, holdMoreOf, identify, json, wildcard } from './routes.ts';
import type { RouteHandler } from './routes.ts';

/**
 * Says how many tokens a request has. They are estimated here: resellers do not count, and a count that depends on who
 * would draw is worth little. A header says so. Nothing is drawn, and nothing is paid.
 */
export const countHandler: RouteHandler = (parts, dialect, route) => {
  return async (request, facts, source) => {
    const caller = await identify(parts, request, facts, dialect);
    const call = callOf(facts, splitMethod(wildcard(request))?.model ?? null);
    const body = await readBody(source, { bytes: parts.bodyBytes, budget: parts.budget, pace: USUAL_PACE });
    facts.bytesIn = body.byteLength;
    const letGo = body.retain();
    try {
      const asking = { dialect, caller, body: body.value, holdMore: holdMoreOf(parts, body) };
      const asked = route.parseRequest(await withFiles(parts.gateway, asking), call);
      facts.modelAsked = asked.model;
      const { model } = parts.gateway.router.route(asked, caller.tenant.models);
      facts.modelRouted = model.id;
      facts.retirement = retirementOf(model, asked.model);
      try {
        const [remote] = parts.gateway.remotePictures === null ? remotesOf(asked, false) : [];
        if (remote !== undefined) throw remoteIsOff(remote.path);
        checkParts(asked, model);
      } catch (error) {
        throw inWordsOf(asked, error);
      }
      const counted = route.renderCount!(estimateTokens(asked, model), call);
      const told = { 'x-plantain-model': model.id, 'x-plantain-warning': 'the count is an estimate of this gateway' };
      return json(counted, facts, told);
    } finally {
      letGo();
    }
  };
};
