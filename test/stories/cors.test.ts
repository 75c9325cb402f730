import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

const PAGE = 'https://app.example.com';
const IMAGES = '/v1/images/generations';
const PREFLIGHT = {
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
};

let open: TestGateway;
let closed: TestGateway;
let any: TestGateway;
beforeAll(async () => {
  open = await startGateway({ config: { cors: { origins: [PAGE, 'tauri://localhost'] } } });
  any = await startGateway({ config: { cors: { origins: ['*'] } } });
  closed = await startGateway();
});
afterAll(() => Promise.all([open, any, closed].map((gateway) => gateway.close())));

const preflight = (gateway: TestGateway, path: string, headers: Record<string, string>): Promise<Response> =>
  fetch(`${gateway.url}${path}`, { method: 'OPTIONS', headers });

/** fetch leaves these headers to browsers; over plain HTTP they are ours to send. */
const corsOf = ({ headers }: Response): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')));

describe('a page whose origin is listed', () => {
  test.each([
    [IMAGES, 'POST'],
    ['/v1beta/openai/images/generations', 'POST'],
    ['/v1beta/models/gemini-3.1-flash-image:generateContent', 'POST'],
    ['/v1beta/models/gemini-3.1-flash-image:countTokens', 'POST'],
    ['/v1/models', 'GET'],
    ['/v1/models/auto', 'GET'],
    ['/v1/capabilities', 'GET'],
    ['/v1/quote', 'POST'],
    ['/v1/images/tasks/task_1', 'GET, DELETE'],
  ])('may ask before %s, without a key', async (path, methods) => {
    const reply = await preflight(open, path, { origin: PAGE, ...PREFLIGHT });
    expect([reply.status, await reply.text()]).toEqual([204, '']);
    expect(corsOf(reply)).toEqual({
      'access-control-allow-origin': PAGE,
      'access-control-expose-headers': '*',
      'access-control-allow-methods': methods,
      'access-control-allow-headers': PREFLIGHT['access-control-request-headers'],
      'access-control-max-age': '7200',
    });
    expect(reply.headers.get('vary')).toContain('Origin');
  });

  test('reads answers and refusals', async () => {
    const drawn = await open.post(IMAGES, { prompt: 'a fox' }, { origin: PAGE });
    const refused = await open.post(IMAGES, {}, { origin: 'tauri://localhost' });
    const stranger = await open.post(IMAGES, {}, { origin: PAGE, authorization: 'Bearer no' });
    expect(
      [drawn, refused, stranger].map((reply) => [reply.status, corsOf(reply)['access-control-allow-origin']]),
    ).toEqual([
      [200, PAGE],
      [400, 'tauri://localhost'],
      [401, PAGE],
    ]);
    expect(drawn.headers.get('vary')).toBe('Authorization, X-Goog-Api-Key, X-Api-Key, Origin');
    expect(drawn.headers.get('access-control-allow-credentials')).toBeNull();
  });

  test('may be on the web, and the gateway on this machine', async () => {
    const headers = { origin: PAGE, ...PREFLIGHT, 'access-control-request-private-network': 'true' };
    expect(corsOf(await preflight(open, IMAGES, headers))).toMatchObject({
      'access-control-allow-private-network': 'true',
    });
  });
});

describe('another page', () => {
  test('is told nothing that lets a browser give it the answer', async () => {
    const asked = await preflight(open, IMAGES, { origin: 'https://evil.example.com', ...PREFLIGHT });
    expect([asked.status, corsOf(asked)]).toEqual([405, {}]);
    const answered = await open.post(IMAGES, { prompt: 'a fox' }, { origin: `${PAGE}.evil.com` });
    expect([answered.status, corsOf(answered)]).toEqual([200, {}]);
    expect(answered.headers.get('vary')).toContain('Origin');
  });

  test('asks in vain for what is not there', async () => {
    expect((await preflight(open, '/v1/nope', { origin: PAGE, ...PREFLIGHT })).status).toBe(404);
  });
});

test('with * every page may', async () => {
  const reply = await any.post(IMAGES, { prompt: 'a fox' }, { origin: 'https://anybody.example' });
  expect(corsOf(reply)).toEqual({ 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' });
});

describe('without origins in the configuration', () => {
  test('no page may, and an OPTIONS hears the methods as before', async () => {
    const reply = await preflight(closed, IMAGES, { origin: PAGE, ...PREFLIGHT });
    expect([reply.status, reply.headers.get('allow'), corsOf(reply)]).toEqual([405, 'POST', {}]);
    expect((await preflight(closed, '/v1/nope', {})).status).toBe(404);
  });

  test('answers are what they were', async () => {
    const reply = await fetch(`${closed.url}/v1/models`, { headers: { authorization: `Bearer ${KEY}`, origin: PAGE } });
    expect([reply.status, corsOf(reply), reply.headers.get('vary')]).toEqual([
      200,
      {},
      'Authorization, X-Goog-Api-Key, X-Api-Key',
    ]);
  });
});
