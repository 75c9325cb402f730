import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import { KEY, startGateway, UPSTREAM_KEY } from '../support/gateway.ts';
import { damage, spoiled, stepOf } from '../support/spoil.ts';
import type { Value } from '../support/spoil.ts';

const IS_LONG = process.env['PLANTAIN_TEST_LONG'] !== undefined;
const RUNS = IS_LONG ? 100_000 : 800;
const SEED = IS_LONG ? Date.now() : 20_261_128;
const TIMEOUT_MS = 60_000 + RUNS * 40;

const MODEL = '/v1beta/models/gemini-3.1-flash-image';
const NATIVE = { contents: [{ parts: [{ text: 'a fox' }] }], generationConfig: { imageConfig: { imageSize: '512' } } };
const SAID = [{ role: 'user', content: 'a fox' }];
const CALLS: readonly (readonly [path: string, body: Record<string, unknown>])[] = [
  ['/v1/images/generations', { prompt: 'a fox', image_size: '512' }],
  ['/v1/images/generations', { prompt: 'a fox', image_size: '512', output_format: 'png' }],
  ['/v1/images/generations', { prompt: 'a fox', image_size: '512', stream: true, partial_images: 1 }],
  ['/v1/chat/completions', { messages: SAID, image_size: '512' }],
  ['/v1/chat/completions', { messages: SAID, image_size: '512', stream: true }],
  ['/v1/responses', { input: 'a fox', tools: [{ type: 'image_generation' }], image_size: '512' }],
  ['/v1/responses', { input: 'a fox', tools: [{ type: 'image_generation', partial_images: 1 }], stream: true }],
  ['/v1/messages', { messages: SAID, max_tokens: 1024, image_size: '512' }],
  ['/v1/messages', { messages: SAID, max_tokens: 1024, image_size: '512', stream: true }],
  ['/api/v1/images', { prompt: 'a fox' }],
  [`${MODEL}:generateContent`, NATIVE],
  [`${MODEL}:streamGenerateContent?alt=sse`, NATIVE],
  [`${MODEL}:streamGenerateContent`, NATIVE],
];

const FIELDS =
  'candidates content parts text inlineData data mimeType thought thoughtSignature finishReason finishMessage index usageMetadata promptTokenCount candidatesTokenCount candidatesTokensDetails modality tokenCount totalTokenCount promptFeedback blockReason modelVersion responseId groundingMetadata error code status message details retryDelay reason __proto__ constructor'.split(
    ' ',
  );

/** What the simulator says, good and bad: whole, and in pieces. */
async function realReplies(): Promise<{ wholes: Value[]; streams: Value[][] }> {
  const simulator = await startSimulator({ signatureBytes: 64 });
  try {
    const ask = async (method: string, fault: Fault | null): Promise<string> => {
      if (fault !== null) simulator.rule({ fault, times: 1 });
      const reply = await fetch(`${simulator.url}${MODEL}:${method}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-goog-api-key': 'simulator' },
        body: JSON.stringify({
          ...NATIVE,
          generationConfig: { ...NATIVE.generationConfig, thinkingConfig: { includeThoughts: true } },
        }),
      });
      return reply.text();
    };
    const faults = [null, 'image-safety', 'no-image-text', 'blocked-safety', 'rate-limit', 'overloaded', 'key-invalid'];
    const wholes: Value[] = [];
    for (const fault of faults as (Fault | null)[])
      wholes.push(JSON.parse(await ask('generateContent', fault)) as Value);
    const streams: Value[][] = [];
    for (const fault of [null, 'image-safety', 'stream-error'] as const)
      streams.push(JSON.parse(await ask('streamGenerateContent', fault)) as Value[]);
    return { wholes, streams };
  } finally {
    await simulator.close();
  }
}

interface Said {
  readonly status: number;
  readonly bytes: Buffer;
  readonly events: Buffer;
}

test(
  'whatever an upstream answers, its caller has a picture or an error, and no fault is ours',
  async () => {
    const { wholes, streams } = await realReplies();
    let next: Said = { status: 200, bytes: Buffer.alloc(0), events: Buffer.alloc(0) };
    const vendor = createServer((request, response) => {
      request.resume();
      request.once('end', () => {
        const isStream = request.url?.includes(':stream') === true;
        const type = isStream && next.status === 200 ? 'text/event-stream' : 'application/json';
        response.writeHead(next.status, { 'content-type': type }).end(isStream ? next.events : next.bytes);
      });
    }).listen(0, '127.0.0.1');
    await once(vendor, 'listening');
    onTestFinished(() => {
      vendor.closeAllConnections();
      vendor.close();
    });
    const gateway = await startGateway({
      upstream: { baseUrl: `http://127.0.0.1:${(vendor.address() as AddressInfo).port}` },
      // It counts what it has charged and never what it was billed, and blames nobody for what is prohibited.
      config: { bounds: { detachedPerTenant: 1_000 } },
    });
    onTestFinished(() => gateway.close());

    const steps = fc.array(stepOf(FIELDS), { maxLength: 4 });
    const statuses = fc.oneof(
      { weight: 6, arbitrary: fc.constant(200) },
      fc.constantFrom(400, 403, 404, 429, 500, 503),
    );
    const said = fc
      .tuple(statuses, fc.constantFrom(...wholes), fc.constantFrom(...streams), steps, fc.option(damage, { freq: 3 }))
      .map(([status, whole, stream, changes, harm]): Said => {
        const pieces = stream.map((piece) => `data: ${spoiled(piece, changes, null).toString()}\r\n\r\n`).join('');
        const events = Buffer.from(pieces);
        for (const [at, byte] of harm?.bytes ?? []) events[at % events.length] = byte;
        const end = harm === null || harm.cut === null ? events.length : harm.cut % events.length;
        return { status, bytes: spoiled(whole, changes, harm), events: events.subarray(0, end) };
      });
    const ends = new Map<number, number>();
    const property = fc.asyncProperty(said, fc.constantFrom(...CALLS), async (reply, [path, body]) => {
      next = reply;
      const heard = await gateway.post(path, body, { 'cache-control': 'no-store' });
      const text = await heard.text();
      // Native callers have the vendor's own.
      if (!path.startsWith(MODEL)) expect(heard.status, text).not.toBe(500);
      ends.set(heard.status, (ends.get(heard.status) ?? 0) + 1);
      expect(text).not.toContain(UPSTREAM_KEY);
      if (heard.headers.get('content-type')?.startsWith('application/json')) JSON.parse(text);
    });
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
    // They are neither all good nor all bad.
    expect(ends.get(200)).toBeGreaterThan(RUNS / 10);
    expect(ends.get(502)).toBeGreaterThan(RUNS / 50);
    expect(gateway.logged()).not.toContain('"level":50');
    expect(gateway.logged()).not.toContain(KEY);
  },
  TIMEOUT_MS,
);
