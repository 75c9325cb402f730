import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from './mistakes.ts';
import type { Config } from './shape.ts';

/** What a changed setting needs: `now` it holds from the next request on; anything else is how people call it, and needs a restart. */
type Needs = 'now' | { readonly restart: string };

const restart = (name: string): Needs => ({ restart: name });

/** Every setting decides: a new one does not compile until it is here. */
const SETTINGS = {
  source: 'now',
  listen: restart('listen'),
  operations: restart('operations'),
  admin: restart('admin or PLANTAIN_ADMIN_KEY'),
  publicUrl: restart('publicUrl or PLANTAIN_LINK_SECRET'),
  links: restart('publicUrl or PLANTAIN_LINK_SECRET'),
  trustProxy: restart('trustProxy'),
  cors: 'now',
  dataDir: restart('dataDir'),
  logLevel: 'now',
  bounds: restart('bounds'),
  images: 'now',
  tasks: restart('tasks'),
  files: restart('files'),
  remoteImages: restart('remoteImages'),
  state: restart('state'),
  upstreams: 'now',
  models: 'now',
  auto: 'now',
  tenants: 'now',
  organisations: 'now',
  budgets: 'now',
  alerts: 'now',
  retention: restart('retention'),
  // Never: see `reloaded`.
  simulator: 'now',
  warnings: 'now',
} as const satisfies Record<keyof Omit<Config, 'cache'>, Needs>;

const CACHE_SETTINGS = {
  store: restart('cache.store'),
  redis: restart('cache.store'),
  when: 'now',
  ttlSeconds: 'now',
  staleIfErrorSeconds: restart('cache.staleIfErrorSeconds'),
  onDisconnect: 'now',
  memoryBytes: restart('cache.memoryBytes'),
  diskBytes: restart('cache.diskBytes'),
  redisBytes: restart('cache.redisBytes'),
  s3: restart('cache.bytes'),
  s3Bytes: restart('cache.s3Bytes'),
} as const satisfies Record<keyof Config['cache'], Needs>;

export interface Reloaded {
  /** What was read, with the settings that need a restart as they were. Frozen. */
  readonly config: Config;
  /** The names of those of them that have changed. */
  readonly waiting: readonly string[];
}

/**
 * What a running process makes of a configuration that was read again. Throws ConfigError where nothing of it can be had
 * without a restart: between the simulator and a vendor there is no change, for each has a ledger and a cache of its own.
 */
export function reloaded(running: Config, next: Config): Reloaded {
  if (next.simulator !== running.simulator)
    throw new ConfigError(next.source.file, [
      {
        path: 'upstreams',
        line: null,
        message: `${next.simulator ? 'only the simulator would draw now' : 'the simulator drew until now'}: it and vendors have ledgers and caches of their own, so this needs a restart`,
      },
    ]);
  const top = pick(running, next, SETTINGS);
  const cache = pick(running.cache, next.cache, CACHE_SETTINGS);
  const waiting = [...new Set([...top.waiting, ...cache.waiting])];
  return {
    config: Object.freeze({ ...next, ...top.kept, cache: Object.freeze({ ...next.cache, ...cache.kept }) }),
    waiting,
  };
}

function pick<T extends object>(
  running: T,
  next: T,
  settings: Readonly<Partial<Record<keyof T, Needs>>>,
): { readonly kept: Partial<T>; readonly waiting: readonly string[] } {
  const kept: Partial<T> = {};
  const waiting: string[] = [];
  for (const name of Object.keys(settings) as (keyof T)[]) {
    const needs = settings[name];
    if (needs === undefined || needs === 'now') continue;
    kept[name] = running[name];
    if (!isDeepStrictEqual(running[name], next[name])) waiting.push(needs.restart);
  }
  return { kept, waiting };
}
