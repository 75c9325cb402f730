import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCapturingUpstream } from '../support/capturing-upstream.ts';
import type { CapturingUpstream } from '../support/capturing-upstream.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { spentNanos } from '../support/scrape.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const BOTH = { googleSearch: { searchTypes: { webSearch: {}, imageSearch: {} } } };

type Sender = (gateway: TestGateway, tools: unknown) => Promise<Response>;

const SENDERS: readonly { readonly name: string; readonly send: Sender }[] = [
  { name: 'images', send: (gateway, tools) => gateway.post(IMAGES, { prompt: 'a landmark', seed: 1, tools }) },
  {
    name: 'images, under extra_body.google',
    send: (gateway, tools) =>
      gateway.post(IMAGES, { prompt: 'a landmark', seed: 1, extra_body: { google: { tools } } }),
  },
  {
    name: 'Gemini',
    send: (gateway, tools) =>
      gateway.post(NATIVE, { contents: [{ parts: [{ text: 'a landmark' }] }], generationConfig: { seed: 1 }, tools }),
  },
];

describe.each(SENDERS)('a search tool through $name', ({ send }) => {
  let upstream: CapturingUpstream;
  let gateway: TestGateway;
  beforeAll(async () => {
    upstream = await startCapturingUpstream();
    gateway = await startGateway({ upstream: { baseUrl: upstream.url } });
  });
  afterAll(async () => {
    await gateway.close();
    upstream.close();
  });

  test.each([
    [[{ google_search: {} }], [{ googleSearch: {} }]],
    [[{ googleSearch: {} }], [{ googleSearch: {} }]],
    [{ google_search: {} }, [{ googleSearch: {} }]],
    [[{ google_search: { search_types: { web_search: {}, image_search: {} } } }], [BOTH]],
    [[{ googleSearch: { search_types: { webSearch: {}, image_search: {} } } }], [BOTH]],
    [
      [
        {
          google_search: { time_range_filter: { start_time: '2026-01-01T00:00:00Z', endTime: '2026-02-01T00:00:00Z' } },
        },
      ],
      [{ googleSearch: { timeRangeFilter: { startTime: '2026-01-01T00:00:00Z', endTime: '2026-02-01T00:00:00Z' } } }],
    ],
  ])('%j goes up as %j', async (tools, sent) => {
    expect((await send(gateway, tools)).status).toBe(200);
    const { tools: wentUp } = JSON.parse(upstream.captured.at(-1)!.body.toString()) as { tools: unknown };
    expect(wentUp).toEqual(sent);
  });
});

describe('what a search found', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({
      upstream: { id: 'google' },
      config: { models: [] },
      simulator: { signatureBytes: 64, freeSearches: 0 },
    });
  });
  afterAll(() => gateway.close());

  const FOUND = {
    webSearchQueries: expect.arrayContaining(['a landmark']),
    imageSearchQueries: ['a landmark'],
    groundingChunks: expect.arrayContaining([
      { web: { uri: expect.stringContaining('https://'), title: expect.any(String) } },
      {
        image: {
          sourceUri: expect.stringContaining('https://'),
          imageUri: expect.stringContaining('https://'),
          title: expect.any(String),
          domain: expect.any(String),
        },
      },
    ]),
    searchEntryPoint: { renderedContent: expect.stringContaining('a landmark') },
  };

  test.each(SENDERS)(
    'comes back with the picture, is paid to the nano-dollar, and is never an answer from the store: $name',
    async ({ send }) => {
      const { bill } = gateway.simulator;
      for (let round = 0; round < 2; round++) {
        const calls = gateway.simulator.calls.length;
        const reply = await send(gateway, [BOTH]);
        expect([reply.status, reply.headers.get('cache-status')]).toEqual([
          200,
          'Plantain; fwd=bypass; detail="tools"',
        ]);
        expect(gateway.simulator.calls).toHaveLength(calls + 1);
        const body = (await reply.json()) as {
          readonly data?: readonly { readonly grounding?: unknown }[];
          readonly candidates?: readonly { readonly groundingMetadata?: unknown }[];
        };
        expect(body.data?.[0]?.grounding ?? body.candidates?.[0]?.groundingMetadata).toMatchObject(FOUND);
        expect(bill.entries.at(-1)!.searches).toBe(2);
      }
      await expect.poll(() => spentNanos(gateway)).toBe(bill.totalNanoUsd);
    },
  );
});
