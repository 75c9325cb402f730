import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { callRaw, hangUpAll, repliesIn } from '../support/raw.ts';
import type { RawReply } from '../support/raw.ts';
import { plainShapes, refusedShapes } from './smuggling-corpus.ts';

const IMAGES = '/v1/images/generations';
const HEADERS = `host: gateway.example\r\nx-api-key: ${KEY}\r\ncontent-type: application/json\r\n`;
const DRAWN = JSON.stringify({ prompt: 'smuggled', image_size: '512' });
/** Were it taken for a request it would be drawn, and be on the bill. */
const MARK = `POST ${IMAGES} HTTP/1.1\r\n${HEADERS}content-length: ${DRAWN.length}\r\n\r\n${DRAWN}`;
const WORDS = { headers: HEADERS, path: IMAGES, mark: MARK };

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ simulator: { signatureBytes: 64 } });
});
afterAll(async () => {
  hangUpAll();
  await gateway.close();
});

/** All that is heard of them, in pieces of so many bytes, until the other side closes. */
async function said(words: string, pieceBytes: number): Promise<readonly RawReply[]> {
  const caller = await callRaw(gateway.url);
  caller.socket.setNoDelay(true);
  const bytes = Buffer.from(words, 'latin1');
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    caller.say(bytes.subarray(start, start + pieceBytes));
    if (pieceBytes < bytes.length) await new Promise(setImmediate);
  }
  await caller.closed;
  caller.socket.destroy();
  return repliesIn(caller.heard());
}

async function stillServes(): Promise<void> {
  const reply = await fetch(`${gateway.url}/v1/models`, { headers: { 'x-api-key': KEY } });
  await reply.arrayBuffer();
  expect(reply.status).toBe(200);
}

describe.each([
  ['in one piece', 1 << 20],
  ['in pieces of 61 bytes', 61],
])('%s', (_, pieceBytes) => {
  test.each(refusedShapes(WORDS))(
    '$name: one refusal, the connection ends, and nothing hidden in it is heard',
    async ({ words }) => {
      const calls = gateway.simulator.calls.length;
      const replies = await said(words, pieceBytes);
      expect(replies).toHaveLength(1);
      const [{ status, headers, body }] = replies as [RawReply];
      expect([400, 405, 413, 431]).toContain(status);
      expect(headers).toMatchObject({ connection: 'close', 'content-type': 'application/json; charset=utf-8' });
      expect((JSON.parse(body) as { readonly error: { readonly message: unknown } }).error.message).toEqual(
        expect.any(String),
      );
      expect(gateway.simulator.calls).toHaveLength(calls);
    },
  );

  test.each(plainShapes({ ...WORDS, body: DRAWN }))(
    '$name: it ends where it ends, and what follows is the next request',
    async ({ words, isDrawn }) => {
      const calls = gateway.simulator.calls.length;
      const next = `GET /v1/nowhere HTTP/1.1\r\n${HEADERS}connection: close\r\n\r\n`;
      const replies = await said(words + next, pieceBytes);
      const [first, ...others] = replies.map(({ status }) => status);
      if (isDrawn) expect([first, others]).toEqual([200, [404]]);
      else {
        expect([400, 405]).toContain(first);
        // Refused before all of it was there, the connection may have ended with that.
        if (replies[0]?.headers['connection'] === 'close') expect(others).toEqual([]);
        else expect(others).toEqual([404]);
      }
      expect(gateway.simulator.calls.length - calls).toBe(isDrawn ? 1 : 0);
    },
  );
});

test.each([
  [
    'whose key is wrong',
    `POST ${IMAGES} HTTP/1.1\r\nhost: x\r\nx-api-key: wrong\r\ncontent-length: 100000\r\n\r\n${MARK}`,
    401,
  ],
  ['that says it is the last', `GET /v1/nowhere HTTP/1.1\r\n${HEADERS}connection: close\r\n\r\n${MARK}`, 404],
  ['of HTTP/1.0', `GET /v1/nowhere HTTP/1.0\r\n${HEADERS}\r\n${MARK}`, 404],
  [
    'to be upgraded',
    `GET /v1/nowhere HTTP/1.1\r\n${HEADERS}connection: upgrade, close\r\nupgrade: h2c\r\n\r\n${MARK}`,
    404,
  ],
  [
    'for health, with another coding',
    `GET /livez HTTP/1.1\r\nhost: x\r\ntransfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n${MARK}`,
    400,
  ],
])('behind a request %s nothing is heard', async (_, words, status) => {
  const calls = gateway.simulator.calls.length;
  const replies = await said(words, 1 << 20);
  expect(replies.map((reply) => reply.status)).toEqual([status]);
  expect(gateway.simulator.calls).toHaveLength(calls);
});

test('after all of it the next request is served, and no fault of ours was logged', async () => {
  await stillServes();
  expect(gateway.logged()).not.toContain('"level":50');
});
