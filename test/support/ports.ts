import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

// For programs that cannot be told to take a port by themselves and say which. The gateway can: it is given port 0.

/** Below those that the system gives to connections (from 32,768 on Linux), and above what is usually served. */
const FIRST = 15_000;
const LAST = 32_000;
/** Each process of tests begins elsewhere, so that it seldom meets another. */
const STEP = 211;
/** What listens here keeps a port for its process, and dies with it, while what the port is for starts, stops and starts. */
const RESERVED = '127.0.0.2';
const SERVED = '127.0.0.1';

let next = FIRST + ((process.pid * STEP) % (LAST - FIRST));

/** A port of 127.0.0.1 that nobody listens on, and that no process of tests has been given before, as long as that lives. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < LAST - FIRST; tries += 1) {
    const port = next;
    next = next === LAST ? FIRST : next + 1;
    const reserved = await listen(port, RESERVED);
    if (reserved === 'taken') continue;
    const probe = await listen(port, SERVED);
    if (probe !== 'taken') {
      if (probe !== null) await closed(probe);
      reserved?.unref();
      return port;
    }
    if (reserved !== null) await closed(reserved);
  }
  throw new Error('no port is free');
}

/** Null: there is no such address here. macOS has only the first of this network. */
async function listen(port: number, host: string): Promise<Server | 'taken' | null> {
  const server = createServer((socket) => socket.destroy()).listen(port, host);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRNOTAVAIL') return null;
    return 'taken';
  }
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
