import type { RedisServer } from '../support/redis-server.ts';

/** Records of leases outlive them for a while, to tell what became of them: held is what says so, and has not lapsed. */
export async function heldLeases(redis: RedisServer): Promise<readonly string[]> {
  const keys = (await redis.cli('--scan', '--pattern', '*lease:*')).split('\n').filter((key) => key !== '');
  const now = Number((await redis.cli('TIME')).split('\n')[0]) * 1000;
  const held: string[] = [];
  for (const key of keys) {
    if ((await redis.cli('PTTL', key)) === '-1') held.push(`${key}, which stays for ever,`);
    if ((await redis.cli('TYPE', key)) !== 'hash') continue;
    const [state, until] = (await redis.cli('HMGET', key, 's', 'u')).split('\n');
    if (state === 'held' && Number(until) > now) held.push(key);
  }
  return held;
}
