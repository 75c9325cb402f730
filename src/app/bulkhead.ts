import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { Bulkhead } from '../upstreams/bulkhead.ts';

/** How many calls may be in the air: of each model as the configuration in force has it. */
export function openBulkhead(inForce: () => Config, metrics: Metrics): Bulkhead {
  const { inTheAir, queue } = inForce().bounds;
  return new Bulkhead({
    inTheAir,
    inTheAirOf: (id) => inForce().models.find((model) => model.id === id)?.inTheAir ?? null,
    queue,
    onEvent: (event, model) => metrics.queue(event, model),
  });
}
