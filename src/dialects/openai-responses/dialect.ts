import type { Dialect } from '../dialect.ts';
import { fileInputs } from '../openai-files.ts';
import { renderModel, renderModels } from '../openai-models.ts';
import { renderAnswer } from './answer.ts';
import { renderError } from './errors.ts';
import { renderEvents } from './events.ts';
import { parseRequest } from './request.ts';

// The second is Google's own base for OpenAI SDKs: its users change only the host.
const PATHS = ['/v1', '/v1beta/openai', ''].map((base) => `${base}/responses`);

/** OpenAI's Responses with the tool `image_generation`: https://platform.openai.com/docs/api-reference/responses */
export const openaiResponses: Dialect = {
  name: 'openai-responses',
  native: false,
  routes: PATHS.map((path, index) => ({ path, isUsual: index === 0, parseRequest })),
  tasks: [],
  recognises: ({ path }) => /^(?:\/v1beta\/openai|\/v1beta|\/v1)?\/responses(?:\/|$)/.test(path),
  renderAnswer,
  renderError,
  renderEvents,
  renderModels,
  renderModel,
  fileInputs,
};
