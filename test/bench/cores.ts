import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Of the machine: asked before this process is kept off any. */
const CORES = availableParallelism();

/** Whether servers have one core to themselves, and callers and the vendor the others. */
export const isPinned = CORES > 1 && spawnSync('taskset', ['--version']).status === 0;

/** Of what is measured. */
export function onServersCore(command: readonly string[]): readonly string[] {
  return isPinned ? ['taskset', '-c', '0', ...command] : command;
}

/** This process, and those it starts from now on: where all are measured together, and want all there is. */
export function goToAnyCore(): void {
  pin(`0-${CORES - 1}`);
}

/** This process, and those it starts that are not measured. https://man7.org/linux/man-pages/man1/taskset.1.html */
export function keepOffServersCore(): void {
  pin(`1-${CORES - 1}`);
}

function pin(cores: string): void {
  if (!isPinned) return;
  execFileSync('taskset', ['-a', '-p', '-c', cores, String(process.pid)], { stdio: 'ignore' });
}

export interface Spent {
  readonly cpuMs: number;
  /** The most there was of all of them at once, roughly: the sum of each one's most. */
  readonly peakBytes: number;
}

/** Of all these processes since they began; the most memory since `forgetPeaks`. */
export function spentBy(pids: readonly number[]): Spent {
  let [cpuMs, peakBytes] = [0, 0];
  for (const pid of pids) {
    const fields = textOf(`/proc/${pid}/stat`)
      .replace(/^.*\) /, '')
      .split(' ');
    // https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: in hundredths of a second.
    cpuMs += (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10;
    peakBytes += Number(/^VmHWM:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
  }
  return { cpuMs, peakBytes };
}

/** Of these processes the most memory is counted anew. */
export function forgetPeaks(pids: readonly number[]): void {
  for (const pid of pids) spawnSync('sh', ['-c', `echo 5 > /proc/${pid}/clear_refs`], { stdio: 'ignore' });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
