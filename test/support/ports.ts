import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that the system gives to connections (from 32,768 on Linux), and above what is usually served. */
const FIRST = 15_000;
const LAST = 32_000;
/** Each process of tests begins elsewhere: two that look at the same time would find the same one free. */
const STEP = 211;

let next = FIRST + ((process.pid * STEP) % (LAST - FIRST));

/** A port of the loopback interface that nobody listens on, and that this process has not given before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < LAST - FIRST; tries += 1) {
    const port = next;
    next = next === LAST ? FIRST : next + 1;
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
