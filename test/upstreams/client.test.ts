import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server, ServerResponse } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { createUpstream } from '../../src/upstreams/client.ts';
import type { Sent, Upstream, UpstreamOptions } from '../../src/upstreams/client.ts';
import { splice } from '../../src/wire/json.ts';

interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const open: (Server | Upstream)[] = [];
afterEach(async () => {
  for (const each of open.splice(0))
    if ('generate' in each) await each.close();
    else each.closeAllConnections();
});

async function vendor(answer: (response: ServerResponse) => void): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url: path, headers } = request;
      received.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
      answer(response);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  open.push(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

function upstream(baseUrl: string, options: Partial<UpstreamOptions> = {}): Upstream {
  const made = createUpstream({
    id: 'vendor',
    baseUrl,
    auth: 'x-goog-api-key',
    keys: ['one'],
    replyBytes: 1_000_000,
    deadlines: { connectMs: 5_000, firstByteMs: null, idleMs: 30_000 },
    via: 'plantain-test',
    ...options,
  });
  open.push(made);
  return made;
}

const ask = (
  to: Upstream,
  model = 'gemini-3-pro-image',
  givenUp?: AbortSignal,
  key = 'one',
  abandonAfterMs = 5_000,
): Promise<Sent> =>
  to.generate(model, splice({ contents: [] }), {
    key,
    abandonAfterMs,
    admit: async () => () => undefined,
    keep: (bytes) => bytes,
    ...(givenUp !== undefined && { givenUp }),
  });
const ok = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"candidates":[]}');
};

test('the URL is the configured base with the model as one segment, whatever the model is called', async () => {
  const { url, received } = await vendor(ok);
  const made = upstream(`${url}/gemini/`);
  expect(await ask(made)).toMatchObject({ kind: 'reply', status: 200, words: { candidates: [] } });
  await ask(made, '../../admin?x=#');
  expect(received.map(({ path }) => path)).toEqual([
    '/gemini/v1beta/models/gemini-3-pro-image:generateContent',
    '/gemini/v1beta/models/..%2F..%2Fadmin%3Fx%3D%23:generateContent',
  ]);
  expect(received[0]).toMatchObject({ method: 'POST', body: '{"contents":[]}' });
  expect(received[0]?.headers).toMatchObject({
    'content-length': '15',
    'accept-encoding': 'identity',
    via: '1.1 plantain-test',
  });
});

test('the key it is given stands in the header the upstream wants', async () => {
  const { url, received } = await vendor(ok);
  const made = upstream(url, { auth: 'bearer', keys: ['one', 'two'] });
  for (const key of ['one', 'two']) await ask(made, undefined, undefined, key);
  expect(received.map(({ headers }) => headers.authorization)).toEqual(['Bearer one', 'Bearer two']);
  expect(received[0]?.headers).not.toHaveProperty('x-goog-api-key');
});

test('a redirect is an answer like any other and is not followed with the key', async () => {
  const { url, received } = await vendor((response) => response.writeHead(302, { location: '/elsewhere' }).end());
  expect(await ask(upstream(url))).toMatchObject({ kind: 'reply', status: 302, words: null });
  expect(received).toHaveLength(1);
});

test('what never left is told from what was lost on the way', async () => {
  const { url } = await vendor(ok);
  const port = Number(new URL(url).port);
  const closed = open.pop() as Server;
  closed.close();
  expect(await ask(upstream(`http://127.0.0.1:${port}`))).toMatchObject({
    kind: 'not_sent',
    error: { failure: 'unavailable' },
  });

  const cut = await vendor((response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"candidates"');
    setImmediate(() => response.destroy());
  });
  expect(await ask(upstream(cut.url))).toMatchObject({
    kind: 'lost',
    error: { failure: 'upstream_failed', detail: { retry: false } },
  });
  const huge = await vendor((response) => response.writeHead(200).end(`{"a":"${'x'.repeat(2_000_000)}"}`));
  expect(await ask(upstream(huge.url))).toMatchObject({ kind: 'lost', reason: 'too_large' });
  const unfinished = await vendor((response) =>
    response.writeHead(200, { connection: 'close' }).end('{"candidates":['),
  );
  expect(await ask(upstream(unfinished.url))).toMatchObject({ kind: 'lost', reason: 'not_json' });
});

test('what is given up, or out of time, before there is a connection was never sent', async () => {
  const connected = Promise.withResolvers<void>();
  const sockets: Socket[] = [];
  const silent = createNetServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    connected.resolve();
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  // It waits for TLS, which never comes.
  const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const givenUp = new AbortController();
  void connected.promise.then(() => givenUp.abort());
  expect(await ask(upstream(url), undefined, givenUp.signal)).toMatchObject({
    kind: 'not_sent',
    isCancelled: true,
    error: { failure: 'upstream_failed', detail: { code: 'cancelled', retry: false } },
  });
  expect(await ask(upstream(url), undefined, undefined, 'one', 100)).toMatchObject({
    kind: 'not_sent',
    isCancelled: false,
    error: { failure: 'unavailable' },
  });
});

test.each(['EHOSTUNREACH', 'ENETUNREACH', 'EPROTO', 'ERR_SSL_BAD_RECORD_TYPE'])(
  'a connection that ends by %s when the request has been sent may have cost something',
  async (code) => {
    const sockets: Socket[] = [];
    const onConnected = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket);
    subscribe('undici:client:connected', onConnected);
    onTestFinished(() => void unsubscribe('undici:client:connected', onConnected));
    const { url, received } = await vendor(() => {
      // What the system says of a line that broke, which no test can break so.
      for (const socket of sockets) socket.destroy(Object.assign(new Error(`read ${code}`), { code, syscall: 'read' }));
    });
    expect(await ask(upstream(url))).toMatchObject({ kind: 'lost', error: { detail: { retry: false } } });
    expect(received).toHaveLength(1);
  },
);

test('an error page that is no JSON is a refusal all the same', async () => {
  const { url } = await vendor((response) => response.writeHead(502, { 'retry-after': '7' }).end('<html>'));
  expect(await ask(upstream(url))).toEqual({ kind: 'reply', status: 502, words: null, retryAfter: '7' });
});

test('a refusal that says the key back is heard without it, however long it is', async () => {
  const key = 'vendor-secret-0123456789';
  const said = (words: string): object => ({ error: { message: words, details: [{ [key]: [words, 1, null] }] } });
  for (const [status, padding] of [
    [400, ''],
    [503, 'x'.repeat(20_000)],
    [200, ''],
  ] as const) {
    const { url } = await vendor((response) =>
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify(said(`no ${key}, ${padding}`))),
    );
    const sent = await ask(upstream(url, { keys: ['another-secret-0123456789', key] }));
    const words = JSON.stringify({ error: { message: `no (hidden), ${padding}` } }).slice(0, -2);
    expect(sent).toMatchObject({ kind: 'reply', status });
    const heard = JSON.stringify(sent.kind === 'reply' ? sent.words : null);
    expect(heard).not.toContain(key);
    expect(heard).toContain(words);
  }
});

test('a call that is given up before its reply begins is broken off, and may have cost something', async () => {
  const givenUp = new AbortController();
  const closed = Promise.withResolvers<void>();
  const { url } = await vendor((response) => {
    response.once('close', closed.resolve);
    givenUp.abort();
  });
  const sent = await ask(upstream(url), 'gemini-3-pro-image', givenUp.signal);
  expect(sent).toMatchObject({
    kind: 'lost',
    reason: 'cancelled',
    error: { detail: { retry: false, code: 'cancelled' } },
  });
  await closed.promise;
});

test('a call that is given up while its reply comes is received to the end: it costs the same, read or not', async () => {
  const givenUp = new AbortController();
  const { url } = await vendor((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"candidates":');
    setTimeout(() => {
      givenUp.abort();
      setTimeout(() => response.end('[]}'), 50);
    }, 200);
  });
  expect(await ask(upstream(url), 'gemini-3-pro-image', givenUp.signal)).toMatchObject({
    kind: 'reply',
    status: 200,
    words: { candidates: [] },
  });
});

test('a vendor that does not begin, or stops within its answer, has its own time for that, and may have been paid', async () => {
  const silent = await vendor(() => undefined);
  const beginsLate = upstream(silent.url, { deadlines: { connectMs: 5_000, firstByteMs: 1_000, idleMs: 30_000 } });
  const halting = await vendor((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"candidates":');
  });
  const stops = upstream(halting.url, { deadlines: { connectMs: 5_000, firstByteMs: null, idleMs: 1_000 } });
  const ended = await Promise.all([ask(beginsLate), ask(stops)]);
  expect(ended).toMatchObject([
    { kind: 'lost', reason: 'timeout', error: { message: expect.stringMatching(/did not begin its answer/) } },
    { kind: 'lost', reason: 'timeout', error: { message: expect.stringMatching(/in the middle of its answer/) } },
  ]);
});

test('an answer that nobody asked for is never taken for that to the next call', async () => {
  const answer = (words: string): string => {
    const json = JSON.stringify({ modelVersion: words });
    return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`;
  };
  const sockets: Socket[] = [];
  const used = new Set<Socket>();
  let calls = 0;
  const server = createNetServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    let heard = '';
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      if (!heard.endsWith('{"contents":[]}')) return;
      heard = '';
      calls += 1;
      // With the next call on its way, one more to each that was answered before.
      for (const answered of used) answered.write(answer('of another'));
      used.add(socket);
      socket.write(answer(`of ${calls}`));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const to = upstream(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  for (const call of [1, 2, 3]) {
    const sent = await ask(to);
    expect(sent).toMatchObject({ kind: 'reply', status: 200 });
    expect(JSON.stringify(sent)).toContain(`of ${call}`);
    // Until a connection would be used again.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(calls).toBe(3);
});
