import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { Bulkhead } from '../upstreams/bulkhead.ts';

/** How many calls may be in the air, as it is configured. */
export function openBulkhead({ bounds, models }: Pick<Config, 'bounds' | 'models'>, metrics: Metrics): Bulkhead {
  const ofModels = new Map(models.map((model) => [model.id, model.inTheAir ?? null]));
  return new Bulkhead({
    inTheAir: bounds.inTheAir,
    inTheAirOf: (model) => ofModels.get(model) ?? null,
    queue: bounds.queue,
    onEvent: (event, model) => metrics.queue(event, model),
  });
}
