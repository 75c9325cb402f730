import type { Dialect } from '../dialect.ts';
import { renderModel, renderModels } from '../openai-models.ts';
import { belowOpenAI, OPENAI_BASES } from '../openai-paths.ts';
import { renderAnswer } from './answer.ts';
import { renderError } from './errors.ts';
import { renderEvents } from './events.ts';
import { parseRequest } from './request.ts';
import { fileInputs } from '../openai-files.ts';

const PATHS = OPENAI_BASES.map((base) => `${base}/chat/completions`);

/** OpenAI's chat completions, with pictures in the answer: https://platform.openai.com/docs/api-reference/chat */
export const openaiChat: Dialect = {
  name: 'openai-chat',
  native: false,
  routes: PATHS.map((path, index) => ({ path, isUsual: index === 0, parseRequest })),
  tasks: [],
  recognises: belowOpenAI('chat'),
  renderAnswer,
  renderError,
  renderEvents,
  renderModels,
  renderModel,
  fileInputs,
};
