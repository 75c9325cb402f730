import { parseRedisAddress } from '../redis/address.ts';
import type { ReadSecret } from './environment.ts';
import type { Report } from './mistakes.ts';
import { readS3 } from './s3.ts';
import type { ConfigFile } from './schema.ts';
import type { Config } from './shape.ts';

type Cache = Config['cache'];

/** The environment's REDIS_CACHE_URL stands over an address in the file. No mistake repeats an address: it may hold a password. */
export function readCache(
  { cache }: Pick<ConfigFile, 'cache'>,
  state: Config['state'],
  readSecret: ReadSecret,
  report: Report,
): Cache {
  const { store, bytes, ...rest } = cache;
  if (store === 'memory' || store === 'disk') {
    if (bytes !== undefined) report.mistake(['cache', 'bytes'], `goes with store: redis, and the store is ${store}`);
    return { ...rest, store, redis: null, s3: null };
  }
  const address = addressOf(store, state, readSecret, report);
  const s3 = bytes === undefined ? null : readS3(bytes, readSecret, report);
  if (address === null) return { ...rest, store: 'memory', redis: null, s3 };
  if (state !== 'embedded' && state.url === address.url)
    report.warn(
      'The cache is in the Redis of the budgets, which it can fill: give it one of its own, with maxmemory-policy allkeys-lru, in REDIS_CACHE_URL or cache.store.',
    );
  return { ...rest, store: 'redis', redis: address, s3 };
}

function addressOf(store: string, state: Config['state'], readSecret: ReadSecret, report: Report): Cache['redis'] {
  const path = ['cache', 'store'];
  const isNamed = store !== 'redis';
  if (isNamed && !/^rediss?:/.test(store)) {
    // An address of another kind may hold a password.
    const shown = /^[a-z]{1,20}$/i.test(store) ? `, is "${store}"` : '';
    report.mistake(path, `must be memory, disk, redis, or redis://host:6379${shown}`);
    return null;
  }
  const variable = readSecret('REDIS_CACHE_URL');
  if (variable === 'unusable') return null;
  if (typeof variable === 'object') report.overridden(path, 'REDIS_CACHE_URL');
  else if (!isNamed) {
    if (state !== 'embedded') return state;
    report.mistake(
      path,
      'needs the address of a Redis: set REDIS_CACHE_URL, or write redis://host:6379 here, or under state',
    );
    return null;
  }
  const address = parseRedisAddress(typeof variable === 'object' ? variable.value : store);
  if ('url' in address) return address;
  report.mistake(path, address.problem);
  return null;
}
