import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../support/ports.ts';
import type { Contender } from '../contender.ts';
import { onServersCore } from '../cores.ts';

/** Where rivals that are packages are installed, once: `PLANTAIN_BENCH_RIVALS`, or a directory for temporary files. */
const SCRATCH = process.env['PLANTAIN_BENCH_RIVALS'] ?? join(tmpdir(), 'plantain-rivals');
export const VERSIONS = { portkey: '1.15.2', litellm: '1.108.7' } as const;
const ON_LOOPBACK = join(import.meta.dirname, 'on-loopback.ts');
const STARTED_WITHIN_MS = 90_000;

interface Started {
  readonly child: ChildProcess;
  close(): Promise<void>;
}

/** Those that are here, by name, before one vendor; and why others are not. */
export interface Rivals {
  readonly contenders: readonly Contender[];
  readonly missing: readonly string[];
  close(): Promise<void>;
}

export async function startRivals(vendorUrl: string, names: readonly RivalName[]): Promise<Rivals> {
  const contenders: Contender[] = [];
  const missing: string[] = [];
  const closers: (() => Promise<void>)[] = [];
  for (const name of names)
    try {
      const { found, close } = await RIVALS[name](vendorUrl);
      contenders.push(...found);
      closers.push(close);
    } catch (error) {
      missing.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  return {
    contenders,
    missing,
    close: async () => void (await Promise.all(closers.map((close) => close()))),
  };
}

type Starter = (
  vendorUrl: string,
) => Promise<{ readonly found: readonly Contender[]; readonly close: () => Promise<void> }>;

const RIVALS = {
  nginx: startNginx,
  haproxy: startHaproxy,
  portkey: startPortkey,
  litellm: startLitellm,
} as const satisfies Record<string, Starter>;
export type RivalName = keyof typeof RIVALS;

async function startNginx(vendorUrl: string): ReturnType<Starter> {
  const directory = newDirectory();
  const [plain, kept, cache] = [await freePort(), await freePort(), await freePort()];
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const words = { USER: user, VENDOR: new URL(vendorUrl).host, PORT: plain, KEPT: kept, CACHE: cache };
  fill('nginx.conf', directory, words);
  const started = launch('nginx', ['-p', directory, '-c', 'nginx.conf', '-e', 'errors'], { directory });
  await listening(`http://127.0.0.1:${plain}/up`, started);
  const pids = (): readonly number[] => familyOf(started.child.pid!);
  const of = (name: string, port: number): Contender => ({
    name,
    url: `http://127.0.0.1:${port}`,
    headers: {},
    pids,
  });
  return {
    found: [of('nginx', plain), of('nginx, kept alive', kept), of('nginx cache', cache)],
    close: started.close,
  };
}

async function startHaproxy(vendorUrl: string): ReturnType<Starter> {
  const directory = newDirectory();
  const port = await freePort();
  fill('haproxy.cfg', directory, { VENDOR: new URL(vendorUrl).host, PORT: port });
  const started = launch('haproxy', ['-db', '-f', 'haproxy.cfg'], { directory });
  const url = `http://127.0.0.1:${port}`;
  await listening(url, started);
  return {
    found: [{ name: 'haproxy', url, headers: {}, pids: () => [started.child.pid!] }],
    close: started.close,
  };
}

/** https://github.com/Portkey-AI/gateway: its npm package, asked as its own documentation asks it. */
async function startPortkey(vendorUrl: string): ReturnType<Starter> {
  const home = join(SCRATCH, 'portkey');
  const program = join(home, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  if (!existsSync(program)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{"private":true}');
    run(
      'npm',
      ['install', '--no-audit', '--no-fund', '--ignore-scripts', `@portkey-ai/gateway@${VERSIONS.portkey}`],
      home,
    );
  }
  const port = await freePort();
  const started = launch(process.execPath, ['--import', ON_LOOPBACK, program, '--headless', `--port=${port}`], {
    directory: newDirectory(),
    env: { NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' },
  });
  const url = `http://127.0.0.1:${port}`;
  await listening(url, started);
  const headers = {
    authorization: 'Bearer upstream-secret',
    'x-portkey-provider': 'google',
    'x-portkey-custom-host': `${vendorUrl}/v1beta`,
  };
  return {
    found: [{ name: 'Portkey', url, headers, pids: () => familyOf(started.child.pid!) }],
    close: started.close,
  };
}

/** https://docs.litellm.ai/docs/simple_proxy: where Python packages can be had. */
async function startLitellm(vendorUrl: string): ReturnType<Starter> {
  const home = join(SCRATCH, 'litellm');
  const program = join(home, 'bin/litellm');
  if (!existsSync(program)) {
    run('python3', ['-m', 'venv', home], tmpdir());
    run(
      join(home, 'bin/pip'),
      ['install', '-q', '--disable-pip-version-check', `litellm[proxy]==${VERSIONS.litellm}`],
      home,
    );
  }
  const directory = newDirectory();
  fill('litellm.yaml', directory, { VENDOR_URL: vendorUrl });
  const port = await freePort();
  const words = ['--config', 'litellm.yaml', '--host', '127.0.0.1', '--port', String(port), '--num_workers', '1'];
  const started = launch(program, words, { directory, env: { LITELLM_LOG: 'ERROR', LITELLM_MODE: 'PRODUCTION' } });
  const url = `http://127.0.0.1:${port}`;
  await listening(`${url}/health/liveliness`, started);
  return {
    found: [
      {
        name: 'LiteLLM',
        url,
        headers: { authorization: 'Bearer sk-bench' },
        pids: () => familyOf(started.child.pid!),
      },
    ],
    close: started.close,
  };
}

function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'plantain-bench-rival-'));
}

/** A configuration out of this folder, with its words in capitals filled in. */
function fill(file: string, directory: string, words: Readonly<Record<string, string | number>>): void {
  const text = readFileSync(join(import.meta.dirname, file), 'utf8');
  const filled = text.replaceAll(/\b[A-Z][A-Z_]+\b/g, (word) => (word in words ? String(words[word]) : word));
  writeFileSync(join(directory, file), filled);
}

function run(command: string, words: readonly string[], cwd: string): void {
  console.error(`installing a rival: ${command} ${words.join(' ')}`);
  execFileSync(command, words, { cwd, stdio: ['ignore', 'ignore', 'ignore'], timeout: 300_000 });
}

function launch(
  command: string,
  words: readonly string[],
  { directory, env = {} }: { readonly directory: string; readonly env?: Readonly<Record<string, string>> },
): Started {
  const [program, ...rest] = onServersCore([command, ...words]);
  const child = spawn(program!, rest, {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: directory, ...env },
    stdio: 'ignore',
  });
  const ended = once(child, 'close').catch(() => undefined);
  return {
    child,
    async close() {
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(5_000, undefined, { ref: false })]);
      child.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Resolves when it answers, whatever it says. */
async function listening(url: string, started: Started): Promise<void> {
  const failures: unknown[] = [];
  started.child.once('error', (error) => failures.push(error));
  const endsAt = performance.now() + STARTED_WITHIN_MS;
  while (failures.length === 0 && started.child.exitCode === null && performance.now() < endsAt) {
    if ((await fetch(url).catch(() => null)) !== null) return;
    await sleep(50);
  }
  await started.close();
  throw new Error('it does not start', { cause: failures[0] });
}

/** A process and all that came of it. Linux: https://man7.org/linux/man-pages/man5/proc_tid_children.5.html */
function familyOf(pid: number): readonly number[] {
  let children: readonly number[] = [];
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    children = text === '' ? [] : text.split(' ').map(Number);
  } catch {
    // It has ended, or this is no Linux.
  }
  return [pid, ...children.flatMap((child) => familyOf(child))];
}
