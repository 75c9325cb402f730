import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventsIn } from '../support/events.ts';
import type { HeardEvent } from '../support/events.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { callRaw, hangUpAll } from '../support/raw.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, NativeReply } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const SSE = '/v1beta/models/gemini-3.1-flash-image:streamGenerateContent?alt=sse';
const ARRAY = '/v1/models/gemini-3.1-flash-image:streamGenerateContent';
const PLAIN = '/models/gemini-3.1-flash-image:generateContent';

const images = (prompt: string, over: Record<string, unknown> = {}) => ({
  prompt,
  seed: 7,
  image_size: '512',
  stream: true,
  partial_images: 2,
  ...over,
});
const native = (prompt: string, config: Record<string, unknown> = {}) => ({
  contents: [{ parts: [{ text: prompt }] }],
  generationConfig: {
    seed: 7,
    responseModalities: ['IMAGE'],
    imageConfig: { imageSize: '512' },
    thinkingConfig: { includeThoughts: true },
    ...config,
  },
});

/** What is read of a stream that goes on. */
class Listener {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  heard = '';

  constructor(reply: Response) {
    this.#reader = reply.body!.getReader();
  }

  /** Reads on until this has been heard. */
  async until(words: string | RegExp): Promise<void> {
    while (this.heard.search(words) < 0) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`the stream ended without ${String(words)}: ${this.heard.slice(-500)}`);
      this.heard += Buffer.from(value).toString('latin1');
    }
  }

  async end(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.heard;
      this.heard += Buffer.from(value).toString('latin1');
    }
  }

  hangUp(): Promise<void> {
    return this.#reader.cancel();
  }
}

const namesOf = (events: readonly HeardEvent[]): (string | null)[] => events.map(({ name }) => name);
const partsOf = (events: readonly HeardEvent[]) =>
  events.flatMap(({ data }) => data.candidates?.[0]?.content?.parts ?? []);
const drawnOf = (events: readonly HeardEvent[]): string | undefined =>
  events.find(({ data }) => data.type?.endsWith('.completed'))?.data.b64_json ??
  partsOf(events).find(({ thought, inlineData }) => inlineData && thought !== true)?.inlineData?.data;

let gateway: TestGateway;
let prompt = '';
beforeAll(async () => {
  gateway = await startGateway({
    // By tokens, at Google's own price: what the simulator bills.
    config: { models: [] },
    upstream: { id: 'google' },
    simulator: { signatureBytes: 5000 },
    pace: { patienceMs: 60_000, silenceMs: 60_000 },
  });
});
afterAll(async () => {
  hangUpAll();
  await gateway.close();
});
beforeEach(({ task }) => {
  prompt = task.name;
  gateway.simulator.clearRules();
  gateway.simulator.settings.latencyMs = 0;
});

const callsOf = (text: string): readonly string[] => {
  const digest = createHash('sha256').update(text).digest('hex');
  return gateway.simulator.calls
    .filter(({ promptDigest }) => promptDigest === digest)
    .map(({ path }) => path.split(':')[1]!);
};

async function stream(path: string, body: unknown): Promise<readonly HeardEvent[]> {
  const reply = await gateway.post(path, body);
  expect(reply.status).toBe(200);
  return eventsIn(await reply.text(), path === SSE ? '\r\n' : '\n');
}

describe('a picture that is streamed', () => {
  test('goes out draft by draft, before it is drawn', async () => {
    gateway.simulator.settings.latencyMs = 3000;
    const reply = await gateway.post(IMAGES, images(prompt));
    const listener = new Listener(reply);
    await listener.until(/partial_image_index":1/);
    // Nothing of it is on the bill yet.
    expect(gateway.simulator.calls.at(-1)?.answered).toBeNull();
    const events = eventsIn(await listener.end());
    expect(namesOf(events)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    for (const { name, data } of events) expect(data.type).toBe(name);
    // The last draft is the picture, as the vendor has it.
    expect(events[1]!.data.b64_json).toBe(drawnOf(events));
    expect(callsOf(prompt)).toEqual(['streamGenerateContent']);
  });

  test('says what it is in its headers, and in trailers what was not known at first', async () => {
    const reply = await gateway.post(IMAGES, images(prompt, { style: 'vivid' }));
    await reply.text();
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'private, no-store, no-transform',
      'x-accel-buffering': 'no',
      'transfer-encoding': 'chunked',
      'x-request-id': expect.stringMatching(/^req_[0-9a-f]{32}$/),
      'x-plantain-model': 'gemini-3.1-flash-image',
      'x-plantain-upstream': 'google',
      'x-plantain-warning': expect.stringContaining('style is not honoured'),
      trailer: expect.stringContaining('x-plantain-cost-usd'),
    });
    expect(reply.headers.has('content-length')).toBe(false);

    const { socket, heard, say, closed } = await callRaw(gateway.url);
    const body = JSON.stringify(images(`${prompt} raw`));
    say(
      `POST ${IMAGES} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await closed;
    socket.destroy();
    const end = heard().slice(heard().lastIndexOf('\r\n0\r\n'));
    expect(end).toMatch(/^\r\n0\r\ncache-status: Plantain; fwd=miss; stored; key="[0-9a-f]{64}"\r\n/);
    expect(end).toMatch(/\r\nx-plantain-cost-usd: 0\.0\d+\r\n/);
    expect(end).toMatch(/\r\nx-plantain-size: 512x512\r\n/);
  });

  test('says how the tenant stands with its limits', async () => {
    const limited = await startGateway({
      simulator: { signatureBytes: 64 },
      config: { tenants: [{ id: 'acme', keys: [{ key: KEY }], limits: { requestsPerMinute: 9 } }] },
    });
    try {
      const reply = await limited.post(IMAGES, images(prompt));
      expect(namesOf(eventsIn(await reply.text()))).toHaveLength(3);
      expect(reply.headers.get('x-ratelimit-limit-requests')).toBe('9');
    } finally {
      await limited.close();
    }
  });

  test('is one entry with the plain one: a hit tells its drafts and the picture at once', async () => {
    const first = await stream(IMAGES, images(prompt));
    for (const path of [SSE, ARRAY, PLAIN]) {
      const reply = await gateway.post(path, native(prompt));
      expect(reply.headers.get('cache-status')).toMatch(/^Plantain; hit/);
      expect(reply.headers.get('x-plantain-cost-usd')).toBe('0');
      expect(reply.headers.has('trailer')).toBe(false);
      const text = await reply.text();
      if (path === SSE) {
        const events = eventsIn(text, '\r\n');
        expect(drawnOf(events)).toBe(drawnOf(first));
        expect(partsOf(events).filter(({ inlineData, thought }) => inlineData && thought)).toHaveLength(2);
      }
      if (path === ARRAY) expect(JSON.parse(text)).toHaveLength(4);
    }
    const again = await gateway.post(IMAGES, images(prompt));
    expect(again.headers.get('cache-status')).toMatch(/^Plantain; hit/);
    const text = await again.text();
    expect(text).not.toMatch(/^:/m);
    const events = eventsIn(text);
    expect(events.map(({ data }) => data.b64_json)).toEqual(first.map(({ data }) => data.b64_json));
    expect(events.at(-1)!.data.usage!.cost).toBe(0);
    expect(callsOf(prompt)).toHaveLength(1);
  });

  test('has the words of the plain reply, with its signatures', async () => {
    const body = native(prompt, { responseModalities: ['TEXT', 'IMAGE'] });
    const told = await stream(SSE, body);
    const whole = await bodyOf<NativeReply>(await gateway.post(PLAIN, body));
    expect(callsOf(prompt)).toHaveLength(1);
    expect(partsOf(told)).toEqual(whole.candidates[0]!.content.parts);
    expect(told.map(({ data }) => data.candidates?.[0]?.finishReason).filter(Boolean)).toEqual(['STOP']);
    expect(told.at(-1)!.data).toMatchObject({
      candidates: [{ finishReason: 'STOP' }],
      usageMetadata: whole.usageMetadata,
    });
    expect(partsOf(told).filter(({ thoughtSignature }) => thoughtSignature)).toHaveLength(2);
  });

  test('without drafts is asked for in one piece, and so told', async () => {
    const events = await stream(IMAGES, images(prompt, { partial_images: 0 }));
    expect(namesOf(events)).toEqual(['image_generation.completed']);
    expect(await stream(SSE, native(`${prompt}, native`, { thinkingConfig: {} }))).toHaveLength(1);
    expect([...callsOf(prompt), ...callsOf(`${prompt}, native`)]).toEqual(['generateContent', 'generateContent']);
  });

  test('shows no more drafts than were asked for, in the format that was asked for', async () => {
    const events = await stream(IMAGES, images(prompt, { partial_images: 1, output_format: 'webp' }));
    expect(events.map(({ data }) => [data.type, data.output_format])).toEqual([
      ['image_generation.partial_image', 'webp'],
      ['image_generation.completed', 'webp'],
    ]);
    for (const { data } of events) expect(Buffer.from(data.b64_json!, 'base64').toString('latin1', 8, 12)).toBe('WEBP');
  });

  test('of three has three ends, the last of which tells what all cost', async () => {
    const before = { spent: await spentNanos(gateway), bill: gateway.simulator.bill.totalNanoUsd };
    const events = await stream(IMAGES, images(prompt, { n: 3 }));
    const completed = events.filter(({ name }) => name === 'image_generation.completed');
    expect(new Set(completed.map(({ data }) => data.b64_json)).size).toBe(3);
    expect(events.slice(0, -3).map(({ data }) => data.partial_image_index)).toEqual([0, 1, 2, 3, 4, 5]);
    const bill = gateway.simulator.bill.totalNanoUsd - before.bill;
    expect((await spentNanos(gateway)) - before.spent).toBe(bill);
    expect(completed.map(({ data }) => data.usage!.cost)).toEqual([undefined, undefined, bill / 1e9]);
    expect(callsOf(prompt)).toHaveLength(3);
  });

  test('of three of which one fails tells of two, and says so', async () => {
    gateway.simulator.rule({ fault: 'image-safety', times: 1 });
    const { socket, heard, say, closed } = await callRaw(gateway.url);
    const body = JSON.stringify(images(prompt, { n: 3 }));
    say(
      `POST ${IMAGES} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await closed;
    socket.destroy();
    expect(heard().match(/^event: image_generation\.completed$/gm)).toHaveLength(2);
    expect(heard().slice(-2000)).toMatch(/x-plantain-warning: 1 of 3 pictures failed \(blocked_output\)/);
  });

  test('is counted and logged once, with its end', async () => {
    const counted = (): Promise<number> =>
      scraped(gateway, 'plantain_http_requests_total', {
        route: '/v1beta/models/{model}:streamGenerateContent',
        status: '200',
      });
    const before = await counted();
    const reply = await gateway.post(SSE, native(prompt));
    const bytes = (await reply.arrayBuffer()).byteLength;
    const id = reply.headers.get('x-request-id')!;
    await expect.poll(() => gateway.logged()).toContain(id);
    const lines = gateway
      .logged()
      .split('\n')
      .filter((line) => line.includes(id));
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({
        outcome: 'ok',
        status: 200,
        bytesOut: bytes,
        pictures: 1,
        cache: 'Plantain; fwd=miss; stored',
        size: '512x512',
      }),
    ]);
    expect((await counted()) - before).toBe(1);
  });
});

describe('those who want the same picture', () => {
  test('streamed and plain, through two dialects, early and late, are one call and one charge', async () => {
    gateway.simulator.settings.latencyMs = 3000;
    const before = { spent: await spentNanos(gateway), bill: gateway.simulator.bill.totalNanoUsd };
    const first = new Listener(await gateway.post(IMAGES, images(prompt)));
    await first.until(/partial_image_index":1/);
    const plain = gateway.post(PLAIN, native(prompt));
    const late = new Listener(await gateway.post(SSE, native(prompt)));
    // What was told before it came.
    await late.until(/"thought":true[^]*"thought":true/);
    expect(gateway.simulator.calls.at(-1)?.answered).toBeNull();
    const pictures = [
      drawnOf(eventsIn(await first.end())),
      drawnOf(eventsIn(await late.end(), '\r\n')),
      (await bodyOf<NativeReply>(await plain)).candidates[0]!.content.parts.at(-1)!.inlineData!.data,
    ];
    expect(new Set(pictures).size).toBe(1);
    expect(callsOf(prompt)).toEqual(['streamGenerateContent']);
    expect((await spentNanos(gateway)) - before.spent).toBe(gateway.simulator.bill.totalNanoUsd - before.bill);
  });

  test('where the first wants it whole get their drafts with the picture', async () => {
    gateway.simulator.settings.latencyMs = 2000;
    const plain = gateway.post(PLAIN, native(prompt));
    await expect.poll(() => callsOf(prompt)).toHaveLength(1);
    const events = await stream(IMAGES, images(prompt));
    expect(namesOf(events)).toHaveLength(3);
    expect((await plain).status).toBe(200);
    expect(callsOf(prompt)).toEqual(['generateContent']);
  });
});

describe('a reader who hangs up', () => {
  test('in the middle of a stream has its picture finished, paid for once, and kept for when it comes back', async () => {
    gateway.simulator.settings.latencyMs = 2500;
    const before = { spent: await spentNanos(gateway), bill: gateway.simulator.bill.totalNanoUsd };
    const reply = await gateway.post(IMAGES, images(prompt, { seed: undefined }));
    const listener = new Listener(reply);
    await listener.until(/partial_image_index":0/);
    await listener.hangUp();
    const id = reply.headers.get('x-request-id')!;
    await expect.poll(() => gateway.logged(), { timeout: 10_000 }).toContain(id);
    expect(
      gateway
        .logged()
        .split('\n')
        .find((line) => line.includes(id)),
    ).toMatch(/"outcome":"ok".*"status":499/);
    const events = await stream(IMAGES, images(prompt, { seed: undefined }));
    expect(events.at(-1)!.data.usage!.cost).toBe(0);
    expect(callsOf(prompt)).toHaveLength(1);
    expect((await spentNanos(gateway)) - before.spent).toBe(gateway.simulator.bill.totalNanoUsd - before.bill);
  });
});

describe('a failure', () => {
  test.each([
    ['images', IMAGES, images('x', { size: '7x7x7' })],
    ['native', SSE, native('x', { seed: 1.5 })],
  ])('before anything was told is an ordinary one: %s', async (_, path, body) => {
    const reply = await gateway.post(path, body);
    expect(reply.status).toBe(400);
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(reply.headers.get('x-should-retry')).toBe('false');
    expect(await reply.json()).toMatchObject({ error: { message: expect.any(String) } });
  });

  test.each([
    ['a field that is wrong', native('x', { seed: 1.5 }), {}, 400],
    ['a wrong key', native('x'), { authorization: 'Bearer sk-wrong' }, 401],
  ])('of an array is in one, as Google has it: %s', async (_, body, headers, code) => {
    const reply = await gateway.post(ARRAY, body, headers);
    expect(reply.status).toBe(code);
    expect(await reply.json()).toEqual([{ error: expect.objectContaining({ code }) }]);
  });

  test('after the 200 is the last event of each dialect, and the last element of an array', async () => {
    gateway.simulator.settings.latencyMs = 200;
    gateway.simulator.rule({ fault: 'stream-error' });
    const told = await stream(IMAGES, images(`${prompt} 1`));
    expect(namesOf(told).at(-1)).toBe('error');
    expect(told.at(-1)!.data.error).toMatchObject({
      code: 'upstream_bad_response',
      message: expect.stringContaining('broke off'),
    });
    expect((await stream(SSE, native(`${prompt} 2`))).at(-1)!.data.error).toMatchObject({ code: 502 });
    const reply = await gateway.post(ARRAY, native(`${prompt} 3`));
    expect(((await reply.json()) as unknown[]).at(-1)).toMatchObject({ error: { code: 502, status: 'UNAVAILABLE' } });
    const id = reply.headers.get('x-request-id')!;
    await expect.poll(() => gateway.logged()).toContain(id);
    expect(
      gateway
        .logged()
        .split('\n')
        .find((line) => line.includes(id)),
    ).toMatch(/"outcome":"upstream_failed".*"status":200/);
  });

  test('that the vendor answers with a 200 is a stream for its own callers', async () => {
    for (const fault of ['blocked-safety', 'image-safety', 'drafts-only'] as const) {
      gateway.simulator.rule({ fault, times: 1 });
      const events = await stream(SSE, native(`${prompt} ${fault}`));
      const { promptFeedback, candidates } = events.at(-1)!.data;
      expect(promptFeedback?.blockReason ?? candidates?.[0]?.finishReason).toMatch(/^(SAFETY|IMAGE_SAFETY|STOP)$/);
    }
  });
});

test.each([
  ['Accept: image/png', { accept: 'image/png' }, 'stream'],
  ['Prefer: respond-async', { prefer: 'respond-async' }, 'stream'],
])('%s and a stream are a 400 that names the field', async (_, headers, param) => {
  const reply = await gateway.post(IMAGES, images(prompt), headers);
  expect(reply.status).toBe(400);
  expect(await reply.json()).toMatchObject({ error: { param, code: 'unsupported_value' } });
  expect(callsOf(prompt)).toEqual([]);
});

test('an HTTP/1.0 client reads a stream to the end of the connection', async () => {
  const { socket, heard, say, closed } = await callRaw(gateway.url);
  const body = JSON.stringify(images(prompt));
  say(
    `POST ${IMAGES} HTTP/1.0\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await closed;
  socket.destroy();
  const [head = '', text = ''] = heard().split('\r\n\r\n', 2);
  expect(head).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(head.toLowerCase()).toContain('connection: close');
  expect(head.toLowerCase()).not.toMatch(/transfer-encoding|trailer:/);
  expect(namesOf(eventsIn(text)).at(-1)).toBe('image_generation.completed');
});

describe('while the vendor is silent', () => {
  let patient: TestGateway;
  beforeAll(async () => {
    patient = await startGateway({
      simulator: { signatureBytes: 64, latencyMs: 1500 },
      pace: { patienceMs: 50, silenceMs: 50 },
    });
  });
  afterAll(() => patient.close());

  test('the 200 goes out after a while, and then something that says nothing', async () => {
    const reply = await patient.post(IMAGES, images(prompt, { partial_images: 0 }));
    expect(patient.simulator.calls.at(-1)?.answered).toBeNull();
    const text = await reply.text();
    expect(text).toMatch(/^: still drawing\n\n: still drawing\n\n/);
    expect(namesOf(eventsIn(text))).toEqual(['image_generation.completed']);
  });

  test('an array says nothing in blanks', async () => {
    const text = await (await patient.post(ARRAY, native(prompt, { thinkingConfig: {} }))).text();
    expect(text).toMatch(/^\[\n\n+\{/);
    expect(JSON.parse(text)).toHaveLength(1);
  });

  test('what fails then is told in the stream', async () => {
    patient.simulator.rule({ fault: 'overloaded', times: 2 });
    const events = eventsIn(await (await patient.post(IMAGES, images(prompt))).text());
    expect(events).toMatchObject([{ name: 'error', data: { error: { code: 'upstream_capacity' } } }]);
    const reply = await patient.post(ARRAY, native(prompt));
    expect(await reply.json()).toMatchObject([{ error: { code: 503 } }]);
  });

  test('nobody is told to come back: the stream lasts as long as the work', async () => {
    const gateway = await startGateway({
      simulator: { signatureBytes: 64, latencyMs: 900 },
      upstream: { answerWithinMs: 100, abandonAfterMs: 20_000 },
      pace: { patienceMs: 50, silenceMs: 50 },
    });
    try {
      expect((await gateway.post(PLAIN, native(prompt, { seed: 1 }))).status).toBe(504);
      const events = eventsIn(await (await gateway.post(SSE, native(prompt))).text(), '\r\n');
      expect(drawnOf(events)).toBeDefined();
    } finally {
      await gateway.close();
    }
  });
});

test('a gateway that is told to end finishes its streams', async () => {
  const closing = await startGateway({ simulator: { signatureBytes: 64, latencyMs: 2500 } });
  const listener = new Listener(await closing.post(IMAGES, images(prompt)));
  await listener.until(/partial_image_index":0/);
  const closed = closing.close();
  expect(namesOf(eventsIn(await listener.end())).at(-1)).toBe('image_generation.completed');
  await closed;
});

test('images without a stream are as they were', async () => {
  const body = await bodyOf<ImagesReply>(await gateway.post(IMAGES, { prompt, image_size: '512', stream: false }));
  expect(body.data).toHaveLength(1);
});
