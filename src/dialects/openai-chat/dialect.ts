import type { Dialect } from '../dialect.ts';
import { renderModel, renderModels } from '../openai-models.ts';
import { renderAnswer } from './answer.ts';
import { renderError } from './errors.ts';
import { renderEvents } from './events.ts';
import { parseRequest } from './request.ts';
import { fileInputs } from '../openai-files.ts';

// The second is Google's own base for OpenAI SDKs: its users change only the host.
const PATHS = ['/v1', '/v1beta/openai', ''].map((base) => `${base}/chat/completions`);

/** OpenAI's chat completions, with pictures in the answer: https://platform.openai.com/docs/api-reference/chat */
export const openaiChat: Dialect = {
  name: 'openai-chat',
  native: false,
  routes: PATHS.map((path, index) => ({ path, isUsual: index === 0, parseRequest })),
  tasks: [],
  recognises: ({ path }) => /^(?:\/v1beta\/openai|\/v1beta|\/v1)?\/chat(?:\/|$)/.test(path),
  renderAnswer,
  renderError,
  renderEvents,
  renderModels,
  renderModel,
  fileInputs,
};
