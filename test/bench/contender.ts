/** How it can be asked for a picture. */
export type Speech = 'gemini' | 'images' | 'chat';

/** One of those that are compared: before the same vendor as all. */
export interface Contender {
  readonly name: string;
  readonly url: string;
  /** What it wants beside the request itself. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of all its processes; none: what it costs is not told. */
  readonly pids: () => readonly number[];
}

/**
 * Lets one of them do something while the others stand still: some are busy with themselves long after they were asked for
 * anything. https://man7.org/linux/man-pages/man7/signal.7.html
 */
export async function alone<T>(contender: Contender, all: readonly Contender[], work: () => Promise<T>): Promise<T> {
  const own = new Set(contender.pids());
  const others = all.flatMap(({ pids }) => pids()).filter((pid) => !own.has(pid));
  try {
    for (const pid of others) process.kill(pid, 'SIGSTOP');
    return await work();
  } finally {
    for (const pid of others) process.kill(pid, 'SIGCONT');
  }
}
