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

/** The `plantain` command as a process of its own, on the data directory of a gateway. */
export async function plantain(directory: string, ...words: readonly string[]): Promise<Said> {
  const child = spawn(process.execPath, [PLANTAIN, ...words, '--data-dir', 'data'], {
    cwd: directory,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
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
