import { write, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Lines on their way to a file descriptor. Whatever becomes of them, nobody waits for it and nothing fails by it. */
export interface LineWriter {
  /** With its line feed. */
  write(line: string): void;
  /** Resolves when all that was written is there or lost, or after a second: who does not read must not keep a process from its end. */
  flush(): Promise<void>;
  /** The same at the very end of the process, where nothing can be waited for. */
  flushAtExit(): void;
  /** Hears from now on how many lines were lost, each time some are. */
  watch(onLost: (lines: number) => void): void;
}

/** Of a reader that stands still for a minute or so at a thousand requests a second. */
const MOST_WAITING_BYTES = 32 << 20;
const FLUSH_MS = 1_000;
/** A pipe that is full, at the very end: half a second. */
const TRIES_AT_EXIT = 50;
const FULL_MS = 10;

/**
 * One batch after the other: what comes while one is written is the next. A batch that cannot be written (a full disk, a
 * terminal or a pipe that is gone) is lost, and told in the first one that can.
 */
export function lineWriter(fd: number): LineWriter {
  let waiting: string[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | null = null;
  let untold = 0;
  let onLost = (_lines: number): void => undefined;

  function lose(lines: number): void {
    untold += lines;
    onLost(lines);
  }

  function next(): { readonly bytes: Buffer; readonly lines: number } {
    const lines = waiting.length;
    // What was lost is told before what was not.
    if (untold > 0) waiting.unshift(lossLine(untold));
    const bytes = Buffer.from(waiting.join(''));
    [waiting, waitingBytes] = [[], 0];
    return { bytes, lines };
  }

  async function work(): Promise<void> {
    while (waiting.length > 0) {
      const told = untold;
      const { bytes, lines } = next();
      try {
        await writeAll(fd, bytes);
        untold -= told;
      } catch {
        lose(lines);
      }
    }
    writing = null;
  }

  return {
    write(line) {
      if (waitingBytes + line.length > MOST_WAITING_BYTES) return lose(1);
      waiting.push(line);
      waitingBytes += line.length;
      writing ??= work();
    },
    async flush() {
      await Promise.race([writing, sleep(FLUSH_MS, undefined, { ref: false })]);
    },
    flushAtExit() {
      let { bytes } = next();
      for (let tries = 0; bytes.length > 0 && tries < TRIES_AT_EXIT;)
        try {
          bytes = bytes.subarray(writeSync(fd, bytes));
        } catch (error) {
          if (!isFull(error)) return;
          tries += 1;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MS);
        }
    },
    watch: (told) => void (onLost = told),
  };
}

async function writeAll(fd: number, bytes: Buffer): Promise<void> {
  for (let rest = bytes; rest.length > 0;)
    try {
      rest = rest.subarray(await writeSome(fd, rest));
    } catch (error) {
      if (!isFull(error)) throw error;
      await sleep(FULL_MS);
    }
}

function writeSome(fd: number, bytes: Buffer): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  write(fd, bytes, (error, written) => (error === null ? resolve(written) : reject(error)));
  return promise;
}

/** A pipe whose reader is slow, and that somebody has made not to block. */
function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}

function lossLine(lines: number): string {
  const told = {
    level: 40,
    time: new Date().toISOString(),
    lines,
    msg: 'log: lines were lost: they could not be written',
  };
  return `${JSON.stringify(told)}\n`;
}
