import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './ports.ts';

// Apart from the suites that need it, for programs that are no tests.

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Of its process; null while it is stopped. */
  readonly pid: number | null;
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
  /** The same for a process that ends now and waits for nothing. */
  abandon(): void;
}

/** A Redis of its own on a free port, as a ledger needs it: nothing is evicted, every write is on disk. */
export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  let port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'plantain-redis-'));
  const run = promisify(execFile);
  let child: ChildProcess | null = null;
  const server: RedisServer = {
    get url() {
      return `redis://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    get pid() {
      return child?.pid ?? null;
    },
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
      const started = spawn('redis-server', [...own, ...safe, ...settings], { stdio: ['ignore', 'pipe', 'ignore'] });
      child = started;
      let said = '';
      const closed = once(started, 'close').then(() => false);
      // By its own words: whatever else may answer at this port is not the one that was started.
      const listens = new Promise<boolean>((resolve) => {
        started.stdout.on('data', (chunk: Buffer) => {
          said = (said + chunk.toString()).slice(-20_000);
          if (said.includes('Ready to accept connections')) resolve(true);
        });
      });
      if (await Promise.race([listens, closed])) return;
      child = null;
      throw new Error(`redis-server did not start on port ${port}: ${said}`);
    },
    async close() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
    abandon() {
      child?.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
  for (let tries = 1; ; tries += 1) {
    try {
      await server.start();
      return server;
    } catch (error) {
      // A program that is none of these tests may have taken the port in between.
      if (tries < 5 && String(error).includes('bind')) port = await freePort();
      else throw error;
    }
  }
}
