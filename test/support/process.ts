import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { afterEach, expect } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const START = join(ROOT, 'src/start.js');

/** What it prints when it listens; an admin port only where there is one. */
const BANNER =
  /^Plantain listens on (?<api>http:\S+), metrics on (?<operations>http:\S+)\/metrics(?:, the admin API on (?<admin>http:\S+))?\. /m;

export interface GatewayProcess {
  readonly pid: number;
  /** Of the API. This and the addresses are known once it is ready. */
  readonly port: number;
  readonly url: string;
  readonly operationsUrl: string;
  readonly adminUrl: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it has said where it listens. */
  ready(): Promise<void>;
}

export interface ProcessOptions {
  readonly directory: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What its shell is told before it becomes the gateway: `ulimit -n 64`, `exec >/dev/full`. */
  readonly shell?: string;
}

const running = new Set<GatewayProcess>();
const directories: string[] = [];
let said = '';

/** Whatever the processes of these tests ever wrote. */
export const everythingSaid = (): string => said;

afterEach(async () => {
  for (const child of running) {
    child.kill('SIGKILL');
    await child.ended;
  }
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** An empty directory to start in. */
export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'plantain-process-'));
  directories.push(directory);
  return directory;
}

export function writeConfig(directory: string, config: unknown): string {
  writeFileSync(join(directory, 'my.yaml'), typeof config === 'string' ? config : stringify(config));
  return 'my.yaml';
}

/** The gateway as `npm start` runs it, on ports that are free, with nothing in its environment but what is given. */
export function startProcess({ directory, args = [], env = {}, shell: before }: ProcessOptions): GatewayProcess {
  const line = [process.execPath, START, ...args];
  const [command, ...words] = before === undefined ? line : ['bash', '-c', `${before}; exec "$0" "$@"`, ...line];
  const child = spawn(command!, words, {
    cwd: directory,
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      // What one of them compiled the next need not: https://nodejs.org/api/module.html#module-compile-cache
      NODE_COMPILE_CACHE: join(tmpdir(), 'plantain-test-compiled'),
      PORT: '0',
      OPERATIONS_PORT: '0',
      ADMIN_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    said += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    said += chunk.toString();
  });
  const address = (which: 'api' | 'operations' | 'admin'): string => {
    const url = BANNER.exec(stdout)?.groups?.[which];
    if (url === undefined) throw new Error(`it has not said where it listens (${which}): ${stdout}${stderr}`);
    return url;
  };
  const gateway: GatewayProcess = {
    pid: child.pid ?? 0,
    get port() {
      return Number(new URL(address('api')).port);
    },
    get url() {
      return address('api');
    },
    get operationsUrl() {
      return address('operations');
    },
    get adminUrl() {
      return address('admin');
    },
    stdout: () => stdout,
    stderr: () => stderr,
    ended: new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(gateway);
        resolve(code ?? signal ?? 'SIGKILL');
      });
    }),
    kill: (signal) => void child.kill(signal),
    async ready() {
      const outcome = expect.poll(() => stdout).toMatch(BANNER);
      const early = gateway.ended.then((code) => {
        throw new Error(`it ended with ${code}: ${stderr}`);
      });
      await Promise.race([outcome, early]);
    },
  };
  running.add(gateway);
  return gateway;
}

/** What a shell prints for a line. */
export async function shell(line: string, directory: string): Promise<string> {
  const child = spawn('bash', ['-c', line], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await once(child, 'close');
  return printed;
}
