import { invalidValue } from '../../image/fields.ts';
import type { Model } from '../../image/model.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call } from '../dialect.ts';

// https://ai.google.dev/api/models

const USUAL_PAGE = 50;
const LARGEST_PAGE = 1000;

/** A page of them: of `pageSize`, more than 1,000 counting as that, from the model on that `pageToken` names. */
export function renderModels(models: readonly Model[], _call: Call, query: URLSearchParams): JsonObject {
  const token = query.get('pageToken') ?? query.get('page_token') ?? '';
  const start = token === '' ? 0 : models.findIndex(({ id }) => id === token);
  if (start < 0) throw invalidValue('pageToken', 'the nextPageToken of the page before, or absent for the first one');
  const end = start + pageSize(query.get('pageSize') ?? query.get('page_size') ?? '');
  const next = models[end];
  return { models: models.slice(start, end).map(renderModel), ...(next !== undefined && { nextPageToken: next.id }) };
}

/** 0 is proto3's way of saying nothing. */
function pageSize(asked: string): number {
  if (!/^\d{0,9}$/.test(asked)) throw invalidValue('pageSize', `an integer from 1 to ${LARGEST_PAGE}`);
  return Math.min(Number(asked), LARGEST_PAGE) || USUAL_PAGE;
}

export function renderModel(model: Model): JsonObject {
  return {
    name: `models/${model.id}`,
    baseModelId: model.id,
    version: model.released,
    displayName: model.displayName,
    description: model.description,
    inputTokenLimit: model.inputTokenLimit,
    outputTokenLimit: model.outputTokenLimit,
    supportedGenerationMethods: ['generateContent', 'countTokens'],
    maxTemperature: 2,
    thinking: true,
    // Ours, as its SDKs ignore it: names that are answered here, and no longer to be used.
    ...(model.retired !== undefined && {
      retiredNames: model.retired.map(({ name, deprecated, ends }) => ({
        name: `models/${name}`,
        deprecationDate: deprecated,
        shutdownDate: ends,
      })),
    }),
  };
}
