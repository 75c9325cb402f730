import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ReplyName } from './replies.ts';

/** What the vendor answers from now on, and after how long. */
export interface Mood {
  readonly reply: ReplyName;
  /** Null: when another mood comes over it, so that all calls until then are in the air at once. */
  readonly delayMs: number | null;
  /** Another picture each time, of the same size. */
  readonly isVaried?: boolean;
}

/** What its process is asked. */
export type Question = Mood | 'calls' | 'most';

export interface BenchUpstream {
  readonly url: string;
  /** Resolves when it will answer so. */
  set(mood: Mood): Promise<void>;
  /** Calls since the last question. */
  calls(): Promise<number>;
  /** The most calls that were unanswered at one time since the last question. */
  most(): Promise<number>;
  close(): Promise<void>;
}

/** A vendor that costs as little as one can: the same bytes for every call, out of a process of its own. */
export async function startUpstream(): Promise<BenchUpstream> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'upstream-process.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ask = async (question: Question): Promise<number> => {
    child.send(question);
    const [answer] = (await once(child, 'message')) as [number];
    return answer;
  };
  const [port] = (await once(child, 'message')) as [number];
  return {
    url: `http://127.0.0.1:${port}`,
    async set(mood) {
      await ask(mood);
    },
    calls: () => ask('calls'),
    most: () => ask('most'),
    async close() {
      const ended = once(child, 'close');
      child.kill();
      await ended;
    },
  };
}
