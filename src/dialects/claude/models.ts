import type { Model } from '../../image/model.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call } from '../dialect.ts';
import { pageOf } from '../pages.ts';

// https://docs.claude.com/en/api/models-list

const MOST = 1000;

/** One page, `limit` models long, after one model or before another; without these, all there are. */
export function renderModels(models: readonly Model[], _call: Call, query: URLSearchParams): JsonObject {
  const names = ['after_id', 'before_id'] as const;
  const { page, hasMore } = pageOf(models, { nameOf: ({ id }) => id, query, names, largest: MOST });
  return {
    data: page.map(renderModel),
    has_more: hasMore,
    first_id: page.at(0)?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

export function renderModel(model: Model): JsonObject {
  return {
    type: 'model',
    id: model.id,
    display_name: model.displayName,
    created_at: midnight(model.released),
    max_input_tokens: model.inputTokenLimit,
    max_tokens: model.outputTokenLimit,
    capabilities: null,
    line: null,
    lifecycle: model.retires === null ? 'active' : 'deprecated',
    deprecated_at: null,
    retires_at: model.retires === null ? null : midnight(model.retires),
  };
}

function midnight(date: string): string {
  return `${date}T00:00:00Z`;
}
