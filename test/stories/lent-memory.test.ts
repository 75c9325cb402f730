import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesOf, MB, pngOf, replyWith, stringBehind } from '../support/big-picture.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

// Larger than what the sockets between the gateway and its reader hold: the rest waits in the gateway's memory.
const SIZE = 12 * MB;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Sample {
  readonly digest: string;
  readonly reply: readonly Buffer[];
}

const samples = new Map<string, Sample>();

/** The picture of a prompt is its one letter over and over: bytes of another's would show. */
function sampleOf(prompt: string): Sample {
  const known = samples.get(prompt);
  if (known !== undefined) return known;
  const picture = pngOf(SIZE, prompt.charCodeAt(0));
  const made = { digest: sha256(picture), reply: replyWith(picture) };
  samples.set(prompt, made);
  return made;
}

let drawn = 0;
const upstream = createServer((incoming, response) => void draw(incoming, response));

async function draw(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, prompt = '?'] = /"text":"(.)"/.exec((await finish(incoming)).toString()) ?? [];
  drawn += 1;
  response.writeHead(200, { 'content-type': 'application/json' });
  for (const piece of sampleOf(prompt).reply) response.write(piece);
  response.end();
}

let gateway: TestGateway;
beforeAll(async () => {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  gateway = await startGateway({
    upstream: { baseUrl: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` },
    // Of two scopes each may have half: one picture.
    config: { cache: { store: 'memory', when: 'repeatable', memoryBytes: 80 * MB } },
  });
});
afterAll(async () => {
  await gateway.close();
  upstream.close();
  upstream.closeAllConnections();
});

function post(body: object, headers: Record<string, string> = {}): ClientRequest {
  const sent = request(`${gateway.url}/v1/images/generations`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
  });
  return sent.end(JSON.stringify(body));
}

/** A reader that has the head of its answer and reads no further. */
async function begin(body: object, headers?: Record<string, string>): Promise<IncomingMessage> {
  const [answer] = (await once(post(body, headers), 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(200);
  return answer;
}

async function finish(answer: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of answer) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

async function digestIn(answer: IncomingMessage): Promise<string> {
  return sha256(bytesOf(stringBehind(await finish(answer), '"b64_json":"')));
}

/** Others come and go, and use whatever memory was given back. */
async function others(): Promise<void> {
  for (const prompt of ['x', 'y', 'z']) expect(await digestIn(await begin({ prompt }))).toBe(sampleOf(prompt).digest);
}

describe('while others use memory that was given back, a picture stays what it is', () => {
  test('for a slow reader', async () => {
    const slow = await begin({ prompt: 'a' });
    await others();
    expect(await digestIn(slow)).toBe(sampleOf('a').digest);
  });

  test('for the slowest of those who joined one flight', async () => {
    const before = drawn;
    const [slow, slower] = await Promise.all([begin({ prompt: 'b', seed: 1 }), begin({ prompt: 'b', seed: 1 })]);
    expect(drawn).toBe(before + 1);
    expect(await digestIn(slow)).toBe(sampleOf('b').digest);
    await others();
    expect(await digestIn(slower)).toBe(sampleOf('b').digest);
  });

  test('for a hit, and for a hit that is evicted while it is read', async () => {
    await digestIn(await begin({ prompt: 'c', seed: 1 }));
    await others();
    const hit = await begin({ prompt: 'c', seed: 1 });
    expect(hit.headers['cache-status']).toContain('Plantain; hit');
    for (const prompt of ['d', 'e', 'f']) await digestIn(await begin({ prompt, seed: 1 }));
    await others();
    expect(await digestIn(hit)).toBe(sampleOf('c').digest);
    const again = await begin({ prompt: 'c', seed: 1 });
    expect(again.headers['cache-status']).toContain('fwd=miss');
    expect(await digestIn(again)).toBe(sampleOf('c').digest);
  });

  test('for a caller who hung up in the middle and comes back for it', async () => {
    const before = drawn;
    const broken = await begin({ prompt: 'g' });
    broken.destroy();
    await expect.poll(() => gateway.logged()).toContain('"status":499');
    await others();
    const [back] = (await once(post({ prompt: 'g' }), 'response')) as [IncomingMessage];
    expect(await digestIn(back)).toBe(sampleOf('g').digest);
    expect(drawn).toBe(before + 1 + 3);
  });

  test('for a reader of bare bytes', async () => {
    const slow = await begin({ prompt: 'h' }, { accept: 'image/png' });
    await others();
    expect(sha256(await finish(slow))).toBe(sampleOf('h').digest);
  });

  test('for each of several in one answer', async () => {
    const slow = await begin({ prompt: 'i', n: 2 });
    await others();
    const body = await finish(slow);
    const second = body.subarray(body.indexOf('"b64_json":"') + 1);
    for (const part of [body, second])
      expect(sha256(bytesOf(stringBehind(part, '"b64_json":"')))).toBe(sampleOf('i').digest);
  });
});
