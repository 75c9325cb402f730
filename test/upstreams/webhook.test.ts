import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createWebhook } from '../../src/upstreams/webhook.ts';
import type { Webhook, WebhookOptions } from '../../src/upstreams/webhook.ts';

interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const NOW = Date.parse('2026-11-22T12:00:00Z');
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A receiver that answers as told, and a webhook that posts to it. */
async function start(answer: (reply: ServerResponse, count: number) => void, over: Partial<WebhookOptions> = {}) {
  const received: Received[] = [];
  const lost: string[] = [];
  const server: Server = createServer((request, reply) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({ url: request.url ?? '', headers: request.headers, body });
      answer(reply, received.length);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=1`;
  const webhook: Webhook = createWebhook({
    url,
    secret: null,
    now: () => NOW,
    onLost: (reason) => lost.push(reason),
    pausesMs: [1, 1],
    ...over,
  });
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => (closed ??= webhook.close());
  open.push(async () => {
    await close();
    server.closeAllConnections();
    server.close();
  });
  return { webhook, received, lost, close };
}

const ok = (reply: ServerResponse): void => void reply.writeHead(204).end();

test('an event arrives as JSON with an id and a time, at the very address', async () => {
  const { webhook, received } = await start(ok);
  webhook.send('budget.threshold', { owner: 'acme', threshold: 0.8 });
  await expect.poll(() => received.length).toBe(1);
  expect(received[0]).toMatchObject({ url: '/hook?token=1', headers: { 'content-type': 'application/json' } });
  expect(received[0]?.headers['webhook-signature']).toBeUndefined();
  expect(JSON.parse(received[0]!.body)).toEqual({
    type: 'budget.threshold',
    timestamp: '2026-11-22T12:00:00.000Z',
    data: { owner: 'acme', threshold: 0.8 },
  });
});

test.each([
  ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')],
  ['any-text', Buffer.from('any-text')],
])('is signed with the secret %s', async (secret, key) => {
  const { webhook, received } = await start(ok, { secret });
  webhook.send('t', {});
  await expect.poll(() => received.length).toBe(1);
  const { headers, body } = received[0]!;
  expect(headers['webhook-timestamp']).toBe(String(NOW / 1000));
  const signed = `${String(headers['webhook-id'])}.${NOW / 1000}.${body}`;
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
});

test('is tried three times under the same id, then given up and told, without the address', async () => {
  const { webhook, received, lost } = await start((reply) => void reply.writeHead(500).end('no'));
  webhook.send('t', {});
  await expect.poll(() => lost).toEqual(['it answered 500']);
  expect(received).toHaveLength(3);
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
});

test('follows no redirect', async () => {
  const { webhook, received, lost } = await start((reply) => void reply.writeHead(307, { location: '/else' }).end());
  webhook.send('t', {});
  await expect.poll(() => lost).toEqual(['it answered 307']);
  expect(new Set(received.map(({ url }) => url))).toEqual(new Set(['/hook?token=1']));
});

test('waits no longer than its deadline for a receiver that is silent, nor for one that is not there', async () => {
  const silent = await start(() => undefined, { deadlineMs: 30 });
  silent.webhook.send('t', {});
  await expect.poll(() => silent.lost).toEqual(['it did not answer in time']);
  const absent = await start(ok, { url: 'http://127.0.0.1:1/' });
  absent.webhook.send('t', {});
  await expect.poll(() => absent.lost).toEqual(['it could not be reached (ECONNREFUSED)']);
});

test('goes out after one that failed once, in order', async () => {
  const { webhook, received, lost } = await start(
    (reply, count) => void reply.writeHead(count === 1 ? 503 : 200).end(),
  );
  webhook.send('first', {});
  webhook.send('second', {});
  await expect
    .poll(() => received.map(({ body }) => (JSON.parse(body) as { type: string }).type))
    .toEqual(['first', 'first', 'second']);
  expect(lost).toEqual([]);
});

test('when the gateway stops, what is being sent ends and what waits is lost', async () => {
  const { webhook, lost, close } = await start((reply) => void reply.writeHead(500).end(), { pausesMs: [60_000] });
  webhook.send('t', {});
  webhook.send('t', {});
  await close();
  expect(lost).toEqual(['it answered 500', 'the gateway was stopped']);
});
