import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { damage, spoiled, stepOf } from '../support/spoil.ts';

const IS_LONG = process.env['PLANTAIN_TEST_LONG'] !== undefined;
const RUNS = IS_LONG ? 50_000 : 1_000;
const SEED = IS_LONG ? Date.now() : 20_261_128;
const TIMEOUT_MS = 60_000 + RUNS * 30;

let gateway: TestGateway;
let uploadUrl: string;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64 },
    // A list of them is read from the disk: in a long run thousands of them would be a test of that.
    config: { files: { perTenant: 300 } },
  });
  const begun = await fetch(`${gateway.url}/upload/v1beta/files`, {
    method: 'POST',
    headers: {
      'x-goog-api-key': KEY,
      'content-type': 'application/json',
      'x-goog-upload-protocol': 'resumable',
      'x-goog-upload-command': 'start',
    },
    body: '{}',
  });
  uploadUrl = begun.headers.get('x-goog-upload-url')!;
});
afterAll(() => gateway.close());

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const BOUNDARY = 'boundary-of-a-file';
const FORM = Buffer.from(
  [
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="purpose"',
    '',
    'vision',
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="expires_after[anchor]"',
    '',
    'created_at',
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="expires_after[seconds]"',
    '',
    '3600',
    `--${BOUNDARY}`,
    'Content-Disposition: form-data; name="file"; filename="fox.png"',
    'Content-Type: image/png',
    '',
    'not much of a picture',
    `--${BOUNDARY}--`,
    '',
  ].join('\r\n'),
);
const PUT = [
  '\r\n',
  '\r\n\r\n',
  '--',
  `\r\n--${BOUNDARY}`,
  '"',
  '[',
  ']',
  '; filename=""',
  '; filename*=UTF-8',
  'file',
  'purpose',
  '-1',
  '1e99',
  '__proto__',
  '\0',
  '/../..',
];
const change = fc.record({
  at: fc.nat(FORM.length - 1),
  cut: fc.nat(40),
  put: fc.oneof(
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(...PUT).map((text) => Buffer.from(text)),
  ),
});

const VENDORS = [
  { authorization: `Bearer ${KEY}` },
  { 'x-api-key': KEY, 'anthropic-version': '2023-06-01', 'anthropic-beta': 'files-api-2025-04-14' },
  { 'x-goog-api-key': KEY, 'x-goog-api-client': 'genai' },
];
const asForm: fc.Arbitrary<Asked> = fc
  .tuple(
    fc.constantFrom('/v1/files', '/files', '/v1beta/openai/files', '/v1beta/files'),
    fc.constantFrom(...VENDORS),
    fc.array(change, { maxLength: 3 }),
  )
  .map(([path, vendor, changes]) => {
    let body = FORM;
    for (const { at, cut, put } of changes) body = Buffer.concat([body.subarray(0, at), put, body.subarray(at + cut)]);
    const headers = { ...vendor, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
    return { method: 'POST', path, headers, body };
  });

const NAMES = 'file displayName display_name name mimeType mime_type sizeBytes metadata __proto__ toJSON'.split(' ');
const DESCRIPTION = {
  file: { displayName: 'fox', name: 'files/fox', mimeType: 'image/png', sizeBytes: '21' },
};
const word = (...words: readonly string[]): fc.Arbitrary<string> => fc.constantFrom('', ...words);
const commands = word('start', 'upload', 'upload, finalize', 'finalize', 'query', 'cancel', 'dance', ',,');
const numbers = word('0', '21', '-1', '1e3', '999999999999999', '0x10', '1 2');
const inSteps: fc.Arbitrary<Asked> = fc
  .tuple(
    fc.constantFrom('begin', 'go on'),
    fc.tuple(commands, word('resumable', 'raw', 'multipart', 'media'), numbers, numbers),
    word('fox.png', '../../etc/passwd', 'f'.repeat(3_000), '%00', 'name="x"; y'),
    word('image/png', 'text/html; charset=x', 'image/svg+xml', 'x', '/'),
    fc.array(stepOf(NAMES), { maxLength: 3 }),
    fc.option(damage, { freq: 3 }),
  )
  .map(([what, [command, protocol, length, offset], fileName, type, steps, harm]) => {
    const said = {
      'x-goog-upload-command': command,
      'x-goog-upload-protocol': protocol,
      'x-goog-upload-header-content-length': length,
      'x-goog-upload-offset': offset,
      'x-goog-upload-file-name': fileName,
      'x-goog-upload-header-content-type': type,
    };
    const headers = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== ''));
    const body = spoiled(DESCRIPTION, steps, harm);
    const path = what === 'begin' ? '/upload/v1beta/files' : '';
    return { method: 'POST', path, headers: { 'x-goog-api-key': KEY, ...headers }, body };
  });

const ids = fc.oneof(
  fc.constantFrom('file-abc', 'files', '..%2F..', 'a:download', '%00', '*', 'file-'.repeat(200)),
  fc.string({ maxLength: 20 }).map(encodeURIComponent),
);
const looking: fc.Arbitrary<Asked> = fc
  .tuple(
    fc.constantFrom('GET', 'DELETE'),
    fc.constantFrom('/v1/files', '/v1beta/files', '/download/v1beta/files'),
    ids,
    word(
      '/content',
      ':download',
      '?limit=-1',
      '?after=x&order=up',
      '?pageSize=1e9&pageToken=x',
      '?alt=media',
      '?limit=0',
    ),
    fc.constantFrom(...VENDORS),
  )
  .map(([method, path, id, rest, headers]) => ({
    method,
    path: `${path}${id === '' ? '' : `/${id}`}${rest}`,
    headers,
    body: Buffer.alloc(0),
  }));

test(
  'whatever is sent as a file, or asked of one, the answer says what the caller can do',
  async () => {
    const statuses = new Map<number, number>();
    const property = fc.asyncProperty(fc.oneof(asForm, inSteps, looking), async ({ method, path, headers, body }) => {
      const url = path === '' ? uploadUrl : gateway.url + path;
      const reply = await fetch(url, { method, headers, ...(method === 'POST' && { body: new Uint8Array(body) }) });
      const text = await reply.text();
      statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
      expect(reply.status, text).toBeLessThan(500);
      expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
      if (reply.status >= 400)
        expect(JSON.parse(text)).toMatchObject({ error: { message: expect.stringMatching(/\w/) } });
    });
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
    expect(statuses.get(200)).toBeGreaterThan(RUNS / 20);
    expect(statuses.get(400)).toBeGreaterThan(RUNS / 20);
    expect(gateway.logged()).not.toContain('"level":50');
    expect(gateway.logged()).not.toContain(KEY);
  },
  TIMEOUT_MS,
);
