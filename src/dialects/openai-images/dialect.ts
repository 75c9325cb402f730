import type { Dialect } from '../dialect.ts';
import { renderAnswer } from './answer.ts';
import { renderError } from './errors.ts';
import { renderEvents } from './events.ts';
import { renderModel, renderModels } from './models.ts';
import { fromForm } from './form.ts';
import { parseEdit, parseRequest, parseVariation } from './request.ts';
import { fileInputs, files } from '../openai-files.ts';
import { OPENAI_BASES } from '../openai-paths.ts';

const editEvents: NonNullable<Dialect['renderEvents']> = (request, call) => renderEvents('image_edit', request, call);

/** OpenAI's Images API: https://platform.openai.com/docs/api-reference/images */
export const openaiImages: Dialect = {
  name: 'openai-images',
  native: false,
  bare: true,
  routes: OPENAI_BASES.flatMap((base) => {
    const isUsual = base === '/v1';
    return [
      { path: `${base}/images/generations`, isUsual, parseRequest },
      { path: `${base}/images/edits`, isUsual, parseRequest: parseEdit, fromForm, renderEvents: editEvents },
      { path: `${base}/images/variations`, isUsual, parseRequest: parseVariation, fromForm, renderEvents: editEvents },
    ];
  }),
  tasks: OPENAI_BASES.map((base) => `${base}/images/tasks`),
  // The one most clients speak, and so the one spoken to whoever cannot be told.
  recognises: () => true,
  renderAnswer,
  renderError,
  renderEvents: (request, call) => renderEvents('image_generation', request, call),
  renderModels,
  renderModel,
  files,
  fileInputs,
};
