import { createHash } from 'node:crypto';
import { Connection } from './redis/connection.ts';
import type { Reply } from './redis/connection.ts';
import { RedisFailure } from './redis/failure.ts';

export type { Reply } from './redis/connection.ts';
export { RedisFailure } from './redis/failure.ts';

/** A script that Redis runs in one step. Made once by `script`. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha1: string;
}

/** What a command came to: for the metrics. */
export type RedisOutcome = 'ok' | 'refused' | 'late' | 'down';

export interface RedisEvents {
  /** A connection was made, the first one too: what an earlier one was asked for last may or may not be done. */
  connected(): void;
  /** A connection was lost; it is sought again for ever. The words hold no secret. */
  lost(reason: string): void;
  /** One command, by its name or its script's. */
  done(op: string, outcome: RedisOutcome, seconds: number): void;
}

/**
 * One Redis for the whole process. Every command has a deadline of its caller's, and none is kept for later: it is done
 * within that time, or rejects with RedisFailure. The connection comes back by itself, however long that takes.
 */
export interface Redis {
  /** Runs a script with all of its keys named, sending its text only where the server does not know it. */
  run(script: Script, keys: readonly string[], args: readonly string[], deadlineMs: number): Promise<Reply>;
  command(args: readonly string[], deadlineMs: number): Promise<Reply>;
  publish(channel: string, message: string, deadlineMs: number): Promise<void>;
  /**
   * Hears what is published, until the function is called. `onListening` is called each time the listening begins, after
   * every loss too: what was published before, nobody here has heard.
   */
  subscribe(channel: string, onMessage: (message: string) => void, onListening: () => void): () => void;
  /** Told from now on of what happens to the connection. */
  watch(events: Partial<RedisEvents>): void;
  /** Why nothing can be asked now, in words without a secret; null when all is well. */
  trouble(): string | null;
  close(): Promise<void>;
}

/** A listener has its own connection, and no caller waits for it. */
const SUBSCRIBE_MS = 5_000;
const SUBSCRIBE_AGAIN_MS = 1_000;

export function script(name: string, lua: string): Script {
  return { name, lua, sha1: createHash('sha1').update(lua).digest('hex') };
}

/** Connects in the background: a Redis that is down makes this no slower, and is sought for ever. `url` as `parseRedisAddress` took it. */
export function openRedis(url: string): Redis {
  const watchers: Partial<RedisEvents>[] = [];
  const main = new Connection({
    url,
    name: 'plantain',
    onConnected: () => watchers.forEach((watcher) => watcher.connected?.()),
    onLost: (reason) => watchers.forEach((watcher) => watcher.lost?.(reason)),
  });
  const listening = listen(url);

  async function timed(op: string, work: () => Promise<Reply>): Promise<Reply> {
    const startedAt = performance.now();
    let outcome: RedisOutcome = 'ok';
    try {
      return await work();
    } catch (error) {
      outcome = error instanceof RedisFailure ? error.kind : 'down';
      // A replica, or a server that was made one: the address may lead to the new primary by now.
      if (error instanceof RedisFailure && error.code === 'READONLY') main.reconnect('it is read-only (READONLY)');
      throw error;
    } finally {
      const seconds = (performance.now() - startedAt) / 1000;
      for (const watcher of watchers) watcher.done?.(op, outcome, seconds);
    }
  }

  return {
    run: (script, keys, args, deadlineMs) =>
      timed(script.name, () => evaluate(main, script, [String(keys.length), ...keys, ...args], deadlineMs)),
    command: (args, deadlineMs) => timed(args[0]!.toLowerCase(), () => main.send(args, deadlineMs)),
    async publish(channel, message, deadlineMs) {
      await timed('publish', () => main.send(['PUBLISH', channel, message], deadlineMs));
    },
    subscribe: listening.subscribe,
    watch: (events) => void watchers.push(events),
    trouble: () => main.trouble,
    close() {
      main.close();
      listening.close();
      return Promise.resolve();
    },
  };
}

/**
 * A connection of its own for what is long: whoever waits for a short reply does not wait behind it. Values are bytes both
 * ways. Fails as Redis does.
 */
export interface RedisBytes {
  run(script: Script, keys: readonly string[], args: readonly (string | Buffer)[], deadlineMs: number): Promise<Reply>;
  command(args: readonly (string | Buffer)[], deadlineMs: number): Promise<Reply>;
  trouble(): string | null;
  close(): void;
}

export function openRedisBytes(url: string): RedisBytes {
  const nothing = (): void => undefined;
  const connection = new Connection({
    url,
    name: 'plantain-bytes',
    inBytes: true,
    onConnected: nothing,
    onLost: nothing,
  });
  return {
    run: (script, keys, args, deadlineMs) =>
      evaluate(connection, script, [String(keys.length), ...keys, ...args], deadlineMs),
    command: (args, deadlineMs) => connection.send(args, deadlineMs),
    trouble: () => connection.trouble,
    close: () => connection.close(),
  };
}

async function evaluate(
  connection: Connection,
  script: Script,
  words: readonly (string | Buffer)[],
  deadlineMs: number,
): Promise<Reply> {
  const startedAt = performance.now();
  try {
    return await connection.send(['EVALSHA', script.sha1, ...words], deadlineMs);
  } catch (error) {
    if (!(error instanceof RedisFailure) || error.code !== 'NOSCRIPT') throw error;
    const left = Math.max(1, deadlineMs - (performance.now() - startedAt));
    return connection.send(['EVAL', script.lua, ...words], left);
  }
}

interface Listener {
  readonly onMessage: (message: string) => void;
  readonly onListening: () => void;
}

interface Channel {
  readonly listeners: Set<Listener>;
  /** One for the channel's life: the client takes the same one twice as once. */
  readonly tell: (message: string) => void;
}

/** The second connection, made when somebody first listens: one that listens may ask nothing else. */
function listen(url: string): Pick<Redis, 'subscribe'> & { close(): void } {
  const channels = new Map<string, Channel>();
  let connection: Connection | null = null;
  let again: NodeJS.Timeout | undefined;
  let closed = false;

  async function begin(some: Iterable<readonly [string, Channel]>): Promise<void> {
    try {
      for (const [name, { listeners, tell }] of some) {
        if (connection === null || closed) return;
        await connection.subscribe(name, tell, SUBSCRIBE_MS);
        for (const { onListening } of listeners) onListening();
      }
    } catch {
      // A lost connection says so when it is back; one that is only slow is asked again.
      if (closed) return;
      clearTimeout(again);
      again = setTimeout(() => connection?.reconnect('it did not take a subscription'), SUBSCRIBE_AGAIN_MS).unref();
    }
  }

  function channelOf(name: string): Channel {
    const listeners = new Set<Listener>();
    const tell = (message: string): void => listeners.forEach(({ onMessage }) => onMessage(message));
    const channel = channels.get(name) ?? { listeners, tell };
    channels.set(name, channel);
    return channel;
  }

  return {
    subscribe(name, onMessage, onListening) {
      const listener: Listener = { onMessage, onListening };
      const channel = channelOf(name);
      channel.listeners.add(listener);
      if (connection === null) {
        const onConnected = (): void => void begin([...channels]);
        connection = new Connection({ url, name: 'plantain-listener', onConnected, onLost: () => undefined });
      } else if (connection.trouble === null) void begin([[name, channel]]);
      return () => void channel.listeners.delete(listener);
    },
    close() {
      closed = true;
      clearTimeout(again);
      connection?.close();
    },
  };
}
