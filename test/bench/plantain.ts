import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { Contender } from './contender.ts';
import { onServersCore } from './cores.ts';
import type { Probed } from './probe.ts';

export const BENCH_KEY = 'sk-bench';
export const MODEL = 'gemini-3.1-flash-image';
/** The first key of a gateway that has no vendor's. */
const SIMULATOR_KEY = 'sk-plantain-dev';
const VENDORS = { VENDOR_KEY: 'upstream-secret' };
const NO_KEYS = { GEMINI_API_KEY: '', GOOGLE_API_KEY: '', WISDOM_GATE_KEY: '' };
/** Of the vendor, one picture. */
export const PICTURE_USD = 0.05;
/** How the Dockerfile has Node run. */
export const IMAGE = { flags: ['--max-semi-space-size=8'], env: { MALLOC_ARENA_MAX: '1' } } as const;
const ROOT = resolve(import.meta.dirname, '../..');
const BANNER = /^Plantain listens on (http:\S+), metrics on (http:\S+)\/metrics/m;

export interface BenchedPlantain extends Contender {
  readonly operationsUrl: string;
  readonly directory: string;
  readonly pid: number;
  /** When its process was begun, by `performance.now()`. */
  readonly begunAt: number;
  probe(): Promise<Probed>;
  close(): Promise<void>;
}

export interface PlantainOptions {
  readonly name?: string;
  readonly upstreamUrl: string;
  /** Over what is configured by itself. Null: what comes with it, whose simulator draws. */
  readonly config?: Readonly<Record<string, unknown>> | null;
  /** A checkout to measure instead of this one. */
  readonly root?: string | undefined;
  /** Where it keeps its data; absent: in a directory that goes with it. */
  readonly directory?: string;
  /** Not on the servers' core: one of several. */
  readonly isOfFleet?: boolean;
}

/** A gateway in a process of its own, with the settings of its image. Everything is on that is on by itself; its picture costs what Flash costs. */
export async function startPlantain(options: PlantainOptions): Promise<BenchedPlantain> {
  const { name = 'Plantain', upstreamUrl, config = {}, root = ROOT } = options;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'plantain-bench-'));
  if (config !== null) writeFileSync(join(directory, 'bench.yaml'), stringify({ ...configOf(upstreamUrl), ...config }));
  const begunAt = performance.now();
  const [execPath, ...words] = options.isOfFleet === true ? [process.execPath] : onServersCore([process.execPath]);
  const child = fork(join(root, 'src/start.js'), config === null ? [] : ['--config', 'bench.yaml'], {
    cwd: directory,
    execPath: execPath!,
    execArgv: [...words, ...IMAGE.flags, '--import', join(import.meta.dirname, 'probe.ts')],
    env: {
      ...process.env,
      ...IMAGE.env,
      ...(config === null ? NO_KEYS : VENDORS),
      PORT: '0',
      OPERATIONS_PORT: '0',
      ADMIN_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const [, url, operationsUrl] = await bannerOf(child);
  return {
    name,
    url: url!,
    operationsUrl: operationsUrl!,
    directory,
    pid: child.pid!,
    begunAt,
    headers: { authorization: `Bearer ${config === null ? SIMULATOR_KEY : BENCH_KEY}` },
    pids: () => [child.pid!],
    async probe() {
      child.send('probe');
      const [probed] = (await once(child, 'message')) as [Probed];
      return probed;
    },
    async close() {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function bannerOf(child: ChildProcess): Promise<RegExpExecArray> {
  let said = '';
  const banner = Promise.withResolvers<RegExpExecArray>();
  const listen = (bytes: Buffer): void => {
    said += bytes.toString();
    const found = BANNER.exec(said);
    if (found === null) return;
    // Its log is read on, and not looked at: whoever calls it would have less time the longer it runs.
    child.stdout!.off('data', listen).resume();
    banner.resolve(found);
  };
  child.stdout!.on('data', listen);
  child.once('close', (code) => banner.reject(new Error(`the gateway ended with ${code}: ${said}`)));
  return banner.promise;
}

function configOf(upstreamUrl: string): Readonly<Record<string, unknown>> {
  return {
    upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: upstreamUrl, keyFrom: 'VENDOR_KEY' }],
    models: [{ id: MODEL, targets: [{ upstream: 'vendor', model: MODEL, price: { perImageUsd: PICTURE_USD } }] }],
    tenants: [{ id: 'bench', keys: [{ key: BENCH_KEY }], budgets: [{ limitUsd: 1_000_000, per: 'day' }] }],
  };
}
