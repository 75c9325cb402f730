/**
 * Loaded into a gateway that is measured (`node --import`): says over its channel how much memory the process holds, and
 * for how long at most its event loop was blocked. That is counted in CPU time of the thread, between two ticks of a
 * timer: time in which the machine gave the core to somebody else is not the gateway's.
 */
export interface Probed {
  readonly residentBytes: number;
  /** The longest slice since the last question. */
  readonly longestMs: number;
  /** How many of them were over 20 ms. */
  readonly over20Ms: number;
  /** CPU of the main thread since the start. */
  readonly cpuMs: number;
}

const TICK_MS = 1;
const LIMIT_MS = 20;

let longestMs = 0;
let over20Ms = 0;
let last = cpuMs();

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** From the first question on: who is never asked pays nothing for it. */
let watching: NodeJS.Timeout | null = null;

function watch(): NodeJS.Timeout {
  last = cpuMs();
  return setInterval(() => {
    const now = cpuMs();
    longestMs = Math.max(longestMs, now - last);
    if (now - last > LIMIT_MS) over20Ms += 1;
    last = now;
  }, TICK_MS).unref();
}

process.on('message', () => {
  watching ??= watch();
  const probed: Probed = { residentBytes: process.memoryUsage.rss(), longestMs, over20Ms, cpuMs: cpuMs() };
  [longestMs, over20Ms] = [0, 0];
  process.send?.(probed);
});
process.channel?.unref();
