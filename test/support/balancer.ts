import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Several times within the moment for which an instance that is about to end still takes what comes. */
const LOOK_EVERY_MS = 50;

export interface Balancer {
  readonly url: string;
  /** Requests that it could not have answered, and why. */
  readonly lost: readonly string[];
  close(): Promise<void>;
}

/**
 * The least that stands before several instances: each request goes to the next of them that said of late that it is
 * ready. A request is made again only where it was never sent, for there was no connection: a POST may not be made again
 * otherwise (https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2). `idleMs`: how long it keeps a connection for the next
 * request; 0: not at all.
 */
export async function startBalancer(ports: readonly number[], idleMs: number): Promise<Balancer> {
  const agent = idleMs === 0 ? new Agent({ keepAlive: false }) : new Agent({ keepAlive: true, timeout: idleMs });
  const lost: string[] = [];
  let turn = 0;
  const ready = new Set(ports);
  const closing = new AbortController();
  const watching = ports.map(async (port) => {
    for (; !closing.signal.aborted; await sleep(LOOK_EVERY_MS)) ready[(await isReady(port)) ? 'add' : 'delete'](port);
  });

  /** `order`: whom to ask, one after the other. */
  function forward(incoming: IncomingMessage, body: Buffer, response: ServerResponse, order: readonly number[]): void {
    const [port, ...others] = order;
    const { method = '', url = '', headers } = incoming;
    let isConnected = false;
    const outgoing = request({ host: '127.0.0.1', port, method, path: url, headers, agent });
    outgoing.once('socket', (socket) => {
      if (!socket.connecting) isConnected = true;
      else socket.once('connect', () => (isConnected = true));
    });
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      if (!isConnected && others.length > 0) return forward(incoming, body, response, others);
      lost.push(`${method} ${url}: ${error.code ?? error.message}${outgoing.reusedSocket ? ' (kept connection)' : ''}`);
      response.writeHead(502).end();
    });
    outgoing.once('response', (reply) => {
      const { connection: _, ...own } = reply.headers;
      response.writeHead(reply.statusCode ?? 502, own);
      reply.pipe(response);
      reply.once('error', () => {
        lost.push(`${method} ${url}: broken off`);
        response.destroy();
      });
    });
    outgoing.end(body);
  }

  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    const first = (turn += 1) % ports.length;
    const all = [...ports.slice(first), ...ports.slice(0, first)];
    const order = [...all.filter((port) => ready.has(port)), ...all.filter((port) => !ready.has(port))];
    incoming.once('end', () => forward(incoming, Buffer.concat(chunks), response, order));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lost,
    async close() {
      closing.abort();
      await Promise.all(watching);
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function isReady(port: number): Promise<boolean> {
  try {
    const reply = await fetch(`http://127.0.0.1:${port}/readyz`);
    await reply.arrayBuffer();
    return reply.status === 200;
  } catch {
    return false;
  }
}
