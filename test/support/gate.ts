import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A wire that a test can stop: between a gateway and its upstream. */
export interface Gate {
  readonly url: string;
  /** Whether requests are swallowed: they leave the gateway and reach nobody. */
  swallow: boolean;
  /** So many bytes of each reply get through. */
  replyBytes: number;
  /** Bytes of replies that got through while not all may. */
  readonly passed: number;
  close(): Promise<void>;
}

export async function openGate(target: string): Promise<Gate> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const state = { swallow: false, replyBytes: Infinity, passed: 0 };
  const server = createServer((down) => {
    const up = connect(Number(port), hostname);
    let left = state.replyBytes;
    for (const socket of [down, up]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        down.destroy();
        up.destroy();
      });
    }
    down.on('data', (bytes) => {
      left = state.replyBytes;
      if (!state.swallow) up.write(bytes);
    });
    up.on('data', (bytes) => {
      const some = bytes.subarray(0, Math.min(left, bytes.byteLength));
      left -= some.byteLength;
      if (state.replyBytes !== Infinity) state.passed += some.byteLength;
      if (some.byteLength > 0) down.write(some);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gate = Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
  return gate;
}
