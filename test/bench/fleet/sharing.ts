import { openRedis } from '../../../src/redis.ts';
import type { Redis } from '../../../src/redis.ts';
import { prefixOf } from '../../../src/tenants/redis-state.ts';
import { SCRIPTS } from '../../../src/tenants/redis-scripts.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import type { Cost } from './arithmetic.ts';
import { between, spentByRedis } from './redis-spent.ts';

/** What it costs Redis that all hear of what one has done. */
export interface Sharing {
  readonly read: Cost;
  readonly look: Cost;
  readonly heard: Cost;
}

const READ_AT_ONCE = 100;
const LOOKS = 200;
const LISTENERS = 20;
const MESSAGES = 500;
/** As long as that of an ended lease. */
const MESSAGE = 'x'.repeat(43);
const DEADLINE_MS = 10_000;

/** Reads the ledger and hears messages as instances do, and as nobody else does at that time: `idle` is taken off. */
export async function benchSharing(redis: RedisServer, idle: Cost): Promise<Sharing> {
  const client = openRedis(redis.url);
  const prefix = prefixOf('live');
  const listeners = Array.from({ length: LISTENERS }, () => openRedis(redis.url));
  try {
    await until(() => client.trouble() === null);
    const epoch = String(await client.command(['GET', `${prefix}epoch`], DEADLINE_MS));
    const looks = async (from: string): Promise<Cost> =>
      cost(redis, idle, LOOKS, async () => {
        for (let looked = 0; looked < LOOKS; looked += 1)
          await client.run(SCRIPTS.follow, [prefix], [epoch, from, String(READ_AT_ONCE)], DEADLINE_MS);
      });
    const look = await looks('9999999999999-0');
    const full = await looks('0-0');
    const read = {
      commands: 0,
      cpuMs: (full.cpuMs - look.cpuMs) / READ_AT_ONCE,
      bytesIn: 0,
      bytesOut: (full.bytesOut - look.bytesOut) / READ_AT_ONCE,
    };
    return { look, read, heard: await hearing(redis, idle, client, listeners) };
  } finally {
    await Promise.all([client, ...listeners].map((each) => each.close()));
  }
}

async function hearing(redis: RedisServer, idle: Cost, client: Redis, listeners: readonly Redis[]): Promise<Cost> {
  const channel = 'plantain-bench';
  let [listening, heard] = [0, 0];
  for (const listener of listeners)
    listener.subscribe(
      channel,
      () => (heard += 1),
      () => (listening += 1),
    );
  await until(() => listening === LISTENERS);
  const all = LISTENERS * MESSAGES;
  const found = await cost(redis, idle, all, async () => {
    for (let sent = 0; sent < MESSAGES; sent += 1) await client.publish(channel, MESSAGE, DEADLINE_MS);
    await until(() => heard === all);
  });
  // The one command that sends it is not any listener's.
  return { ...found, commands: 0, bytesIn: 0 };
}

async function cost(redis: RedisServer, idle: Cost, count: number, work: () => Promise<void>): Promise<Cost> {
  const before = await spentByRedis(redis);
  await work();
  const found = between(before, await spentByRedis(redis));
  const each = (field: keyof Cost): number => Math.max(0, (found[field] - idle[field] * found.seconds) / count);
  return {
    commands: each('commands'),
    cpuMs: each('cpuMs'),
    bytesIn: each('bytesIn'),
    bytesOut: each('bytesOut'),
  };
}

async function until(isSo: () => boolean): Promise<void> {
  const endsAt = performance.now() + DEADLINE_MS;
  while (!isSo()) {
    if (performance.now() > endsAt) throw new Error('what Redis was asked for did not come');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
