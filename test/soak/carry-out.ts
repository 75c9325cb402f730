import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisServer } from '../support/redis-server.ts';
import type { Event } from './events.ts';
import type { Instance } from './lives.ts';

/** An event as it happened. Unix milliseconds. */
export interface Befallen {
  readonly event: Event;
  readonly from: number;
  readonly until: number;
}

export interface Stage {
  readonly instances: readonly Instance[];
  readonly redis: RedisServer | null;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly say: (line: string) => void;
}

/** One event after the other, each at its time or when the one before it is over. */
export async function carryOut(
  events: readonly Event[],
  { instances, redis, startedAt, say }: Stage,
): Promise<readonly Befallen[]> {
  const befallen: Befallen[] = [];
  for (const event of events) {
    await sleep(Math.max(0, startedAt + event.atMs - Date.now()));
    const from = Date.now();
    switch (event.kind) {
      case 'term':
      case 'kill':
        await instances[event.instance % instances.length]!.restart(event.kind, event.downMs);
        break;
      case 'reload':
      case 'bad reload':
        await instances[event.instance % instances.length]!.reload(event.kind === 'reload');
        break;
      default:
        if (redis === null) throw new Error(`there is no Redis for this event: ${event.kind}`);
        await troubled(redis, event);
    }
    const until = Date.now();
    befallen.push({ event, from, until });
    const whom = 'instance' in event ? ` gateway ${event.instance}` : '';
    say(`${((from - startedAt) / 1000).toFixed(1)} s: ${event.kind}${whom}, back after ${until - from} ms`);
  }
  return befallen;
}

async function troubled(
  redis: RedisServer,
  { kind, downMs }: Extract<Event, { kind: 'redis frozen' | 'redis killed' }>,
): Promise<void> {
  const isFrozen = kind === 'redis frozen';
  if (isFrozen) redis.freeze();
  else await redis.stop('SIGKILL');
  await sleep(downMs);
  if (isFrozen) redis.thaw();
  else await redis.start();
}
