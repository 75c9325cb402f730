import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { sendReply } from '../../src/http/reply.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** One exchange: what the server sends, and a client that reads only when told to. */
async function exchange(send: (response: ServerResponse) => Promise<boolean>) {
  const sent = Promise.withResolvers<boolean>();
  const server = createServer((_request, response) => void send(response).then(sent.resolve, sent.reject));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  closers.push(
    () => socket.destroy(),
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return { socket, sent: sent.promise };
}

// More than the kernel keeps for a socket that nobody reads.
const picture = Array.from({ length: 64 }, (_, index) => Buffer.alloc(1 << 20, index));
const reply = { status: 200, headers: {}, chunks: picture, byteLength: 64 << 20 };

describe('sending a reply', () => {
  test('all of it arrives, with its true length, at a reader that pauses', async () => {
    const { socket, sent } = await exchange((response) => sendReply(response, reply));
    let bytes = 0;
    let pauses = 0;
    socket.on('data', (chunk: Buffer) => {
      if (bytes === 0) expect(chunk.toString('latin1')).toContain(`content-length: ${64 << 20}\r\n`);
      bytes += chunk.length;
      if (bytes > (pauses + 1) << 24) {
        pauses += 1;
        socket.pause();
        setTimeout(() => socket.resume(), 5);
      }
    });
    socket.resume();
    expect(await sent).toBe(true);
    await expect.poll(() => bytes).toBeGreaterThan(64 << 20);
  });

  test('a reader that takes nothing is given up', async () => {
    const { sent } = await exchange((response) => sendReply(response, reply, 50));
    expect(await sent).toBe(false);
  });

  test('a reader that hangs up is told of', async () => {
    const { socket, sent } = await exchange((response) => sendReply(response, reply));
    socket.once('readable', () => socket.destroy());
    expect(await sent).toBe(false);
  });
});
