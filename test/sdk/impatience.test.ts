import { createHash } from 'node:crypto';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply } from '../support/wire.ts';
import { createClient, FLASH, pictureOf, SDKS } from './genai.ts';
import { impatient } from './impatient.ts';
import type { Params } from './openai.ts';

/** How long the vendor takes, and how long its clients wait: the picture is there in the middle of their second try. */
const DRAWING_MS = 4_500;
const PATIENCE_MS = 3_000;
const TRIES = 12;
const PICTURE_NANOS = 50_000_000;
const IMAGES = '/v1/images/generations';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64 },
    // Who waits for a picture of tier 1K is told 504 before it is there.
    upstream: { answerWithinMs: { '512': 20_000, '1K': 600 } },
  });
  gateway.simulator.settings.latencyMs = DRAWING_MS;
});
afterAll(() => gateway.close());

const body = (prompt: string, over: object = {}) => ({ prompt, image_size: '512', ...over }) as unknown as Params;

/** Tries again as often as it must: what most programs have around a call. */
async function again<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1)
    try {
      return await ask();
    } catch (error) {
      if (tries === TRIES) throw error;
    }
}

async function byFetch(sent: object, headers: Record<string, string> = {}): Promise<string[]> {
  const { data } = await again(async () => {
    const reply = await fetch(gateway.url + IMAGES, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(sent),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return bodyOf<ImagesReply>(reply);
  });
  return data.map(({ b64_json: picture }) => picture);
}

async function byOpenAI(sent: Params, headers: Record<string, string> = {}): Promise<string[]> {
  const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, timeout: PATIENCE_MS, maxRetries: TRIES });
  const { data = [] } = await client.images.generate(sent, { headers });
  return data.map(({ b64_json: picture }) => picture ?? '');
}

const CLIENTS: Record<string, (prompt: string) => Promise<string[]>> = {
  'openai that hangs up, without a seed': (prompt) => byOpenAI(body(prompt)),
  'openai that hangs up, with max-age': (prompt) => byOpenAI(body(prompt), { 'cache-control': 'max-age=600' }),
  async 'openai that is told 504'(prompt) {
    const { fetch, seen } = impatient();
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, maxRetries: TRIES, fetch });
    const { data = [] } = await client.images.generate(body(prompt, { image_size: '1K' }));
    expect(seen.filter(({ status }) => status === 504).length).toBeGreaterThan(1);
    return data.map(({ b64_json: picture }) => picture ?? '');
  },
  ...Object.fromEntries(
    SDKS.map(({ name, sdk }) => [
      `${name} that hangs up`,
      async (prompt: string) => {
        const client = createClient(sdk, gateway.url, { timeout: PATIENCE_MS });
        const config = { responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' } };
        const reply = await again(() => client.models.generateContent({ model: FLASH, contents: prompt, config }));
        return [pictureOf(reply) ?? ''];
      },
    ]),
  ),
  'fetch that hangs up on several pictures': (prompt) => byFetch(body(prompt, { n: 3 })),
  'fetch that hangs up, with an Idempotency-Key': (prompt) => byFetch(body(prompt), { 'idempotency-key': prompt }),
};

test('whatever SDK loses its patience with a slow vendor, no picture is bought twice and none is lost', async () => {
  const spent = await spentNanos(gateway);
  const names = Object.keys(CLIENTS);
  const pictures = await Promise.all(names.map((name) => CLIENTS[name]!(name)));
  const callsOf = (prompt: string): number => {
    const digest = createHash('sha256').update(prompt).digest('hex');
    return gateway.simulator.calls.filter(({ promptDigest }) => promptDigest === digest).length;
  };
  const expected = (name: string): number => (name.includes('several') ? 3 : 1);
  for (const [index, name] of names.entries()) {
    expect(callsOf(name), name).toBe(expected(name));
    expect(pictures[index], name).toHaveLength(expected(name));
    for (const picture of pictures[index]!) expect(picture.length, name).toBeGreaterThan(100);
  }
  const all = names.reduce((sum, name) => sum + expected(name), 0);
  expect(new Set(pictures.flat()).size).toBe(all);
  expect(gateway.simulator.bill.totalPictures).toBe(all);
  expect((await spentNanos(gateway)) - spent).toBe(all * PICTURE_NANOS);
  expect(await scraped(gateway, 'plantain_singleflight_detached')).toBe(0);
}, 60_000);
