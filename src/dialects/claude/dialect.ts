import type { EstimatedTokens } from '../../image/tokens.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Dialect, Route } from '../dialect.ts';
import { renderAnswer } from './answer.ts';
import { renderError } from './errors.ts';
import { renderEvents } from './events.ts';
import { renderModel, renderModels } from './models.ts';
import { recognises } from './recognise.ts';
import { parseRequest } from './request.ts';
import { fileInputs, files } from './files.ts';

// Claude's SDKs bring the version themselves; the second is for whoever calls without one.
const BASES = ['/v1', ''];

/** Claude's Messages API, in both its versions (2023-06-01 and 2026-10-21), which differ in nothing that is read here: https://docs.claude.com/en/api/messages */
export const claude: Dialect = {
  name: 'claude',
  native: false,
  routes: BASES.flatMap((base): readonly Route[] => {
    const isUsual = base === '/v1';
    return [
      { path: `${base}/messages`, isUsual, parseRequest },
      { path: `${base}/messages/count_tokens`, isUsual, parseRequest, renderCount },
    ];
  }),
  tasks: [],
  requestIdHeader: 'request-id',
  recognises,
  renderAnswer,
  renderError,
  renderEvents,
  renderModels,
  renderModel,
  files,
  fileInputs,
};

/** https://docs.claude.com/en/api/messages-count-tokens */
function renderCount({ total }: EstimatedTokens): JsonObject {
  return { input_tokens: total };
}
