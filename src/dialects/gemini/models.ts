import type { Model } from '../../image/model.ts';
import type { JsonObject } from '../../wire/json.ts';

// https://ai.google.dev/api/models

export function renderModels(models: readonly Model[]): JsonObject {
  return { models: models.map(renderModel) };
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
