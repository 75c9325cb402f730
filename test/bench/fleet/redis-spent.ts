import { prefixOf } from '../../../src/tenants/redis-state.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import type { Cost } from './arithmetic.ts';

/** What a Redis has done since it was started. https://redis.io/docs/latest/commands/info/ */
export interface RedisSpent extends Cost {
  readonly at: number;
  /** How often each command was run, by its name; what scripts call counts too. */
  readonly calls: ReadonlyMap<string, number>;
  /** Of all commands of a name, in ms. */
  readonly callMs: ReadonlyMap<string, number>;
  readonly memoryBytes: number;
  /** Of the reply that says all this. */
  readonly replyBytes: number;
  /** Of the ledger: how many there were. */
  readonly changes: number;
}

const LEDGER = `${prefixOf('live')}seq`;

export async function spentByRedis(redis: RedisServer): Promise<RedisSpent> {
  const changes = Number(await redis.cli('GET', LEDGER));
  const info = await redis.cli('INFO', 'everything');
  const field = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
  const stats = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)];
  return {
    at: performance.now(),
    commands: field('total_commands_processed'),
    cpuMs: 1000 * (field('used_cpu_sys_main_thread') + field('used_cpu_user_main_thread')),
    bytesIn: field('total_net_input_bytes'),
    bytesOut: field('total_net_output_bytes'),
    replyBytes: Buffer.byteLength(info),
    calls: new Map(stats.map(([, name, calls]) => [name!, Number(calls)])),
    callMs: new Map(stats.map(([, name, , micros]) => [name!, Number(micros) / 1000])),
    memoryBytes: field('used_memory') - field('mem_clients_normal') - field('mem_aof_buffer'),
    changes,
  };
}

export interface Between extends Cost {
  readonly seconds: number;
  readonly changes: number;
  readonly memoryBytes: number;
  readonly calls: ReadonlyMap<string, number>;
}

export function between(before: RedisSpent, after: RedisSpent): Between {
  const of = (field: keyof Cost): number => after[field] - before[field];
  const calls = [...after.calls].map(([name, count]) => [name, count - (before.calls.get(name) ?? 0)] as const);
  return {
    seconds: (after.at - before.at) / 1000,
    commands: of('commands'),
    cpuMs: of('cpuMs'),
    bytesIn: of('bytesIn'),
    // A reply is counted when it has been sent: that of the first question is among it, that of the last is not.
    bytesOut: of('bytesOut') - before.replyBytes,
    changes: after.changes - before.changes,
    memoryBytes: after.memoryBytes - before.memoryBytes,
    calls: new Map(calls.filter(([, count]) => count > 0)),
  };
}
