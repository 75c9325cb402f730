import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Connections } from '../../src/upstreams/connections.ts';

const servers: Server[] = [];
const opened: Connections[] = [];
afterEach(async () => {
  for (const connections of opened.splice(0)) await connections.close();
  for (const server of servers.splice(0)) server.close();
});

const answer = (words: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${words.length}\r\n\r\n${words}`;

/** Hears whole requests without bodies, and what connection each came on. */
async function vendor(
  restMs: number,
  onCall: (path: string, socket: Socket) => void,
): Promise<{ readonly connections: Connections; readonly calls: (readonly [string, number])[] }> {
  const calls: (readonly [string, number])[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const [, path] of chunk.toString('latin1').matchAll(/^GET (\S+) /gm)) {
        calls.push([path!, sockets.indexOf(socket)]);
        onCall(path!, socket);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  const { port } = server.address() as AddressInfo;
  const connections = new Connections(`http://127.0.0.1:${port}`, { pipelining: 1, allowH2: false }, restMs);
  opened.push(connections);
  return { connections, calls };
}

const get = async (connections: Connections, path: string): Promise<string> =>
  (await connections.request({ path, method: 'GET' })).body.text();

/** No test takes so long. */
const FOR_EVER_MS = 3_600_000;
/** What the end of an answer sets going has happened. */
const aWhile = (): Promise<void> => sleep(10);

test('an answer that nobody asked for is never taken for that to the next call, and ends its connection', async () => {
  let first: Socket | null = null;
  const { connections, calls } = await vendor(FOR_EVER_MS, (path, socket) => {
    first ??= socket;
    // The second call is on its way when it comes.
    if (path !== '/1') first.write(answer('poison'));
    setImmediate(() => socket.write(answer(`of ${path.slice(1)}`)));
  });
  expect(await get(connections, '/1')).toBe('of 1');
  await aWhile();
  const closed = once(first!, 'close');
  expect(await get(connections, '/2')).toBe('of 2');
  await closed;
  expect(new Set(calls.map(([, socket]) => socket)).size).toBe(2);
});

test('a connection that has rested is used again, and one that was closed meanwhile is not', async () => {
  const sockets = new Set<Socket>();
  const { connections, calls } = await vendor(0, (path, socket) => {
    sockets.add(socket);
    socket.write(answer(path));
  });
  for (const path of ['/1', '/2', '/3']) {
    expect(await get(connections, path)).toBe(path);
    await aWhile();
  }
  expect(new Set(calls.map(([, socket]) => socket)).size).toBe(1);
  for (const socket of sockets) socket.destroy();
  // One that has not heard of it yet may be tried, as any connection may die under a call.
  await expect.poll(() => get(connections, '/last').catch(() => null)).toBe('/last');
  expect(sockets.size).toBe(2);
});

test('calls at one time have a connection each', async () => {
  const waiting: (() => void)[] = [];
  const { connections, calls } = await vendor(0, (path, socket) => {
    waiting.push(() => socket.write(answer(path)));
    if (waiting.length === 3) for (const each of waiting) each();
  });
  const paths = ['/1', '/2', '/3'];
  expect(await Promise.all(paths.map((path) => get(connections, path)))).toEqual(paths);
  expect(new Set(calls.map(([, socket]) => socket)).size).toBe(3);
});

test('what cannot be reached is told, and leaves nothing behind', async () => {
  const { connections } = await vendor(0, (_, socket) => socket.destroy());
  await expect(get(connections, '/1')).rejects.toThrow();
  await connections.close();
});
