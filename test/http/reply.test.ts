import { once } from 'node:events';
import { IncomingMessage, ServerResponse, createServer } from 'node:http';
import { Socket, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { sendReply, sendStream } from '../../src/http/reply.ts';

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

  test('to a reader that takes all at once, others have their turn in between', async () => {
    const request = Object.assign(new IncomingMessage(new Socket()), { complete: true });
    const response = new ServerResponse(request);
    let bytes = 0;
    let afterAnotherTurn = 0;
    let most = 0;
    const greedy = new Writable({
      highWaterMark: 1 << 30,
      write(chunk: Buffer, _encoding, taken) {
        bytes += chunk.length;
        most = Math.max(most, bytes - afterAnotherTurn);
        taken();
      },
    });
    response.assignSocket(Object.assign(greedy, { setTimeout: () => greedy }) as unknown as Socket);
    response.on('finish', () => response.emit('close'));
    let turns = setImmediate(function another() {
      afterAnotherTurn = bytes;
      turns = setImmediate(another);
    });
    closers.push(() => clearImmediate(turns));

    const one = { ...reply, chunks: [Buffer.concat(picture)] };
    expect(await sendReply(response, one)).toBe(true);
    expect(bytes).toBeGreaterThan(64 << 20);
    expect(most).toBeLessThan(6 << 20);
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

describe('sending a stream', () => {
  /** Tells how many of its pieces were asked for. */
  const streamed = (pieces: readonly Uint8Array[]) => {
    const asked = { count: 0, isDone: false };
    const made = async function* () {
      for (const piece of pieces) {
        asked.count += 1;
        yield [piece];
      }
      asked.isDone = true;
    };
    const told = { status: 200, headers: { trailer: 'x-late' }, trailers: () => ({ 'x-late': 'known' }) };
    return { asked, reply: { ...told, pieces: made(), readyAt: () => 0 } };
  };

  test('each piece is a burst of its own, and what is known last is in the trailers', async () => {
    const { reply } = streamed([Buffer.from('one\n'), Buffer.from('two\n')]);
    const { socket, sent } = await exchange((response) => sendStream(response, reply).then(({ arrived }) => arrived));
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
    socket.resume();
    expect(await sent).toBe(true);
    await expect.poll(() => heard).toMatch(/\r\n4\r\none\n\r\n4\r\ntwo\n\r\n0\r\nx-late: known\r\n\r\n$/);
  });

  test('no more of it is asked for than the reader takes; once that is gone, all of it is', async () => {
    const { reply, asked } = streamed(picture);
    const { socket, sent } = await exchange((response) => sendStream(response, reply).then(({ arrived }) => arrived));
    await expect.poll(() => asked.count).toBeGreaterThan(0);
    let before = -1;
    // Until the kernel takes no more for a socket that nobody reads.
    await expect.poll(() => before === (before = asked.count), { interval: 50 }).toBe(true);
    expect(asked.count).toBeLessThan(picture.length);
    socket.destroy();
    expect(await sent).toBe(false);
    expect(asked).toEqual({ count: picture.length, isDone: true });
  });

  test('a reader that takes nothing is given up, and all of it is asked for', async () => {
    const { reply, asked } = streamed(picture);
    const { sent } = await exchange((response) => sendStream(response, reply, 50).then(({ arrived }) => arrived));
    expect(await sent).toBe(false);
    expect(asked.isDone).toBe(true);
  });
});
