import type { Model } from '../image/model.ts';
import type { JsonObject } from '../wire/json.ts';

// https://platform.openai.com/docs/api-reference/models

export function renderModels(models: readonly Model[]): JsonObject {
  return { object: 'list', data: models.map(renderModel) };
}

export function renderModel(model: Model): JsonObject {
  return {
    id: model.id,
    object: 'model',
    created: Math.floor(Date.parse(model.released) / 1000),
    owned_by: 'google',
    shutdown_date: model.retires,
    // Ours, as its SDKs ignore it: names that are answered here, and no longer to be used.
    ...(model.retired !== undefined && {
      retired_names: model.retired.map(({ name, deprecated, ends }) => ({
        id: name,
        deprecation_date: deprecated,
        shutdown_date: ends,
      })),
    }),
  };
}
