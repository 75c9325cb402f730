import type { Makers } from './upstreams.ts';

/** What a process of a machine with bounds cannot do. */
export interface ProcessMetrics {
  logLinesLost(lines: number): void;
  connectionDropped(): void;
}

export function processMetrics({ counter }: Makers): ProcessMetrics {
  const lost = counter('plantain_log_lines_lost_total', 'Lines of the log that could not be written.');
  const dropped = counter(
    'plantain_connections_dropped_total',
    'Connections closed at once, because there were as many as this process can serve.',
  );
  return {
    logLinesLost: (lines) => lost.inc({}, lines),
    connectionDropped: () => dropped.inc({}),
  };
}
