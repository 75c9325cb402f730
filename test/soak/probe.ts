import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { queryObjects } from 'node:v8';

/** Loaded into a gateway that is soaked (`node --import`): says over its channel what the process holds, when all that is garbage is gone. */
export interface Probed {
  readonly heapUsedBytes: number;
  /** Outside the heap: pictures, bodies, what SQLite and sharp have. */
  readonly externalBytes: number;
  readonly residentBytes: number;
  /** What keeps the event loop busy, by type, such as `Timeout` or `TCPSocketWrap`. */
  readonly resources: Readonly<Record<string, number>>;
  /** Of some classes, how many are alive: of timers those too that keep nothing busy. */
  readonly alive: Readonly<Record<Counted, number>>;
}

export type Counted = 'Timeout' | 'Socket' | 'IncomingMessage' | 'ServerResponse' | 'AbortSignal';

const timer = setTimeout(() => undefined, 0);
clearTimeout(timer);
const CLASSES = { Timeout: timer.constructor, Socket, IncomingMessage, ServerResponse, AbortSignal } as const;

process.on('message', () => {
  for (let times = 0; times < 2; times += 1) globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const type of process.getActiveResourcesInfo()) resources[type] = (resources[type] ?? 0) + 1;
  const alive = Object.fromEntries(
    Object.entries(CLASSES).map(([name, of]) => [name, queryObjects(of as new () => object, { format: 'count' })]),
  ) as Record<Counted, number>;
  const probed: Probed = { heapUsedBytes: heapUsed, externalBytes: external, residentBytes: rss, resources, alive };
  process.send?.(probed);
});
process.channel?.unref();
