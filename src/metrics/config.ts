import type { Makers } from './upstreams.ts';

/** What became of a configuration that was read again. */
export type ReloadOutcome = 'applied' | 'restart_needed' | 'refused';

export interface ConfigMetrics {
  /** `at`: Unix ms. `waiting`: how many of its settings need a restart. `started`: it is the first, and was not read again. */
  configRead(outcome: ReloadOutcome | 'started', at: number, waiting: number): void;
}

export function configMetrics({ counter, gauge }: Makers): ConfigMetrics {
  const reloads = counter(
    'plantain_config_reloads_total',
    'Times the configuration was read again: applied; restart_needed, where a part of it was not; refused, with the old one kept.',
    'outcome',
  );
  const successful = gauge('plantain_config_last_reload_successful', '0 when the last one read was refused.');
  const at = gauge(
    'plantain_config_last_reload_success_timestamp_seconds',
    'When the configuration in force was read, in Unix time.',
  );
  const waiting = gauge('plantain_config_restart_needed', 'Settings that were changed and need a restart to hold.');
  for (const outcome of ['applied', 'restart_needed', 'refused']) reloads.inc({ outcome }, 0);
  return {
    configRead(outcome, readAt, left) {
      if (outcome !== 'started') reloads.inc({ outcome });
      successful.set({}, outcome === 'refused' ? 0 : 1);
      if (outcome === 'refused') return;
      at.set({}, readAt / 1000);
      waiting.set({}, left);
    },
  };
}
