import type { Call, Dialect, UpstreamDialect } from '../dialect.ts';
import { parseAnswer, relabel, renderAnswer } from './answer.ts';
import { parseCount, renderCount } from './count.ts';
import { renderError } from './errors.ts';
import { renderEvents } from './events.ts';
import { renderModel, renderModels } from './models.ts';
import { recognises } from './recognise.ts';
import { joinPieces, thoughtsOf } from './pieces.ts';
import { parseRequest, parseStreamed, renderRequest } from './request.ts';
import { parseError } from './vendor-errors.ts';
import { fileInputs, files } from './files.ts';

/** Google's Gemini API, spoken by callers and by upstreams: https://ai.google.dev/api/generate-content */
export const gemini: Dialect & UpstreamDialect = {
  name: 'gemini',
  native: true,
  tasks: [],
  routes: ['/v1beta', '/v1', ''].flatMap((version) => {
    const isUsual = version === '/v1beta';
    return [
      { path: `${version}/models/{model}:generateContent`, isUsual, parseRequest },
      {
        path: `${version}/models/{model}:streamGenerateContent`,
        isUsual,
        parseRequest: parseStreamed,
        listsErrors: ({ alt }: Call) => alt !== 'sse',
      },
      { path: `${version}/models/{model}:countTokens`, isUsual, parseRequest: parseCount, renderCount },
    ];
  }),
  recognises,
  renderAnswer,
  renderError,
  renderEvents,
  renderModels,
  renderModel,
  files,
  fileInputs,
  renderRequest,
  joinPieces,
  thoughtsOf,
  parseAnswer,
  parseError,
  relabel,
};
