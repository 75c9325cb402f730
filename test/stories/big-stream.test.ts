import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { base64Bytes, bytesOf, MB, pngOf, stringBehind } from '../support/big-picture.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { longestString } from '../support/longest-string.ts';

const IMAGES = '/v1/images/generations';
const SSE = '/v1beta/models/gemini-3.1-flash-image:streamGenerateContent?alt=sse';
const DRAFT = pngOf(12 * MB);
const PICTURE = pngOf(20 * MB);

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A vendor's stream of one draft and one picture, an event and a line each. */
const EVENTS = [
  [DRAFT, ',"thought":true}],"role":"model"},"index":0}]}\r\n\r\n'],
  [
    PICTURE,
    '}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,' +
      '"candidatesTokenCount":2520,"totalTokenCount":2525},"modelVersion":"gemini-3.1-flash-image"}\r\n\r\n',
  ],
].flatMap(([picture, end]) => [
  Buffer.from('data: {"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"'),
  base64Bytes(picture as Buffer),
  Buffer.from(`"}${end as string}`),
]);

const upstream = createServer((incoming, response) => void answer(incoming, response));

async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  incoming.resume();
  await once(incoming, 'end');
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const piece of EVENTS) response.write(piece);
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

async function ask(path: string, body: unknown): Promise<Buffer> {
  const sent = request(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
  });
  sent.end(JSON.stringify(body));
  const [reply] = (await once(sent, 'response')) as [IncomingMessage];
  expect(reply.statusCode).toBe(200);
  const chunks: Buffer[] = [];
  for await (const piece of reply) chunks.push(piece as Buffer);
  return Buffer.concat(chunks);
}

const CASES: readonly {
  readonly path: string;
  readonly body: object;
  readonly words: string;
  /** Where a draft stands under another name. */
  readonly draft?: string;
}[] = [
  {
    path: '/v1/responses',
    body: { input: 'x', stream: true, tools: [{ type: 'image_generation', partial_images: 1 }] },
    words: '"result":"',
    draft: '"partial_image_b64":"',
  },
  { path: IMAGES, body: { prompt: 'x', stream: true, partial_images: 1 }, words: '"b64_json":"' },
  {
    path: SSE,
    body: {
      contents: [{ parts: [{ text: 'x' }] }],
      generationConfig: { thinkingConfig: { includeThoughts: true } },
    },
    words: '"data":"',
  },
];

describe('a stream of 32 MB of pictures', () => {
  test.each(CASES)(
    'by $path arrives to the last byte, and nothing of it becomes a string',
    async ({ path, body, words, draft = words }) => {
      let reply: Buffer = Buffer.alloc(0);
      const longest = await longestString(async () => {
        reply = await ask(path, body);
      });
      expect(longest).toBeGreaterThan(0);
      expect(longest).toBeLessThan(100_000);
      expect(sha256(bytesOf(stringBehind(reply, draft)))).toBe(sha256(DRAFT));
      const second = reply.subarray(reply.indexOf(draft) + DRAFT.length);
      expect(sha256(bytesOf(stringBehind(second, words)))).toBe(sha256(PICTURE));
    },
  );

  test('costs no new memory after the first: the next is received where it lay', async () => {
    let blocks = 0;
    const allocate = Buffer.allocUnsafeSlow;
    Buffer.allocUnsafeSlow = (size) => {
      if (size > MB) blocks += 1;
      return allocate(size);
    };
    try {
      for (let round = 0; round < 3; round += 1) for (const { path, body } of CASES) await ask(path, body);
    } finally {
      Buffer.allocUnsafeSlow = allocate;
    }
    // Two it is received in, one its pictures are checked in; and those again where this machine paused for seconds.
    expect(blocks).toBeLessThan(8);
  });
});
