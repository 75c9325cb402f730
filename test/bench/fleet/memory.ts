import { prefixOf } from '../../../src/tenants/redis-state.ts';
import type { RedisServer } from '../../support/redis-server.ts';

/** Bytes that Redis keeps of one tenant: its accounts and its limits, on average of those there are. */
export async function tenantBytes(redis: RedisServer, tenants: number): Promise<number> {
  let bytes = 0;
  for (const kind of ['a', 'req', 'img', 'air']) {
    const keys = await redis.cli('--scan', '--pattern', `${prefixOf('live')}${kind}:*`);
    for (const key of keys.split('\n').filter(Boolean)) bytes += Number(await redis.cli('MEMORY', 'USAGE', key));
  }
  return bytes / tenants;
}
