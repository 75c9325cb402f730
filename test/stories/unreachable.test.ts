import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { freePort } from '../support/ports.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { startWeb } from '../support/web.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';

/** Takes connections, and does with each what it is told. */
async function listen(take: (socket: Socket) => void): Promise<number> {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    take(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

const NOWHERE: Readonly<Record<string, () => Promise<string>>> = {
  'a port where nobody listens': async () => `http://127.0.0.1:${await freePort()}`,
  'a name that nobody has': async () => 'http://nobody.invalid',
  'a certificate that nobody vouches for': async () => `https://127.0.0.1:${(await startWeb({})).web.port}`,
  'a server that speaks no TLS': async () =>
    `https://127.0.0.1:${await listen((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))}`,
  'a server that hangs up on TLS': async () => `https://127.0.0.1:${await listen((socket) => void socket.end())}`,
  'a server that resets TLS': async () =>
    `https://127.0.0.1:${await listen((socket) => void socket.resetAndDestroy())}`,
  'a server that takes the connection and says nothing': async () =>
    `https://127.0.0.1:${await listen(() => undefined)}`,
};

test.each(Object.keys(NOWHERE))('%s: nothing was sent, nothing is charged, and it is tried again', async (where) => {
  const baseUrl = await NOWHERE[where]!();
  const gateway = await startGateway({ upstream: { baseUrl, repeats: 1 } });
  onTestFinished(() => gateway.close());
  const reply = await gateway.post('/v1/images/generations', { prompt: 'a fox' });
  const { error } = await bodyOf<OpenAIError>(reply);
  expect([reply.status, error.code, error.message]).toEqual([
    503,
    'unavailable',
    expect.stringMatching(/cannot be reached/),
  ]);
  expect(reply.headers.get('x-should-retry')).toBe('true');
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(JSON.stringify(error)).not.toContain(new URL(baseUrl).host);
  expect(await spentNanos(gateway)).toBe(0);
  expect(await scraped(gateway, 'plantain_upstream_attempts_total', { event: 'repeated', upstream: 'vendor' })).toBe(1);
});
