import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const PLANTAIN = resolve(import.meta.dirname, '../../src/plantain.js');

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The `plantain` command as a process of its own, with nothing in its environment but what is given. */
export async function plantain(
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
