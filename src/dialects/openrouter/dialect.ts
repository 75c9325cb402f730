import type { Dialect } from '../dialect.ts';
import { renderModel, renderModels } from '../openai-models.ts';
import { renderAnswer } from './answer.ts';
import { renderError } from './errors.ts';
import { renderEvents } from './events.ts';
import { parseRequest } from './request.ts';
import { fileInputs } from '../openai-files.ts';

/** OpenRouter's endpoint for pictures: https://openrouter.ai/docs/api/api-reference/images */
export const openrouter: Dialect = {
  name: 'openrouter',
  native: false,
  routes: [{ path: '/api/v1/images', isUsual: true, parseRequest }],
  tasks: [],
  recognises: ({ path }) => /^\/api\/v1(?:\/|$)/.test(path),
  renderAnswer,
  renderError,
  renderEvents,
  renderModels,
  renderModel,
  fileInputs,
};
