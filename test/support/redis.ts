import { execFile, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './process.ts';
import { service } from './services.ts';

const found = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0 ? 'redis-server' : null;

/** Suites that need a real Redis. */
export const withRedis = service('redis-server', found, 'On Debian: apt-get install redis-server.');

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** What redis-cli prints for a command. */
  cli(...words: readonly string[]): Promise<string>;
  /** It answers nothing until it is thawed: SIGSTOP. */
  freeze(): void;
  thaw(): void;
  /** Ends it as a crash does, or orderly. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** On the same port, with what its persistence kept. */
  start(): Promise<void>;
  /** Stops it and removes its files. */
  close(): Promise<void>;
}

/** A Redis of its own on a free port, as a ledger needs it: nothing is evicted, every write is on disk. */
export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'plantain-redis-'));
  const run = promisify(execFile);
  let child: ChildProcess | null = null;
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    async cli(...words) {
      return (await run('redis-cli', ['-p', String(port), ...words])).stdout.trim();
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async stop(signal = 'SIGKILL') {
      if (child === null) return;
      const ended = once(child, 'close');
      child.kill(signal);
      child.kill('SIGCONT');
      await ended;
      child = null;
    },
    async start() {
      const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
      const safe = ['--appendonly', 'yes', '--appendfsync', 'always'];
      child = spawn('redis-server', [...own, ...safe, ...settings], { stdio: 'ignore' });
      for (let tries = 0; tries < 200; tries += 1) {
        const answer = await server.cli('PING').catch(() => '');
        if (answer === 'PONG' || answer.startsWith('NOAUTH')) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await server.close();
      throw new Error(`redis-server did not start on port ${port}`);
    },
    async close() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}
