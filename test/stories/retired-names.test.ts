import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { scraped } from '../support/scrape.ts';

const PREVIEW = 'gemini-3.1-flash-image-preview';
const IMAGES = '/v1/images/generations';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      models: [
        {
          id: 'gemini-3.1-flash-image',
          targets: [{ upstream: 'vendor', model: 'gemini-3.1-flash-image', price: { perImageUsd: 0.05 } }],
        },
        {
          id: 'gemini-3-pro-image',
          retires: '2027-03-01',
          targets: [{ upstream: 'vendor', model: 'gemini-3-pro-image', price: { perImageUsd: 0.05 } }],
        },
      ],
    },
  });
});
afterAll(() => gateway.close());

const told = ({ headers }: Response) => [headers.get('deprecation'), headers.get('sunset'), headers.get('link')];
const OF_PREVIEW = [
  '@1779926400',
  'Thu, 25 Jun 2026 00:00:00 GMT',
  '<https://ai.google.dev/gemini-api/docs/deprecations>; rel="deprecation"; type="text/html", ' +
    '<https://ai.google.dev/gemini-api/docs/deprecations>; rel="sunset"; type="text/html", ' +
    '</v1/models/gemini-3.1-flash-image>; rel="successor-version"',
];

describe('a name that its vendor has given up', () => {
  test('is answered, and told of in every dialect, in refusals and quotes too', async () => {
    const native = { contents: [{ parts: [{ text: 'a fox' }] }] };
    const replies = [
      await gateway.post(IMAGES, { model: PREVIEW, prompt: 'a fox' }),
      await gateway.post(`/v1beta/models/${PREVIEW}:generateContent`, native),
      await gateway.post(IMAGES, { model: `google/${PREVIEW.toUpperCase()}`, prompt: 'a fox' }),
      await gateway.post(`/v1/quote?for=${IMAGES}`, { model: PREVIEW, prompt: 'a fox' }),
      await fetch(`${gateway.url}/v1/models/${PREVIEW}`, { headers: { authorization: `Bearer ${KEY}` } }),
    ];
    for (const reply of replies) {
      expect(reply.status).toBe(200);
      expect(told(reply)).toEqual(OF_PREVIEW);
    }
    const refused = await gateway.post(
      IMAGES,
      { model: PREVIEW, prompt: 'a fox' },
      { 'cache-control': 'only-if-cached' },
    );
    expect([refused.status, ...told(refused)]).toEqual([504, ...OF_PREVIEW]);
  });

  test('is counted under its own name, and no other name is', async () => {
    const counted = () => scraped(gateway, 'plantain_retired_name_requests_total', { name: PREVIEW });
    // Counted once it is known whether a reply arrived.
    await expect.poll(counted).toBe(6);
    await gateway.post(IMAGES, { model: 'gemini-3.1-flash-image', prompt: 'a fox' });
    await gateway.post(IMAGES, { model: 'nobody-knows-preview', prompt: 'a fox' });
    await gateway.post(IMAGES, { model: PREVIEW, prompt: 'a fox' });
    await expect.poll(counted).toBe(7);
    const metrics = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
    expect(metrics).not.toContain('nobody-knows');
  });

  test('stands in the lists of models beside the model it means', async () => {
    const list = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${KEY}` } });
    const { data } = (await list.json()) as { data: readonly Record<string, unknown>[] };
    expect(data[0]!['retired_names']).toEqual([
      { id: PREVIEW, deprecation_date: '2026-05-28', shutdown_date: '2026-06-25' },
    ]);
    const native = await fetch(`${gateway.url}/v1beta/models`, { headers: { 'x-goog-api-key': KEY } });
    const { models } = (await native.json()) as { models: readonly Record<string, unknown>[] };
    expect(models[0]!['retiredNames']).toEqual([
      { name: `models/${PREVIEW}`, deprecationDate: '2026-05-28', shutdownDate: '2026-06-25' },
    ]);
  });
});

test('a name in use has none of these headers', async () => {
  expect(told(await gateway.post(IMAGES, { model: 'nano-banana-2', prompt: 'a fox' }))).toEqual([null, null, null]);
});

test('a model that its vendor ends has the date of that, under whichever current name', async () => {
  const reply = await gateway.post(IMAGES, { model: 'nano-banana-pro', prompt: 'a fox' });
  expect(told(reply)).toEqual([
    null,
    'Mon, 01 Mar 2027 00:00:00 GMT',
    '<https://ai.google.dev/gemini-api/docs/deprecations>; rel="sunset"; type="text/html"',
  ]);
});
