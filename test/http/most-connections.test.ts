import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startSmallServer } from './small-server.ts';

test('connections above as many as may be are closed, and those that are open go on', async () => {
  const server = await startSmallServer({ connections: 2 });
  onTestFinished(server.close);
  const { hostname, port } = new URL(server.url);
  const open = async (): Promise<Socket> => {
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return socket;
  };
  const ask = async (socket: Socket): Promise<string> => {
    socket.write('GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    return chunk.toString('latin1').slice(0, 12);
  };
  const [first, second] = [await open(), await open()];
  expect([await ask(first), await ask(second)]).toEqual(['HTTP/1.1 401', 'HTTP/1.1 401']);
  const third = connect(Number(port), hostname);
  await once(third, 'close');
  expect(await ask(first)).toBe('HTTP/1.1 401');
  second.destroy();
  await expect
    .poll(async () => {
      const socket = connect(Number(port), hostname);
      const said = await Promise.race([ask(socket).catch(() => 'closed'), once(socket, 'close').then(() => 'closed')]);
      socket.destroy();
      return said;
    })
    .toBe('HTTP/1.1 401');
  first.destroy();
});
