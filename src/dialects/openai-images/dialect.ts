import type { Dialect } from '../dialect.ts';
import { renderAnswer } from './answer.ts';
import { renderError } from './errors.ts';
import { renderEvents } from './events.ts';
import { renderModel, renderModels } from './models.ts';
import { parseRequest } from './request.ts';

// The second is Google's own base for OpenAI SDKs: its users change only the host.
const BASES = ['/v1', '/v1beta/openai', ''];

/** OpenAI's Images API: https://platform.openai.com/docs/api-reference/images */
export const openaiImages: Dialect = {
  name: 'openai-images',
  native: false,
  bare: true,
  routes: BASES.map((base) => ({ path: `${base}/images/generations`, isUsual: base === '/v1', parseRequest })),
  tasks: BASES.map((base) => `${base}/images/tasks`),
  // The one most clients speak, and so the one spoken to whoever cannot be told.
  recognises: () => true,
  renderAnswer,
  renderError,
  renderEvents: (request, call) => renderEvents('image_generation', request, call),
  renderModels,
  renderModel,
};
