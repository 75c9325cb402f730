import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { claude } from '../../src/dialects/claude/dialect.ts';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import { openaiImages } from '../../src/dialects/openai-images/dialect.ts';
import { expectEnvelope, failedOf } from '../support/envelope.ts';
import type { EnvelopeOf } from '../support/envelope.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { talk } from '../support/raw.ts';
import { REVOKED_KEY, KEY as SMALL_KEY, startSmallServer } from './small-server.ts';

const POOR_KEY = 'sk-test-poor';
const FLASH_KEY = 'sk-test-flash';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64 },
    config: {
      bounds: { bodyBytes: 2 << 20 },
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'poor', keys: [{ key: POOR_KEY }], budgets: [{ limitUsd: 0.01, per: 'total' }] },
        { id: 'flash', keys: [{ key: FLASH_KEY }], models: ['gemini-3.1-flash-image'] },
      ],
    },
  });
});
afterEach(() => gateway.simulator.clearRules());
afterAll(() => gateway.close());

const GENERATE = 'models/gemini-3.1-flash-image:generateContent';
/** Every path a picture is asked for on, and whose envelope it speaks. */
const DRAWN: readonly (readonly [string, EnvelopeOf])[] = [
  ['/v1/images/generations', 'openai'],
  ['/v1beta/openai/images/generations', 'openai'],
  ['/images/generations', 'openai'],
  [`/v1beta/${GENERATE}`, 'google'],
  [`/v1/${GENERATE}`, 'google'],
  [`/${GENERATE}`, 'google'],
  ['/v1/messages', 'claude'],
];
const bodyFor = (dialect: EnvelopeOf, more: Record<string, unknown> = {}): string =>
  JSON.stringify(
    dialect !== 'google'
      ? {
          ...(dialect === 'openai' ? { prompt: 'x' } : { messages: [{ role: 'user', content: 'x' }] }),
          image_size: '512',
          ...more,
        }
      : { contents: [{ parts: [{ text: 'x' }] }], generationConfig: { imageConfig: { imageSize: '512' } }, ...more },
  );

const JSON_TYPE = { 'content-type': 'application/json' };
const AUTHORIZED = { authorization: `Bearer ${KEY}` };
async function send(path: string, init: RequestInit, url = gateway.url) {
  return failedOf(await fetch(url + path, init));
}
const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  send(path, { method: 'POST', body: Buffer.from(body), headers: { ...AUTHORIZED, ...JSON_TYPE, ...headers } });

describe.each(DRAWN)('%s', (path, dialect) => {
  test.each([
    ['nothing', ''],
    ['half a document', '{"prompt":"x"'],
    ['a list', '[]'],
    ['a string', '"x"'],
    ['null', 'null'],
    ['a form', 'prompt=x'],
    ['a mark before it', '\u{feff}{}'],
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ])('%s for a body is a 400', async (_, body) => {
    const failed = await post(path, body);
    expect(failed.status).toBe(400);
    expect(expectEnvelope(failed, dialect)).toMatch(/^The body (cannot be read|must be a JSON object)/);
  });

  test('an empty object is a 400 that names what is missing', async () => {
    const failed = await post(path, '{}');
    expect(failed.status).toBe(400);
    expect(expectEnvelope(failed, dialect)).toContain(
      `${{ openai: 'prompt', google: 'contents', claude: 'messages' }[dialect]} is missing`,
    );
  });

  test.each([
    ['no key', {}],
    ['a wrong key', { authorization: 'Bearer sk-wrong-key' }],
    ['a wrong key of Google’s kind', { 'x-goog-api-key': 'AIza-wrong' }],
    ['a wrong key of Claude’s kind', { 'x-api-key': 'sk-ant-wrong' }],
    ['another scheme', { authorization: 'Basic c2stdGVzdC1hY21lOg==' }],
    ['no more than the scheme', { authorization: 'Bearer ' }],
    ['keys of two tenants', { ...AUTHORIZED, 'x-api-key': POOR_KEY }],
  ])('%s is a 401', async (_, headers) => {
    const init = { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: bodyFor(dialect) };
    const failed = await send(path, init);
    expect(failed.status).toBe(401);
    expect(expectEnvelope(failed, dialect)).toMatch(/API key/);
    expect(failed.body).not.toMatch(/wrong|c2st/);
    expect(failed.body).toContain(
      {
        openai: '"code":"invalid_api_key"',
        google: '"status":"UNAUTHENTICATED"',
        claude: '"type":"authentication_error"',
      }[dialect],
    );
  });

  test('a key in the query is read where Google puts it, and nowhere else', async () => {
    const init = { method: 'POST', headers: JSON_TYPE, body: '{}' };
    const failed = await send(`${path}?key=${KEY}`, init);
    expect(failed.status).toBe(dialect === 'google' ? 400 : 401);
    expectEnvelope(failed, dialect);
    expect(gateway.logged()).not.toContain(KEY);
  });

  test.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY', 'PROPFIND', 'TRACE'])(
    '%s is a 405 that says what is allowed',
    async (method) => {
      const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\nconnection: close\r\n\r\n`;
      const [reply] = await talk(gateway.url, head);
      expect(reply).toMatchObject({ status: 405, headers: { allow: 'POST' } });
      expect(expectEnvelope({ ...reply!, headers: new Headers(reply!.headers) }, dialect)).toContain('Allowed: POST');
    },
  );

  test('HEAD is a 405 without a body', async () => {
    const reply = await fetch(gateway.url + path, { method: 'HEAD', headers: AUTHORIZED });
    expect([reply.status, reply.headers.get('allow'), await reply.text()]).toEqual([405, 'POST', '']);
  });

  test.each([
    ['text/plain', {}],
    ['application/x-www-form-urlencoded', {}],
    ['multipart/form-data; boundary=x', {}],
    ['application/json\ta', {}],
    ['application/json garbage', {}],
    ['application/json; charset=latin1', {}],
    ['application/json', { 'content-encoding': 'gzip' }],
  ])('content-type %s with %j is a 415', async (type, headers) => {
    const failed = await post(path, bodyFor(dialect), { 'content-type': type, ...headers });
    expect(failed.status).toBe(415);
    expectEnvelope(failed, dialect);
  });

  test('a body beyond the limit is a 413', async () => {
    const failed = await post(path, bodyFor(dialect, { user: 'u'.repeat(2 << 20) }));
    expect(failed.status).toBe(413);
    expect(expectEnvelope(failed, dialect)).toContain('2 MiB');
  });

  test('too much beside long strings is a 413', async () => {
    const failed = await post(path, `{"a":[${'"",'.repeat(360_000)}""]}`);
    expect(failed.status).toBe(413);
    expectEnvelope(failed, dialect);
  });

  test('a model the key may not use is a 403', async () => {
    const pro = path.replace('3.1-flash', '3-pro');
    const failed = await post(pro, bodyFor(dialect, dialect === 'google' ? {} : { model: 'nano-banana-pro' }), {
      authorization: `Bearer ${FLASH_KEY}`,
    });
    expect(failed.status).toBe(403);
    expect(expectEnvelope(failed, dialect)).toContain('It may use: gemini-3.1-flash-image.');
  });

  test('a model nobody knows is a 404 that says what is near', async () => {
    const failed = await post(
      path.replace('3.1-flash-image', '3.1-flsh-image'),
      bodyFor(dialect, dialect === 'google' ? {} : { model: 'gemini-3.1-flsh-image' }),
    );
    expect(failed.status).toBe(404);
    expect(expectEnvelope(failed, dialect)).toMatch(/nearest names here: gemini-3.1-flash-image,/);
  });

  test('a budget that is used up is a 429, or Claude’s 402, that is not to be sent again', async () => {
    const failed = await post(path, bodyFor(dialect), { authorization: `Bearer ${POOR_KEY}` });
    expect([failed.status, failed.headers.get('x-should-retry')]).toEqual([dialect === 'claude' ? 402 : 429, 'false']);
    expect(expectEnvelope(failed, dialect)).toContain('$0.01');
  });

  test('nothing stored is a 504 where nothing else was wanted', async () => {
    const failed = await post(path, bodyFor(dialect), { 'cache-control': 'only-if-cached' });
    expect(failed.status).toBe(504);
    expect(expectEnvelope(failed, dialect)).toContain('only-if-cached');
  });

  test.each([
    ['key-invalid', 503, 'true'],
    ['overloaded', 503, 'true'],
    ['rate-limit', 503, 'true'],
    ['html-200', 502, 'false'],
    ['bad-gateway-html', 502, 'false'],
    ['truncate-length', 502, 'false'],
    ['hangup', 502, 'false'],
  ] as const)('an upstream’s %s', async (fault, status, retry) => {
    gateway.simulator.rule({ fault, times: 1 });
    const failed = await post(path, bodyFor(dialect));
    expectEnvelope(failed, dialect);
    const isBusy = dialect === 'claude' && status === 503;
    expect([failed.status, failed.headers.get('x-should-retry')]).toEqual([isBusy ? 529 : status, retry]);
  });
});

test('Accept that names no picture we can make is a 406', async () => {
  const failed = await post('/v1/images/generations', bodyFor('openai'), { accept: 'image/tiff' });
  expect(failed.status).toBe(406);
  expect(expectEnvelope(failed, 'openai')).toContain('image/webp');
});

describe('what a base URL too many makes of a path', () => {
  test.each([
    ['/v1/images/generations/', 400],
    ['//v1//images/generations', 400],
    [`/v1beta/${GENERATE}/`, 400],
    [`/v1beta//${GENERATE}`, 400],
    [`/v1beta/${GENERATE.replace(':', '%3A')}`, 400],
    [`/v1beta/models/models%2Fgemini-3.1-flash-image:generateContent`, 400],
  ])('%s is served', async (path, status) => {
    expect((await post(path, '{}')).status).toBe(status);
  });

  test.each(['/v1/models/', '/v1//models', '/v1beta/models/', '/v1beta/openai/models', '/models'])(
    '%s lists the models',
    async (path) => {
      expect((await send(path, { headers: AUTHORIZED })).status).toBe(200);
    },
  );

  test.each([
    ['/v1/v1/images/generations', '/v1/images/generations', 'openai'],
    ['/v1beta/openai/v1/images/generations', '/v1/images/generations', 'openai'],
    [`/v1/v1beta/${GENERATE}`, `/v1beta/${GENERATE}`, 'google'],
    [`/v1beta/v1beta/${GENERATE}/`, `/v1beta/${GENERATE}`, 'google'],
    ['/v1/v1/models', '/v1/models', 'openai'],
  ] as const)('%s is a 404 that prints %s', async (path, meant, dialect) => {
    const failed = await post(path, '{}');
    expect(failed.status).toBe(404);
    expect(expectEnvelope(failed, dialect)).toContain(`Did you mean ${gateway.url}${meant}? OpenAI SDKs`);
  });

  test.each([
    ['/v1/nope', 'openai'],
    ['/', 'openai'],
    ['/v1beta/openai/completions', 'openai'],
    ['/v1beta/nope', 'google'],
    ['/upload/v1beta/nope', 'google'],
    ['/v1/models/gemini-3.1-flash-image:embedContent', 'google'],
  ] as const)('%s is a 404 that recommends nothing of the kind', async (path, dialect) => {
    const failed = await post(path, '{}');
    expect(failed.status).toBe(404);
    expect(expectEnvelope(failed, dialect)).not.toContain(`Did you mean`);
  });

  test.each([
    ['/v1beta/openai//responses/resp_1?key=x', '/v1beta/openai/responses/resp_1', 'openai'],
    ['/v1/responses/resp_4711/cancel', '/v1/responses/resp_4711', 'openai'],
    ['/v1/messages/batches', '/v1/messages/batches', 'claude'],
    ['/v1/embeddings', '/v1/embeddings', 'openai'],
    ['/v1/batches', '/v1/batches', 'openai'],
    ['/v1beta/batches/4711:cancel', '/v1beta/batches', 'google'],
    ['/v1beta/interactions', '/v1beta/interactions', 'google'],
  ] as const)(
    '%s is a 404 that says what this version serves, and doubts no base URL',
    async (path, named, dialect) => {
      for (const method of ['POST', 'GET', 'DELETE']) {
        const failed = await send(path, { method, headers: AUTHORIZED });
        expect(failed.status).toBe(404);
        expect(expectEnvelope(failed, dialect)).toBe(
          `This version does not serve ${named}. It serves POST /api/v1/images, POST /v1/chat/completions, POST /v1/images/edits, ` +
            'POST /v1/images/generations, POST /v1/images/variations, POST /v1/messages, POST /v1/messages/count_tokens, ' +
            'POST /v1/responses, POST /v1beta/models/{model}:countTokens, ' +
            'POST /v1beta/models/{model}:generateContent, POST /v1beta/models/{model}:streamGenerateContent, GET /v1/models.',
        );
        if (dialect === 'openai') expect(failed.body).toContain('"code":"not_served"');
      }
    },
  );

  test('what this version does not serve is said in the dialect of whoever asks, where the path is shared', async () => {
    for (const path of ['/v1/batches', '/v1/interactions']) {
      const failed = await send(path, { headers: { ...AUTHORIZED, 'x-goog-api-client': 'google-genai-sdk/3.1.0' } });
      expect(expectEnvelope(failed, 'google')).toContain(`does not serve ${path}.`);
    }
  });
});

describe.each([
  ['nothing else', {}, '', 'openai'],
  ['the key where Google has it', { 'x-goog-api-key': KEY }, '', 'google'],
  ['the mark of Google’s SDK', { 'x-goog-api-client': 'google-genai-sdk/3.1.0' }, '', 'google'],
  ['the key in the query', {}, `?key=${KEY}`, 'google'],
  ['the mark of OpenAI’s SDK', { 'x-goog-api-key': KEY, 'x-stainless-lang': 'js' }, '', 'openai'],
  ['the mark of Claude’s SDK', { 'anthropic-version': '2023-06-01', 'x-stainless-lang': 'js' }, '', 'claude'],
] as const)('/v1/models with %s', (_, marks, query, dialect) => {
  test('is in the dialect of whoever asks', async () => {
    const { body } = await send(`/v1/models${query}`, { headers: { ...AUTHORIZED, ...marks } });
    expect(Object.keys(JSON.parse(body) as object)).toContain(
      { openai: 'object', google: 'models', claude: 'has_more' }[dialect],
    );
  });

  test.each([
    [404, '/v1/models/nope', 'GET', AUTHORIZED],
    [404, '/v1/nope', 'GET', AUTHORIZED],
    [401, '/v1/models', 'GET', { 'x-api-key': 'wrong', 'x-goog-api-key': 'wrong', 'x-stainless-lang': 'js' }],
    [405, '/v1/models', 'DELETE', AUTHORIZED],
  ] as const)('so is its %i', async (status, path, method, headers) => {
    const isAnonymous = status === 401;
    const failed = await send(isAnonymous ? path : path + query, {
      method,
      headers: { ...(!isAnonymous && marks), ...headers },
    });
    expect(failed.status).toBe(status);
    expectEnvelope(failed, isAnonymous ? 'openai' : dialect);
  });
});

describe('a path that cannot be read', () => {
  test.each([
    ['/v1/%zz', 'openai', 400],
    ['/v1/images/%zz', 'openai', 400],
    ['/v1/models/%c3%28', 'openai', 400],
    ['/v1beta/models/%zz:generateContent', 'google', 400],
    ['/v1beta/%', 'google', 400],
    ['/v1beta/models/%00', 'google', 404],
    ['/v1beta/models/..%2F..%2Fv1%2Ffiles', 'google', 404],
    [`/v1beta/models/${'a'.repeat(8000)}`, 'google', 404],
    [`/v1/${'a/'.repeat(4000)}`, 'openai', 404],
    ['/v1/models/..%5c..%5c', 'openai', 404],
  ] as const)('%s', async (path, dialect, status) => {
    const head = `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\nconnection: close\r\n\r\n`;
    const [reply] = await talk(gateway.url, head);
    expect(reply!.status).toBe(status);
    expectEnvelope({ ...reply!, headers: new Headers(reply!.headers) }, dialect);
  });
});

describe('a fault of our own', () => {
  const broken = (): never => {
    throw new TypeError('the planted reason');
  };

  test.each([
    ['/v1/models', 'openai'],
    ['/v1beta/models', 'google'],
  ] as const)('on %s is a 500 with a request id; its reason is in the log and nowhere else', async (path, dialect) => {
    const dialects = [claude, gemini, openaiImages].map((each) => ({ ...each, renderModels: broken }));
    const server = await startSmallServer({ dialects });
    const failed = await send(path, { headers: { 'x-api-key': SMALL_KEY } }, server.url);
    expect([failed.status, failed.headers.get('x-should-retry')]).toEqual([500, 'false']);
    expect(expectEnvelope(failed, dialect)).toContain(failed.headers.get('x-request-id'));
    expect(failed.body).not.toContain('planted');
    const fault = server.logged().split('\n')[0]!;
    expect(fault).toContain(failed.headers.get('x-request-id'));
    expect(fault).toContain('TypeError');
    await server.close();
  });

  test('so deep that not even the error can be told ends the connection, and the next request is served', async () => {
    let isBroken = true;
    const dialects = [gemini, openaiImages].map((each) => ({
      ...each,
      renderModels: isBroken ? broken : each.renderModels,
      renderError: (...error: Parameters<typeof each.renderError>) =>
        isBroken ? broken() : each.renderError(...error),
    }));
    const server = await startSmallServer({ dialects });
    const init = { headers: { 'x-api-key': SMALL_KEY } };
    await expect(fetch(`${server.url}/v1/models`, init)).rejects.toThrow('fetch failed');
    expect(server.logged()).toContain('a reply could not be made or sent');
    isBroken = false;
    expect((await send('/v1/nope', init, server.url)).status).toBe(404);
    await server.close();
  });
});

test('a key that was revoked is a 401 that says so', async () => {
  const server = await startSmallServer();
  const failed = await send('/v1/models', { headers: { authorization: `Bearer ${REVOKED_KEY}` } }, server.url);
  expect(failed.status).toBe(401);
  expect(expectEnvelope(failed, 'openai')).toContain('revoked');
  await server.close();
});

test.each([
  ['/v1/images/generations', 'openai'],
  [`/v1beta/${GENERATE}`, 'google'],
  ['/v1/nope', 'openai'],
] as const)('%s of an instance that is shutting down is a 503 to be sent again', async (path, dialect) => {
  const server = await startSmallServer({ closing: AbortSignal.abort() });
  const failed = await send(path, { method: 'POST', headers: { 'x-api-key': SMALL_KEY }, body: '{}' }, server.url);
  expect([failed.status, failed.headers.get('x-should-retry')]).toEqual([503, 'true']);
  expect(failed.headers.get('connection')).toBe('close');
  expectEnvelope(failed, dialect);
  await server.close();
});
