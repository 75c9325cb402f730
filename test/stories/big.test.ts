import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { base64Bytes, bytesOf, MB, pngOf, replyWith, stringBehind } from '../support/big-picture.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { longestString } from '../support/longest-string.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const PICTURE = pngOf(20 * MB);
const REFERENCE = pngOf(20 * MB);

const REPLY = replyWith(PICTURE);

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const piece of stream) chunks.push(piece as Buffer);
  return Buffer.concat(chunks);
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let received: Buffer | null = null;
const upstream = createServer((incoming, response) => void answer(incoming, response));

async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readAll(incoming);
  if (body.length > MB) received = body;
  response.writeHead(200, { 'content-type': 'application/json' });
  for (const piece of REPLY) response.write(piece);
  response.end();
}

let gateway: TestGateway;
beforeAll(async () => {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  gateway = await startGateway({
    upstream: { baseUrl: `http://127.0.0.1:${port}` },
    config: { cache: { when: 'never', memoryBytes: 100 * MB } },
  });
});
afterAll(async () => {
  await gateway.close();
  upstream.close();
  upstream.closeAllConnections();
});

const formOf = (picture: readonly Uint8Array[]): readonly Uint8Array[] => [
  Buffer.from('--b\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'),
  ...picture,
  Buffer.from('\r\n--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nlike this\r\n--b--\r\n'),
];

async function ask(path: string, body: readonly Uint8Array[], headers: Record<string, string> = {}): Promise<Buffer> {
  const sent = request(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
  });
  for (const piece of body) sent.write(piece);
  sent.end();
  const [reply] = (await once(sent, 'response')) as [IncomingMessage];
  expect(reply.statusCode).toBe(200);
  const bytes = await readAll(reply);
  expect(bytes.length).toBe(Number(reply.headers['content-length']));
  return bytes;
}

const json = (value: unknown): Buffer[] => [Buffer.from(JSON.stringify(value))];
const withReference = [
  Buffer.from('{"contents":[{"parts":[{"text":"like this"},{"inlineData":{"mimeType":"image/png","data":"'),
  base64Bytes(REFERENCE),
  Buffer.from('"}}]}]}'),
];

const withAnswer = [
  Buffer.from('{"input":[{"role":"user","content":"x"},{"type":"image_generation_call","id":"ig_1","result":"'),
  base64Bytes(REFERENCE),
  Buffer.from('"},{"role":"user","content":"bluer"}]}'),
];

describe('a picture of 20 MB', () => {
  test.each([
    { how: 'in the images dialect', path: IMAGES, body: json({ prompt: 'x' }), words: '"b64_json":"' },
    { how: 'natively', path: NATIVE, body: json({ contents: [{ parts: [{ text: 'x' }] }] }), words: '"data":"' },
    { how: 'natively, with a reference of 20 MB', path: NATIVE, body: withReference, words: '"data":"' },
    { how: 'as a response, with an answer of 20 MB', path: '/v1/responses', body: withAnswer, words: '"result":"' },
    {
      how: 'in the images dialect, of a file of 20 MB in a form',
      path: '/v1/images/edits',
      body: formOf([REFERENCE]),
      words: '"b64_json":"',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
  ])('$how arrives to the last byte, and never becomes a string', async ({ path, body, words, headers }) => {
    let reply: Buffer = Buffer.alloc(0);
    const longest = await longestString(async () => {
      reply = await ask(path, body, headers);
    });
    expect(longest).toBeGreaterThan(0);
    expect(longest).toBeLessThan(100_000);
    expect(sha256(bytesOf(stringBehind(reply, words)))).toBe(sha256(PICTURE));
  });

  test('on its way up is the very bytes the caller sent', () => {
    expect(sha256(bytesOf(stringBehind(received!, '"data":"')))).toBe(sha256(REFERENCE));
  });

  test('is bare bytes where those are asked for', async () => {
    expect(sha256(await ask(IMAGES, json({ prompt: 'x' }), { accept: 'image/*' }))).toBe(sha256(PICTURE));
  });

  test('leaves nothing behind when nothing is kept', async () => {
    received = null;
    const held = (): number => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers;
    };
    // Buffers are given back by finalizers, some turns of the event loop after the garbage was collected.
    const settle = async (limit: number): Promise<void> => expect.poll(held).toBeLessThan(limit);
    const before = held();
    for (let round = 0; round < 3; round += 1) {
      await ask(IMAGES, json({ prompt: 'x' }));
      await ask(NATIVE, withReference);
      received = null;
    }
    await settle(before + 8 * MB);
  });

  test('costs no new memory after the first: the next is received where it lay', async () => {
    let blocks = 0;
    const allocate = Buffer.allocUnsafeSlow;
    Buffer.allocUnsafeSlow = (size) => {
      if (size > MB) blocks += 1;
      return allocate(size);
    };
    try {
      for (let round = 0; round < 6; round += 1) await ask(IMAGES, json({ prompt: 'x' }));
      await ask(IMAGES, json({ prompt: 'x' }), { accept: 'image/*' });
    } finally {
      Buffer.allocUnsafeSlow = allocate;
    }
    // One it is received in, one it is checked in; and those again where this machine paused for seconds.
    expect(blocks).toBeLessThan(5);
  });
});
