import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Account } from '../../src/tenants/state.ts';

/** Starts spender.ts as a process of its own and listens to it. */
export function spender(file: string, account: Account) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'spender.ts'), file, JSON.stringify(account)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface(child.stdout).on('line', (line) => lines.push(line));
  const read = once(reader, 'close');
  return {
    lines,
    /** Resolves when it has said so many lines. */
    async said(count: number): Promise<void> {
      while (lines.length < count) await once(reader, 'line');
    },
    async ended(): Promise<void> {
      await read;
    },
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await read;
    },
  };
}
