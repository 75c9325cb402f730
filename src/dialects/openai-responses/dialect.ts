import type { Dialect } from '../dialect.ts';
import { fileInputs } from '../openai-files.ts';
import { renderModel, renderModels } from '../openai-models.ts';
import { belowOpenAI, OPENAI_BASES } from '../openai-paths.ts';
import { renderAnswer } from './answer.ts';
import { renderError } from './errors.ts';
import { renderEvents } from './events.ts';
import { parseRequest } from './request.ts';

const PATHS = OPENAI_BASES.map((base) => `${base}/responses`);

/** OpenAI's Responses with the tool `image_generation`: https://platform.openai.com/docs/api-reference/responses */
export const openaiResponses: Dialect = {
  name: 'openai-responses',
  native: false,
  routes: PATHS.map((path, index) => ({ path, isUsual: index === 0, parseRequest })),
  tasks: [],
  recognises: belowOpenAI('responses'),
  renderAnswer,
  renderError,
  renderEvents,
  renderModels,
  renderModel,
  fileInputs,
};
