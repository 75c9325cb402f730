import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectEnvelope } from '../support/envelope.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { talk } from '../support/raw.ts';

const RUNS = process.env.PLANTAIN_TEST_LONG ? 50_000 : 1_000;
const TIMEOUT_MS = RUNS * 30;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ simulator: { signatureBytes: 64 } });
});
afterAll(() => gateway.close());

const METHODS = ['GET', 'POST', 'POST', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'LOCK'];
const PIECES = [
  ...'v1 v1beta openai images generations edits models messages chat completions files batches upload * {model} __proto__'.split(
    ' ',
  ),
  ...'gemini-3.1-flash-image gemini-3.1-flash-image:generateContent x:streamGenerateContent : :a . ..'.split(' '),
  ...' %2e%2e ..%2F.. %2F %00 %zz % %c3%28 %F0%9F%A6%8A'.split(' '),
];
const LEGAL = 'abcXYZ019-._~!$&\'()*+,;=:@%|^`<>[]{}"\\';

const piece = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...LEGAL.split('')), maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 50, max: 3000 }).map((length) => 'a'.repeat(length)) },
);
const path = fc
  .tuple(fc.constantFrom('/v1', '/v1beta', '/v1beta/openai', '//v1', '/v1//'), fc.array(piece, { maxLength: 5 }))
  .map(([base, pieces]) => [base, ...pieces].join('/'));
const query = fc.constantFrom(
  '',
  '',
  '',
  '?',
  `?key=${KEY}`,
  '?key=wrong',
  '?alt=sse&key=',
  '?a=%zz',
  '?__proto__=1',
  '#x',
);
const header = fc.constantFrom(
  `authorization: Bearer ${KEY}`,
  `x-goog-api-key: ${KEY}`,
  'authorization: Bearer',
  'authorization: Basic eA==',
  'x-api-key: wrong',
  'content-type: application/json',
  'content-type: application/json\ta',
  'content-type: text/plain',
  'content-type: ;;;',
  'content-type:',
  'content-encoding: gzip',
  'accept: image/png',
  'accept: image/tiff',
  'accept: ;q=,,image/',
  'cache-control: only-if-cached, max-age="x',
  'cache-control: no-store, no-cache',
  'expect: 200-ok',
  'x-goog-api-client: genai',
  'x-stainless-lang: js',
  'accept-version: 9.9.9',
  'connection: keep-alive, upgrade',
  'upgrade: websocket',
  'idempotency-key: "\xff"',
  'traceparent: 00-zz',
  'prefer: respond-async',
  'range: bytes=0-1',
  'if-none-match: *',
  'x-http-method-override: DELETE',
  'x-forwarded-for: 127.0.0.1',
);
const body = fc.oneof(
  fc.constantFrom(
    '',
    '{}',
    '[]',
    'null',
    '{"prompt":"x"',
    '{"prompt":1}',
    '{"contents":[]}',
    '\u{feff}{}',
    'a=b',
    '{"__proto__":{}}',
  ),
  fc.json({ maxDepth: 3 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);

const request = fc.record({
  method: fc.constantFrom(...METHODS),
  path,
  query,
  headers: fc.array(header, { maxLength: 6 }),
  body,
});

/** Null where the path could be either's. */
function dialectOfPath(path: string): 'openai' | 'google' | 'claude' | null {
  const plain = path.replace(/\/{2,}/g, '/');
  if (/^(\/v1(beta)?)+\/messages(\/|$)/.test(plain)) return 'claude';
  if (/^\/v1(beta)?\/(openai|images|chat|completions)(\/|$)/.test(plain))
    return plain.startsWith('/v1/openai') ? null : 'openai';
  return plain.startsWith('/v1beta/') ? 'google' : null;
}

test(
  'whatever is asked under /v1 and /v1beta, the answer is JSON in the shape of its path and never our own fault',
  { timeout: TIMEOUT_MS },
  async () => {
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, query, headers, body }) => {
        const bytes = Buffer.from(body, 'latin1');
        const lines = ['host: x', ...headers, `content-length: ${bytes.length}`, 'connection: close'].join('\r\n');
        const head = Buffer.from(`${method} ${path}${query} HTTP/1.1\r\n${lines}\r\n\r\n`, 'latin1');
        const replies = await talk(gateway.url, Buffer.concat([head, bytes]));
        expect(replies).toHaveLength(1);
        const { status, headers: heard, body: told } = replies[0]!;
        expect(status).not.toBe(500);
        expect(heard['x-request-id']).toMatch(/^req_[0-9a-f]{32}$/);
        expect(heard['cache-control']).toBe('private, no-store');
        expect(heard['x-content-type-options']).toBe('nosniff');
        if (method === 'HEAD' || status === 200) {
          expect(heard['content-type']).toMatch(/^(application\/json|image\/)/);
          return;
        }
        // Google's streams without `alt=sse` list what they say.
        const said = told.startsWith('[') && /streamGenerateContent/i.test(path) ? told.slice(1, -1) : told;
        const isClaude = said.startsWith('{"type":"error"');
        const dialect = isClaude ? 'claude' : said.startsWith('{"error":{"code"') ? 'google' : 'openai';
        expectEnvelope({ status, headers: new Headers(heard), body: said }, dialect);
        if (!headers.includes('x-goog-api-client: genai')) expect(dialect).toBe(dialectOfPath(path) ?? dialect);
      }),
      { numRuns: RUNS },
    );
    expect(gateway.logged()).not.toContain('"level":50');
    expect(gateway.logged()).not.toContain(KEY);
  },
);
