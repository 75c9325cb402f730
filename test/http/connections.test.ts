import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { expectEnvelope } from '../support/envelope.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { callRaw, hangUpAll, repliesIn, talk } from '../support/raw.ts';
import type { RawReply } from '../support/raw.ts';
import { KEY as SMALL_KEY, startSmallServer } from './small-server.ts';
import type { SmallServer } from './small-server.ts';

const IMAGES = '/v1/images/generations';
const AUTHORIZED = `host: x\r\nauthorization: Bearer ${KEY}\r\n`;
const get = (path: string, headers = AUTHORIZED): string => `GET ${path} HTTP/1.1\r\n${headers}\r\n`;
const post = (body: string, headers = AUTHORIZED): string =>
  `POST ${IMAGES} HTTP/1.1\r\n${headers}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const small = (prompt: string): string => JSON.stringify({ prompt, image_size: '512' });
const CLOSE = 'connection: close\r\n';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ simulator: { signatureBytes: 64 } });
});
beforeEach(() => {
  gateway.simulator.settings.latencyMs = 0;
});
afterAll(async () => {
  hangUpAll();
  await gateway.close();
});

const enveloped = ({ status, headers, body }: RawReply, dialect: 'openai' | 'google' = 'openai'): string =>
  expectEnvelope({ status, headers: new Headers(headers), body }, dialect);

async function stillServes(): Promise<void> {
  const reply = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${KEY}` } });
  expect(reply.status).toBe(200);
  await reply.arrayBuffer();
}

describe('what is no HTTP', () => {
  const framing = (lines: string): string => `POST ${IMAGES} HTTP/1.1\r\n${AUTHORIZED}${lines}`;
  test.each([
    ['a line of garbage', 'GARBAGE\r\n\r\n', 400],
    ['a greeting of TLS', Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['bare line feeds', 'GET /v1/models HTTP/1.1\nhost: x\n\n', 400],
    ['a space before a colon', get('/v1/models', 'host: x\r\nfoo : bar\r\n'), 400],
    ['a folded header', get('/v1/models', 'host: x\r\nfoo: a\r\n b\r\n'), 400],
    ['a NUL in a header', get('/v1/models', 'host: x\r\nfoo: a\0b\r\n'), 400],
    ['a carriage return in a header', get('/v1/models', 'host: x\r\nfoo: a\rx-evil: 1\r\n'), 400],
    ['headers of 100 KB', get('/v1/models', `host: x\r\nfoo: ${'a'.repeat(100_000)}\r\n`), 431],
    ['a request line of 100 KB', get(`/v1/models/${'a'.repeat(100_000)}`), 431],
    ['two lengths', framing('content-length: 5\r\ncontent-length: 6\r\n\r\nabcde'), 400],
    ['a list of lengths', framing('content-length: 5, 5\r\n\r\nabcde'), 400],
    ['a signed length', framing('content-length: +5\r\n\r\nabcde'), 400],
    ['a length and chunks', framing('content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'), 400],
    ['chunks and a length', framing('transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n'), 400],
    ['chunked, but not last', framing('transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n'), 400],
  ])('%s is refused in words both SDKs can read, and the connection ends', async (_, words, status) => {
    const calls = gateway.simulator.calls.length;
    const replies = await talk(gateway.url, words);
    expect(replies).toHaveLength(1);
    expect(replies[0]).toMatchObject({ status, headers: { connection: 'close' } });
    expect(JSON.parse(replies[0]!.body)).toEqual({
      error: {
        message: expect.any(String),
        type: 'invalid_request_error',
        param: null,
        code: 'bad_request',
        status: 'INVALID_ARGUMENT',
      },
    });
    expect(gateway.simulator.calls).toHaveLength(calls);
    await stillServes();
  });

  test.each(['Z\r\n', '1\r\n{XX', 'ffffffffffffffffff\r\n', '-1\r\n'])(
    'a body whose chunks are %j is refused in the envelope of its path',
    async (chunks) => {
      const head = `host: x\r\nx-api-key: ${KEY}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
      const model = '/v1beta/models/gemini-3.1-flash-image:generateContent';
      const [openai] = await talk(gateway.url, `POST ${IMAGES} HTTP/1.1\r\n${head}${chunks}`);
      expect([openai!.status, enveloped(openai!)]).toEqual([400, 'This is not a valid HTTP request.']);
      const [google] = await talk(gateway.url, `POST ${model} HTTP/1.1\r\n${head}${chunks}`);
      expect([google!.status, enveloped(google!, 'google')]).toEqual([400, 'This is not a valid HTTP request.']);
    },
  );

  test('the refusal reaches a caller who has not stopped sending', async () => {
    const caller = await callRaw(gateway.url);
    caller.say('GARBAGE\r\n\r\n');
    for (let sent = 0; sent < 50; sent += 1) caller.say(Buffer.alloc(100_000, 65));
    await caller.closed;
    expect(repliesIn(caller.heard())).toMatchObject([{ status: 400 }]);
  });
});

describe('what is HTTP, if only just', () => {
  test('HTTP/1.1 without a host is a 400 in the envelope of its path', async () => {
    const [openai] = await talk(gateway.url, get('/v1/models', CLOSE));
    expect([openai!.status, enveloped(openai!)]).toEqual([400, 'The Host header is missing: HTTP/1.1 requires it.']);
    const [google] = await talk(gateway.url, get('/v1beta/models', CLOSE));
    enveloped(google!, 'google');
  });

  test('HTTP/1.0 is served, and its connection ends', async () => {
    const [reply] = await talk(gateway.url, `GET /v1/models HTTP/1.0\r\nauthorization: Bearer ${KEY}\r\n\r\n`);
    expect(reply).toMatchObject({ status: 200, headers: { connection: 'close' } });
  });

  test('the target may be written as proxies do', async () => {
    const headers = AUTHORIZED.replace('host: x', 'host: gateway.example') + CLOSE;
    const [reply] = await talk(gateway.url, get('http://gateway.example/v1beta/models', headers));
    expect(reply!.status).toBe(200);
    const [nothing] = await talk(gateway.url, get('http://gateway.example/v1beta/nope', headers));
    expect(nothing!.status).toBe(404);
    enveloped(nothing!, 'google');
  });

  test('nobody is upgraded to another protocol', async () => {
    const upgrade = `connection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n`;
    const [reply] = await talk(gateway.url, get('/v1/models', AUTHORIZED + upgrade));
    expect(reply!.status).toBe(200);
  });

  test('an expectation that is none of ours is passed over', async () => {
    const [reply] = await talk(gateway.url, get('/v1/models', `${AUTHORIZED}expect: magic\r\n${CLOSE}`));
    expect(reply!.status).toBe(200);
  });

  test('requests behind one another are answered in their order', async () => {
    const last = get('/v1/models', AUTHORIZED + CLOSE);
    const replies = await talk(
      gateway.url,
      get('/v1/nope') + post('{}') + post(small('in order')) + get('/v1beta/nope') + last,
    );
    expect(replies.map(({ status }) => status)).toEqual([404, 400, 200, 404, 200]);
  });
});

describe.concurrent('who asks before sending', () => {
  const ask = (headers: string): string =>
    `POST ${IMAGES} HTTP/1.1\r\n${headers}content-type: application/json\r\ncontent-length: 34\r\nexpect: 100-continue\r\n\r\n`;

  test('is told to go ahead once its key is known', async () => {
    const caller = await callRaw(gateway.url);
    caller.say(ask(AUTHORIZED + CLOSE));
    await expect.poll(caller.heard).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    caller.say('{"prompt":"asked","quality":"low"}');
    await caller.closed;
    expect(repliesIn(caller.heard()).map(({ status }) => status)).toEqual([100, 200]);
  });

  test.each([
    ['the key is missing', 'host: x\r\n', 401],
    ['the body is too large', `${AUTHORIZED}content-length: 99999999\r\n`, 400],
    ['it is not JSON', `${AUTHORIZED}content-encoding: gzip\r\n`, 415],
  ])('is not when %s', async (_, headers, status) => {
    const replies = await talk(gateway.url, ask(headers));
    expect(replies.map((reply) => reply.status)).toEqual([status]);
  });
});

describe.concurrent('who is refused before everything was sent', () => {
  const endless = (headers: string): string =>
    `POST ${IMAGES} HTTP/1.1\r\n${headers}content-type: application/json\r\n`;
  test.each([
    ['a wrong key', `${endless('host: x\r\nauthorization: Bearer wrong\r\n')}content-length: 99999999999\r\n\r\n`, 401],
    ['no key', `${endless('host: x\r\n')}transfer-encoding: chunked\r\n\r\nfffffff\r\n`, 401],
    ['a size beyond the limit', `${endless(AUTHORIZED)}content-length: 99999999999\r\n\r\n`, 413],
    ['a mistake at its beginning', `${endless(AUTHORIZED)}content-length: 60000000\r\n\r\noops`, 400],
    ['a path that is not there', `POST /v1/nope HTTP/1.1\r\n${AUTHORIZED}content-length: 99999999999\r\n\r\n`, 404],
  ])('for %s hears of it while still sending, and is then let go', async (_, head, status) => {
    const caller = await callRaw(gateway.url);
    caller.say(head);
    const pump = (): void => {
      while (!caller.socket.destroyed && caller.socket.write(Buffer.alloc(65_536, 120)));
    };
    caller.socket.on('drain', pump);
    pump();
    await expect.poll(() => repliesIn(caller.heard()).length).toBe(1);
    const [reply] = repliesIn(caller.heard());
    expect(reply).toMatchObject({ status, headers: { connection: 'close' } });
    enveloped(reply!);
    // The caller has heard it and stops.
    caller.socket.off('drain', pump);
    await caller.closed;
  });
});

describe('a connection that breaks', () => {
  test('behind a request does not spoil its picture', async () => {
    const land = keepAloft(gateway.simulator);
    const caller = await callRaw(gateway.url);
    const calls = gateway.simulator.calls.length;
    caller.say(post(small('then garbage')));
    await expect.poll(() => gateway.simulator.calls.length).toBe(calls + 1);
    caller.say('GARBAGE\r\n\r\n');
    caller.say('and more of it');
    land();
    await caller.closed;
    const replies = repliesIn(caller.heard());
    expect(replies.map(({ status }) => status)).toEqual([200]);
    expect(JSON.parse(replies[0]!.body)).toMatchObject({ data: [{ b64_json: expect.any(String) }] });
  });

  test('half, by a caller who has said all it had to say, harms nobody', async () => {
    const caller = await callRaw(gateway.url);
    caller.socket.end(get('/v1/models'));
    await caller.closed;
    await stillServes();
  });

  test('in the middle of a request is no fault of ours', async () => {
    const before = gateway.logged().length;
    const caller = await callRaw(gateway.url);
    caller.say(
      `POST ${IMAGES} HTTP/1.1\r\n${AUTHORIZED}content-type: application/json\r\ncontent-length: 50\r\n\r\n{"pro`,
    );
    await stillServes();
    caller.socket.destroy();
    await expect.poll(() => gateway.logged().slice(before)).toMatch(/"code":"(client_closed|bad_request)"/);
    expect(gateway.logged().slice(before)).not.toContain('"level":50');
  });

  test('with answers pending behind one another leaves none of them waiting', async () => {
    const land = keepAloft(gateway.simulator);
    const calls = gateway.simulator.calls.length;
    const before = gateway.logged().length;
    const caller = await callRaw(gateway.url);
    caller.say(post(small('first of two')) + post(small('second of two')));
    await expect.poll(() => gateway.simulator.calls.length).toBe(calls + 2);
    caller.socket.destroy();
    await once(caller.socket, 'close');
    land();
    const lines = (): number => gateway.logged().slice(before).split('"status":499').length - 1;
    await expect.poll(lines).toBe(2);
  });
});

describe('who keeps us waiting', () => {
  let server: SmallServer;
  beforeEach(async () => {
    server = await startSmallServer();
  });
  afterEach(() => server.close());

  test('a request has fifteen seconds for its headers and five minutes for all of it', () => {
    expect(server.app.server).toMatchObject({ headersTimeout: 15_000, requestTimeout: 300_000 });
  });

  test('headers that do not come are a 408', async () => {
    server.app.server.headersTimeout = 100;
    const silent = talk(server.url, '');
    const slow = talk(server.url, 'GET /v1/models HTTP/1.1\r\nhost:');
    expect(await slow).toMatchObject([{ status: 408, headers: { connection: 'close' } }]);
    await silent;
  });

  test('a body that does not come is a 408 in the envelope of its path', async () => {
    // Node takes the larger of the two for the body.
    Object.assign(server.app.server, { headersTimeout: 50, requestTimeout: 100 });
    const [reply] = await talk(
      server.url,
      `POST /v1beta/models/x:generateContent HTTP/1.1\r\nhost: x\r\nx-goog-api-key: ${SMALL_KEY}\r\ncontent-length: 10\r\n\r\n{`,
    );
    expect(reply!.status).toBe(408);
    expect(enveloped(reply!, 'google')).toBe('The request did not arrive in time.');
  });
});
