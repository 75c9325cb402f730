import { spawnSync } from 'node:child_process';
import { service } from './services.ts';

export { startRedis } from './redis-server.ts';
export type { RedisServer } from './redis-server.ts';

const found = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0 ? 'redis-server' : null;

/** Suites that need a real Redis. */
export const withRedis = service('redis-server', found, 'On Debian: apt-get install redis-server.');
