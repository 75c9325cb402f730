import { sumOfSeries } from '../metrics.ts';
import type { Sample } from '../metrics.ts';
import type { Finding } from './finding.ts';

/** What is 0 when nobody asks for anything. */
export const IDLE = [
  'plantain_singleflight_flights',
  'plantain_singleflight_waiters',
  'plantain_singleflight_detached',
  'plantain_queue_waiting',
  'plantain_tasks_in_the_air',
  'plantain_bytes_in_flight',
  'plantain_upstream_inflight',
  'plantain_ledger_untold',
  'plantain_ledger_drift_usd',
  'plantain_budget_held_usd',
] as const;

export function busyIn(samples: readonly Sample[]): readonly string[] {
  return IDLE.flatMap((name) => {
    const there = samples.some((sample) => sample.name === name);
    // Nothing was ever called, or there is no budget: that is idle too.
    const value = there ? sumOfSeries(samples, name) : 0;
    return value === 0 ? [] : [`${name} is ${value}`];
  });
}

interface Rested {
  readonly series: readonly Sample[];
}

/** `leases`: the keys in Redis that say that something is being drawn, and by whom. */
export function checkIdle(gateways: readonly Rested[], leases: readonly string[]): Finding {
  const scrapes = gateways.map(({ series }) => series);
  const faults = scrapes.flatMap((samples, index) => busyIn(samples).map((busy) => `gateway ${index}: ${busy}`));
  for (const [index, samples] of scrapes.entries())
    if (!samples.some(({ name }) => name === IDLE[0])) faults.push(`gateway ${index} told no ${IDLE[0]}`);
  faults.push(...leases.map((lease) => `the lease ${lease} is held`));
  return { check: 'gauges are back at zero', figures: `${IDLE.length} gauges of ${scrapes.length} gateways`, faults };
}
