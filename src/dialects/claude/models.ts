import { invalidValue } from '../../image/fields.ts';
import type { Model } from '../../image/model.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call } from '../dialect.ts';

// https://docs.claude.com/en/api/models-list

const MOST = 1000;

/** One page, `limit` models long, after one model or before another; without these, all there are. */
export function renderModels(models: readonly Model[], _call: Call, query: URLSearchParams): JsonObject {
  const limit = readLimit(query.get('limit'));
  const after = indexOf(models, 'after_id', query.get('after_id'));
  const before = indexOf(models, 'before_id', query.get('before_id'));
  const between = models.slice(after === null ? 0 : after + 1, before ?? models.length);
  // Whoever goes back wants those next to where it was.
  const page = after === null && before !== null ? between.slice(-limit) : between.slice(0, limit);
  return {
    data: page.map(renderModel),
    has_more: page.length < between.length,
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

function readLimit(text: string | null): number {
  if (text === null || text === '') return MOST;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MOST) throw invalidValue('limit', `an integer from 1 to ${MOST}`);
  return limit;
}

function indexOf(models: readonly Model[], name: string, id: string | null): number | null {
  if (id === null || id === '') return null;
  const index = models.findIndex((model) => model.id === id);
  if (index < 0) throw invalidValue(name, 'the id of a model in this list');
  return index;
}
