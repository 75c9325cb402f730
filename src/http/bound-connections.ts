import type { Server } from 'node:http';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';

const TELL_EVERY_MS = 60_000;
/** To find the idle ones all of them are looked at, and whoever floods us must not have that done for each of his. */
const CLEAR_EVERY_MS = 100;

/**
 * One connection more than `most` is closed at once, and idle ones with it, so that whoever comes next is served. Without
 * a bound the system would close it for us when descriptors are at an end, and with it whatever else needs one: calls
 * upstream, files, health.
 */
export function boundConnections(
  server: Server,
  most: number | null,
  { log, metrics }: { readonly log: Log; readonly metrics: Pick<Metrics, 'connectionDropped'> },
): void {
  if (most === null) return;
  server.maxConnections = most;
  let [toldAt, clearedAt] = [-Infinity, -Infinity];
  server.on('drop', () => {
    metrics.connectionDropped();
    const now = performance.now();
    if (now - clearedAt >= CLEAR_EVERY_MS) {
      clearedAt = now;
      server.closeIdleConnections();
    }
    if (now - toldAt < TELL_EVERY_MS) return;
    toldAt = now;
    log.warn('http: there are as many connections as can be served; more are closed at once', { most });
  });
}
