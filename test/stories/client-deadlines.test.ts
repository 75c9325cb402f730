import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { expect, onTestFinished, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const images = { prompt: 'a fox', image_size: '512' };
const native = {
  contents: [{ parts: [{ text: 'a fox' }] }],
  generationConfig: { responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' } },
};

/** Callers wait for 20 seconds, and the picture stays in the air until the function is called. */
async function start(upstream: Record<string, unknown> = {}): Promise<{ gateway: TestGateway; land: () => void }> {
  const gateway = await startGateway({ simulator: { signatureBytes: 64 }, upstream });
  onTestFinished(gateway.close);
  return { gateway, land: keepAloft(gateway.simulator) };
}

async function timed<T>(work: Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const startedAt = performance.now();
  const value = await work;
  return { value, ms: performance.now() - startedAt };
}

test.each([
  ['x-stainless-timeout', IMAGES, images],
  ['x-stainless-read-timeout', IMAGES, { ...images, seed: 7 }],
  ['x-server-timeout', NATIVE, native],
])(
  'by %s a caller hears in time that the work goes on, and collects it, drawn and paid once',
  async (name, path, body) => {
    const { gateway, land } = await start();
    const headers = { [name]: '2' };
    const { value: reply, ms } = await timed(gateway.post(path, body, headers));
    expect(reply.status).toBe(504);
    // Not those of the gateway.
    expect(ms).toBeLessThan(15_000);
    expect([reply.headers.get('x-should-retry'), reply.headers.get('retry-after')]).toEqual(['true', '5']);
    const { error } = await bodyOf<OpenAIError & GoogleError>(reply);
    expect(error.message).toContain('Your client waits no longer');
    if (path === IMAGES) expect(error.code).toBe('client_timeout');
    else expect(error.status).toBe('DEADLINE_EXCEEDED');
    expect(gateway.logged()).toContain('"code":"client_timeout"');
    const again = gateway.post(path, body);
    land();
    expect((await again).status).toBe(200);
    expect(gateway.simulator.calls).toHaveLength(1);
    expect(await spentNanos(gateway)).toBe(50_000_000);
  },
);

test('a client that waits longer than the gateway is answered when that is over', async () => {
  const { gateway } = await start({ answerWithinMs: 300, abandonAfterMs: 30_000 });
  const reply = await gateway.post(IMAGES, images, { 'x-stainless-timeout': '600' });
  expect(reply.status).toBe(504);
  expect((await bodyOf<OpenAIError>(reply)).error.code).toBe('upstream_timeout');
});

test('where the work is given up when its caller is answered, a client that gives up sooner hears that it goes on', async () => {
  const { gateway, land } = await start({ answerWithinMs: 30_000, abandonAfterMs: 30_000 });
  const reply = await gateway.post(IMAGES, images, { 'x-stainless-timeout': '1' });
  expect([reply.status, reply.headers.get('x-should-retry')]).toEqual([504, 'true']);
  land();
  expect((await gateway.post(IMAGES, images)).status).toBe(200);
  expect(gateway.simulator.calls).toHaveLength(1);
});

test.each(['NOT_GIVEN', '0', '600'])('%s changes nothing for who is answered before', async (value) => {
  const { gateway, land } = await start();
  land();
  expect((await gateway.post(IMAGES, images, { 'x-stainless-timeout': value })).status).toBe(200);
});

test('a stream begins before its client gives up, and goes on', async () => {
  const { gateway, land } = await start();
  const body = { ...images, stream: true };
  const { value: reply, ms } = await timed(gateway.post(IMAGES, body, { 'x-stainless-timeout': '2' }));
  expect(reply.status).toBe(200);
  // Without the header it would have been ten seconds.
  expect(ms).toBeLessThan(9_000);
  land();
  expect(await reply.text()).toContain('image_generation.completed');
});

test('a poll of a task ends before its client gives up', async () => {
  const { gateway } = await start();
  const task = await gateway.post(IMAGES, images, { prefer: 'respond-async' });
  const location = gateway.url + task.headers.get('location')!;
  const headers = { authorization: `Bearer ${KEY}`, prefer: 'wait=30', 'x-stainless-timeout': '1' };
  const { value: reply, ms } = await timed(fetch(location, { headers }));
  expect(reply.status).toBe(200);
  expect(ms).toBeLessThan(25_000);
});

test('real SDKs get the gateway’s 504 and not their own timeout', async () => {
  const { gateway } = await start();
  const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  const asked = client.images.generate({ ...images, model: 'gpt-image-1' }, { timeout: 6_000 });
  const google = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: gateway.url, timeout: 6_000 } });
  const drawing = google.models.generateContent({ model: 'gemini-3.1-flash-image', contents: 'a fox' });
  await Promise.all([
    expect(asked).rejects.toMatchObject({ status: 504, code: 'client_timeout' }),
    expect(drawing).rejects.toMatchObject({ status: 504 }),
  ]);
});
