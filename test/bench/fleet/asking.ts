import { Connection } from '../load/connection.ts';
import type { Ask } from '../load/drive.ts';

export interface Question {
  readonly url: string;
  readonly request: ReturnType<Ask>;
}

/** One request by its number, to the instances by turns. */
export function byTurns(
  instances: readonly { readonly url: string }[],
  ask: Ask,
  from: number,
  count: number,
): readonly Question[] {
  return Array.from({ length: count }, (_, index) => ({
    url: instances[index % instances.length]!.url,
    request: ask(from + index),
  }));
}

/** What each was answered with, in their order; so many of them are unanswered at any time. */
export async function askAll(questions: readonly Question[], atOnce: number): Promise<readonly number[]> {
  const statuses: number[] = [];
  const open: Connection[] = [];
  let next = 0;
  const walk = async (): Promise<void> => {
    // Each instance has connections that are kept, as callers keep theirs.
    const own = new Map<string, Connection>();
    while (next < questions.length) {
      const index = next++;
      const { url, request } = questions[index]!;
      const connection = own.get(url) ?? new Connection(url);
      if (!own.has(url)) open.push(connection);
      own.set(url, connection);
      statuses[index] = (await connection.ask(request)).status;
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, questions.length) }, walk));
  } finally {
    for (const connection of open) connection.close();
  }
  return statuses;
}

/** The same where all have to be answered with a picture. */
export async function askGladly(questions: readonly Question[], atOnce: number): Promise<void> {
  const statuses = await askAll(questions, atOnce);
  const strange = statuses.find((status) => status !== 200);
  if (strange !== undefined) throw new Error(`an instance answered ${strange} where it owed a picture`);
}
