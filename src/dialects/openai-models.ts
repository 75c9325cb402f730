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
  };
}
