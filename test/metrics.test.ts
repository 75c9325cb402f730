import { expect, test } from 'vitest';
import { createMetrics } from '../src/metrics.ts';

test('tenants beyond the first two hundred share a series: a scrape stays bounded however many are made', async () => {
  const nothing = (): number => 0;
  const metrics = createMetrics({
    version: 'test',
    simulator: true,
    store: 'embedded',
    gauges: {
      cacheBytes: () => [],
      queued: () => 0,
      flights: nothing,
      waiters: nothing,
      detached: () => 0,
      tasks: () => 0,
      bytesInFlight: nothing,
      keysPaused: nothing,
      stateUp: () => true,
      untold: nothing,
      budgets: async () => [],
    },
  });
  for (let each = 0; each < 1_000; each += 1) metrics.spent('flash', `tenant-${each}`, 1_000_000_000);
  metrics.spent('flash', 'tenant-7', 1_000_000_000);
  const series = (await metrics.render()).split('\n').filter((line) => line.startsWith('plantain_spend_usd_total{'));
  expect(series).toHaveLength(201);
  expect(series).toContain('plantain_spend_usd_total{model="flash",tenant="tenant-7"} 2');
  expect(series).toContain('plantain_spend_usd_total{model="flash",tenant="other"} 800');
});
