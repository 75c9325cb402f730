import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createUpstream } from '../../src/upstreams/client.ts';
import type { SendOptions, Sent, Upstream } from '../../src/upstreams/client.ts';
import { splice } from '../../src/wire/json.ts';
import type { Json } from '../../src/wire/json.ts';

const open: (Server | Upstream)[] = [];
afterEach(async () => {
  for (const each of open.splice(0))
    if ('generate' in each) await each.close();
    else each.closeAllConnections();
});

/** Answers by the method that is called; tells which were. */
async function vendor(streams: (response: ServerResponse) => void, whole = refuses(500)) {
  const called: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const method = request.url!.split(':').at(-1)!;
      called.push(method);
      (method === 'generateContent' ? whole : streams)(response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const upstream = createUpstream({
    id: 'vendor',
    baseUrl,
    auth: 'x-goog-api-key',
    keys: ['a-secret-key-of-the-vendor'],
    replyBytes: 8 << 20,
    deadlines: { connectMs: 5_000, firstByteMs: null, idleMs: 30_000 },
    via: 'plantain-test',
  });
  open.push(server, upstream);
  return { called, upstream };
}

const refuses =
  (status: number, message = 'no') =>
  (response: ServerResponse): void =>
    void response.writeHead(status).end(JSON.stringify({ error: { code: status, message } }));
const answers = (response: ServerResponse): void => void response.writeHead(200).end('{"candidates":[]}');

async function ask(to: Upstream, options: Partial<SendOptions> = {}) {
  const pieces: Json[] = [];
  const sent: Sent = await to.generate('gemini-3-pro-image', splice({ contents: [] }), {
    key: 'one',
    abandonAfterMs: 5_000,
    admit: async () => () => undefined,
    keep: (bytes) => Uint8Array.from(bytes),
    onPiece: (piece) => void pieces.push(piece),
    ...options,
  });
  return { sent, pieces };
}

test('the reply is the list of its pieces, and each is told when it is there', async () => {
  const first = Promise.withResolvers<void>();
  const { upstream, called } = await vendor((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"n":1}\r\n\r\ndata: {"n"');
    // Not before the first has been told.
    void first.promise.then(() => response.end(':2}\r\n\r\ndata: [DONE]\r\n\r\n'));
  });
  const told: Json[] = [];
  const { sent } = await ask(upstream, {
    onPiece: (piece) => {
      told.push(piece);
      first.resolve();
    },
  });
  expect(sent).toEqual({ kind: 'reply', status: 200, words: [{ n: 1 }, { n: 2 }], retryAfter: null });
  expect(told).toEqual([{ n: 1 }, { n: 2 }]);
  expect(called).toEqual(['streamGenerateContent?alt=sse']);
});

test('who wants no pieces asks for none', async () => {
  const { upstream, called } = await vendor(refuses(500), answers);
  await upstream.generate('m', splice({}), {
    key: 'one',
    abandonAfterMs: 5_000,
    admit: async () => () => undefined,
    keep: (bytes) => bytes,
  });
  expect(called).toEqual(['generateContent']);
});

test('an upstream that answers in one piece, or in an array, is read like that', async () => {
  for (const [body, words] of [
    ['{"candidates":[]}', { candidates: [] }],
    ['\n [{"n":1}\n,\r\n{"n":2}\n]', [{ n: 1 }, { n: 2 }]],
  ] as const) {
    const { upstream } = await vendor((response) => response.writeHead(200).end(body));
    const { sent, pieces } = await ask(upstream);
    expect(sent).toMatchObject({ kind: 'reply', status: 200, words });
    expect(pieces).toEqual([]);
  }
});

test.each([
  ['nothing', '', 'not_json'],
  ['comments alone', ': hello\n\n: hello\n\n', 'not_json'],
  ['a page', '<!DOCTYPE html>\n<title>x</title>\n\n', 'not_json'],
  ['half an event', 'data: {"n":1}\n\ndata: {"n":', 'not_json'],
  ['more than is read', `data: {"n":"${'x'.repeat(9 << 20)}"}\n\n`, 'too_large'],
])('of a stream of %s it is not known what it cost', async (_, body, reason) => {
  const { upstream } = await vendor((response) => response.writeHead(200).end(body));
  const { sent } = await ask(upstream);
  expect(sent).toMatchObject({ kind: 'lost', reason, error: { detail: { retry: false } } });
});

test.each([
  [404, 'no such method'],
  [405, 'no'],
  [501, 'no'],
  [400, 'Streaming is not supported for this model.'],
])('a %d that refuses the method is not the end: the whole is asked for', async (status, message) => {
  const { upstream, called } = await vendor(refuses(status, message), answers);
  for (const methods of [['streamGenerateContent?alt=sse', 'generateContent'], ['generateContent']]) {
    called.length = 0;
    expect((await ask(upstream)).sent).toMatchObject({ kind: 'reply', status: 200 });
    expect(called).toEqual(methods);
  }
});

test.each([400, 401, 403, 429, 500, 503])('a %d about the request is its end', async (status) => {
  const { upstream, called } = await vendor(refuses(status, 'no to a-secret-key-of-the-vendor'), answers);
  const { sent } = await ask(upstream);
  expect(sent).toMatchObject({ kind: 'reply', status, words: { error: { message: 'no to (hidden)' } } });
  expect(called).toHaveLength(1);
});

test('where the whole is refused too, streams are tried again', async () => {
  const { upstream, called } = await vendor(refuses(404), refuses(404));
  await ask(upstream);
  await ask(upstream);
  expect(called.filter((method) => method !== 'generateContent')).toHaveLength(2);
});

test('who gave up meanwhile does not have the whole asked for', async () => {
  const givenUp = new AbortController();
  const { upstream, called } = await vendor((response) => {
    response.writeHead(404);
    response.flushHeaders();
    setTimeout(() => {
      givenUp.abort();
      response.end('{}');
    }, 50);
  }, answers);
  const { sent } = await ask(upstream, { givenUp: givenUp.signal });
  // A refusal is free, given up or not.
  expect(sent).toMatchObject({ kind: 'reply', status: 404 });
  expect(called).toHaveLength(1);
});

test('a stream takes its room when it grows long, once, and gives it back at its end', async () => {
  const long = `data: {"n":"${'x'.repeat(3 << 20)}"}\n\n`;
  for (const [body, rooms] of [
    ['data: {"n":1}\n\n', 0],
    [long, 1],
    [long + long, 1],
  ] as const) {
    const { upstream } = await vendor((response) => response.writeHead(200).end(body));
    let taken = 0;
    let given = 0;
    const admit = async (): Promise<() => void> => {
      taken += 1;
      return () => void (given += 1);
    };
    expect((await ask(upstream, { admit })).sent.kind).toBe('reply');
    expect([taken, given]).toEqual([rooms, rooms]);
  }
});

test('an error in the first piece is without our key; one that comes later is no refusal', async () => {
  const error = '{"error":{"code":503,"message":"no to a-secret-key-of-the-vendor"}}';
  const { upstream } = await vendor((response) => response.writeHead(200).end(`data: ${error}\n\n`));
  expect((await ask(upstream)).sent).toMatchObject({ words: [{ error: { message: 'no to (hidden)' } }] });
});
