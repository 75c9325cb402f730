import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { scraped } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const BYSTANDER = 'sk-test-acme-two';
const kept = { prompt: 'kept', seed: 1 };

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64 },
    config: {
      tenants: [
        { id: 'acme', keys: [{ key: KEY }, { key: BYSTANDER }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }] },
      ],
    },
  });
});
afterAll(() => gateway.close());

const as = (key: string) => ({ authorization: `Bearer ${key}` });

test('twenty prohibited prompts or pictures pause their key, whatever it asks, and no other', async () => {
  await gateway.post(IMAGES, kept);
  for (const fault of ['blocked-prohibited', 'prohibited-content', 'image-prohibited'] as const)
    gateway.simulator.rule({ fault, times: fault === 'blocked-prohibited' ? 8 : 6 });
  for (let index = 0; index < 20; index += 1) {
    const isNative = index % 2 === 0;
    const body = isNative ? { contents: [{ parts: [{ text: `no ${index}` }] }] } : { prompt: `no ${index}` };
    // In the vendor's own dialect a refusal is the vendor's 200.
    expect((await gateway.post(isNative ? NATIVE : IMAGES, body)).status).toBe(isNative ? 200 : 400);
  }

  const hit = await gateway.post(IMAGES, kept);
  expect(hit.status).toBe(403);
  expect(hit.headers.get('x-should-retry')).toBe('false');
  expect((await bodyOf<OpenAIError>(hit)).error).toMatchObject({
    code: 'key_paused',
    message: expect.stringMatching(/paused until \d{4}-.*prohibited/),
  });
  const native = await gateway.post(NATIVE, { contents: [{ parts: [{ text: 'a kite' }] }] });
  expect((await bodyOf<GoogleError>(native)).error).toMatchObject({ code: 403, status: 'PERMISSION_DENIED' });
  const quote = await gateway.post(`/v1/quote?for=${IMAGES}`, kept);
  expect(quote.status).toBe(403);

  const bystander = await gateway.post(IMAGES, kept, as(BYSTANDER));
  expect(bystander.headers.get('cache-status')).toMatch(/hit/);
  expect((await gateway.post(IMAGES, kept, as(OTHER_KEY))).status).toBe(200);
  expect(await scraped(gateway, 'plantain_keys_paused')).toBe(1);
  expect(await scraped(gateway, 'plantain_keys_paused_total', { tenant: 'acme' })).toBe(1);
  const warnings = gateway
    .logged()
    .split('\n')
    .filter((line) => line.includes('key paused'));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).not.toContain(KEY);
});

test('what the vendor blocks for any other reason pauses nobody', async () => {
  gateway.simulator.rule({ fault: 'blocked-safety', times: 12 });
  gateway.simulator.rule({ fault: 'image-safety', times: 12 });
  for (let index = 0; index < 24; index += 1)
    expect((await gateway.post(IMAGES, { prompt: `safe ${index}` }, as(OTHER_KEY))).status).toBe(400);
  expect((await gateway.post(IMAGES, { prompt: 'a kite' }, as(OTHER_KEY))).status).toBe(200);
});
