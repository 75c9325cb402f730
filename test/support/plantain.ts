import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect } from 'vitest';

const PLANTAIN = resolve(import.meta.dirname, '../../src/plantain.js');

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The `plantain` command as a process of its own, with nothing in its environment but what is given. */
export async function plantainWith(
  directory: string,
  environment: Readonly<Record<string, string>>,
  ...words: readonly string[]
): Promise<Said> {
  const child = spawn(process.execPath, [PLANTAIN, ...words], {
    cwd: directory,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

/** The same on the data directory of a gateway. */
export function plantain(directory: string, ...words: readonly string[]): Promise<Said> {
  return plantainWith(directory, {}, ...words, '--data-dir', 'data');
}

export interface UsageReport {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly total: Readonly<Record<string, unknown>>;
}

export async function usage(directory: string, by: string): Promise<UsageReport> {
  const { code, stdout } = await plantain(directory, 'usage', '--by', by, '--format', 'json');
  expect(code).toBe(0);
  return JSON.parse(stdout) as UsageReport;
}
