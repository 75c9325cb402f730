import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './connection.ts';
import type { Reply } from './reply.ts';

/** A request by its number: that no two are alike, where that is wanted. */
export type Ask = (number: number) => Buffer | readonly Buffer[];

export interface Driven {
  readonly requests: number;
  readonly seconds: number;
  readonly bytes: number;
  /** Milliseconds, in rising order. */
  readonly times: readonly number[];
  /** Of the last reply: what the cache said. */
  readonly cacheStatus: string;
}

export interface DriveOptions {
  readonly url: string;
  readonly ask: Ask;
  readonly connections: number;
  readonly seconds: number;
}

let asked = 0;

/** As many requests as there are connections at any time, each sent when the one before it is answered. Throws at the first that is no 200. */
export async function driveClosed({ url, ask, connections, seconds }: DriveOptions): Promise<Driven> {
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const tally = new Tally();
  const open = Array.from({ length: connections }, () => new Connection(url));
  try {
    await Promise.all(
      open.map(async (connection) => {
        while (performance.now() < endsAt) {
          const sentAt = performance.now();
          tally.count(await connection.ask(ask((asked += 1))), performance.now() - sentAt, url);
        }
      }),
    );
  } finally {
    for (const connection of open) connection.close();
  }
  return tally.over((performance.now() - startedAt) / 1000);
}

/**
 * So many requests a second whatever becomes of them, each timed from when it was due: a server that stands still for a
 * while is seen to.
 */
export async function driveOpen(
  options: Omit<DriveOptions, 'connections'> & { readonly rate: number },
): Promise<Driven> {
  const { url, ask, rate, seconds } = options;
  const idle: Connection[] = [];
  const all: Connection[] = [];
  const tally = new Tally();
  const answers: Promise<void>[] = [];
  const failures: unknown[] = [];
  const startedAt = performance.now();
  const send = async (dueAt: number): Promise<void> => {
    const connection = idle.pop() ?? new Connection(url);
    all.push(connection);
    tally.count(await connection.ask(ask((asked += 1))), performance.now() - dueAt, url);
    idle.push(connection);
  };
  try {
    for (let sent = 0; sent < rate * seconds && failures.length === 0;) {
      const due = Math.min(rate * seconds, Math.floor(((performance.now() - startedAt) / 1000) * rate) + 1);
      for (; sent < due; sent += 1)
        answers.push(send(startedAt + (sent / rate) * 1000).catch((error: unknown) => void failures.push(error)));
      await sleep(1);
    }
    await Promise.all(answers);
    if (failures.length > 0) throw failures[0];
  } finally {
    for (const connection of all) connection.close();
  }
  return tally.over((performance.now() - startedAt) / 1000);
}

/** Each of them once, all at the same time. Throws where one is no 200. */
export async function askAtOnce(url: string, asks: readonly (Buffer | readonly Buffer[])[]): Promise<Driven> {
  const startedAt = performance.now();
  const tally = new Tally();
  const open = asks.map(() => new Connection(url));
  try {
    await Promise.all(
      open.map(async (connection, index) =>
        tally.count(await connection.ask(asks[index]!), performance.now() - startedAt, url),
      ),
    );
  } finally {
    for (const connection of open) connection.close();
  }
  return tally.over((performance.now() - startedAt) / 1000);
}

class Tally {
  readonly #times: number[] = [];
  #bytes = 0;
  #cacheStatus = '';

  count({ status, words, byteLength, cacheStatus }: Reply, ms: number, url: string): void {
    if (status !== 200) throw new Error(`${url} answered ${status}: ${words}`);
    this.#times.push(ms);
    this.#bytes += byteLength;
    this.#cacheStatus = cacheStatus;
  }

  over(seconds: number): Driven {
    const times = this.#times.toSorted((a, b) => a - b);
    return { requests: times.length, seconds, bytes: this.#bytes, times, cacheStatus: this.#cacheStatus };
  }
}

/** The value under which such a share of them lies: 0.5 is the median. */
export function quantile(rising: readonly number[], share: number): number {
  return rising[Math.min(rising.length - 1, Math.floor(rising.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
