import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

const FLASH = 'gemini-3.1-flash-image';
const PRO = 'gemini-3-pro-image';

interface Told {
  readonly models: readonly {
    readonly id: string;
    readonly tiers: readonly {
      readonly tier: string;
      readonly pixels: Readonly<Record<string, string>>;
      readonly cost_usd: { readonly expected: number; readonly worst: number } | null;
    }[];
    readonly [name: string]: unknown;
  }[];
}

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    upstream: { id: 'google' },
    config: {
      models: [{ id: PRO, retires: '2027-03-01', cache: { when: 'never' } }],
      bounds: { bodyBytes: 1_000_000 },
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        {
          id: 'globex',
          keys: [{ key: OTHER_KEY }],
          models: [PRO],
          cache: { when: 'always', ttlSeconds: 60, onDisconnect: 'cancel' },
        },
      ],
    },
  });
});
afterAll(() => gateway.close());

const ask = (path: string, headers: Record<string, string>) => fetch(`${gateway.url}${path}`, { headers });

async function toldTo(key: string): Promise<Told> {
  const reply = await ask('/v1/capabilities', { authorization: `Bearer ${key}` });
  expect(reply.status).toBe(200);
  return (await reply.json()) as Told;
}

describe('capabilities', () => {
  test('say what each model can do', async () => {
    const told = await toldTo(KEY);
    expect(told).toMatchObject({
      object: 'capabilities',
      default_format: 'vendor',
      bounds: { body_bytes: 1_000_000, file_bytes: 48 << 20, pictures_per_request: 10 },
    });
    expect(told.models.map(({ id }) => id)).toEqual([FLASH, PRO, 'auto']);
    const [flash, pro] = told.models;
    expect(flash).toMatchObject({
      aliases: expect.arrayContaining(['nano-banana-2', 'gpt-image-*']),
      retires: null,
      retired_names: [{ id: `${FLASH}-preview`, deprecation_date: '2026-05-28', shutdown_date: '2026-06-25' }],
      max_references: 14,
      inputs: expect.arrayContaining(['text', 'image/png', 'application/pdf']),
      modalities: ['IMAGE', 'TEXT'],
      formats: ['vendor', 'png', 'jpeg', 'webp'],
      tools: [{ google_search: { finds: ['web', 'image'] } }],
      thinking_levels: ['minimal', 'high'],
      paths: expect.arrayContaining([
        '/v1/images/generations',
        '/v1/responses',
        `/v1beta/models/${FLASH}:generateContent`,
      ]),
      cache: { when: 'repeatable', ttl_seconds: 604_800, on_disconnect: 'finish' },
    });
    expect(flash!.tiers.map(({ tier }) => tier)).toEqual(['512', '1K', '2K', '4K']);
    expect(flash!.tiers[3]!.pixels).toMatchObject({ '16:9': '5504x3072', '1:8': '1536x12288' });
    expect(pro).toMatchObject({ retires: '2027-03-01', cache: { when: 'never' }, thinking_levels: [] });
    expect(pro!.tiers[0]!.pixels).not.toHaveProperty('1:8');
  });

  test('tell prices that a quote agrees with', async () => {
    const { models } = await toldTo(KEY);
    const quoted = await gateway.post('/v1/quote?for=/v1/images/generations', {
      prompt: 'a',
      image_size: '2K',
      seed: 1,
    });
    const { cost_usd } = (await quoted.json()) as { cost_usd: { expected: number; worst: number } };
    const told = models[0]!.tiers[2]!.cost_usd!;
    // One letter of prompt, and what goes up around it.
    expect(cost_usd.expected - told.expected).toBeCloseTo(0, 4);
    expect(cost_usd.worst - told.worst).toBeCloseTo(0, 4);
    expect(told.expected).toBeGreaterThan(0.1);
    expect(models[2]!.tiers[0]!.cost_usd).toBeNull();
  });

  test('keep to the models of a key, and to the cache policy in force for it', async () => {
    const { models } = await toldTo(OTHER_KEY);
    expect(models.map(({ id }) => id)).toEqual([PRO, 'auto']);
    expect(models[0]!['cache']).toEqual({ when: 'always', ttl_seconds: 60, on_disconnect: 'cancel' });
    expect(models[1]!['ratios']).toHaveLength(10);
  });

  test.each(['/v1/capabilities', '/v1beta/capabilities', '/capabilities', '/v1/capabilities/'])(
    'are at %s',
    async (path) => {
      expect((await ask(path, { 'x-goog-api-key': KEY })).status).toBe(200);
    },
  );
});

describe('without a key they are refused', () => {
  test('in OpenAI’s envelope', async () => {
    const reply = await ask('/v1/capabilities', {});
    expect([reply.status, await reply.json()]).toEqual([
      401,
      { error: expect.objectContaining({ type: 'invalid_request_error', code: 'invalid_api_key' }) },
    ]);
  });

  test('in Google’s', async () => {
    for (const [path, headers] of [
      ['/v1/capabilities', { 'x-goog-api-key': 'no' }],
      ['/v1beta/capabilities', {}],
    ] as const) {
      const reply = await ask(path, headers);
      expect([reply.status, await reply.json()]).toEqual([
        401,
        { error: expect.objectContaining({ status: 'UNAUTHENTICATED' }) },
      ]);
    }
  });

  test('and no other method is served', async () => {
    const reply = await gateway.post('/v1/capabilities', {});
    expect([reply.status, reply.headers.get('allow')]).toEqual([405, 'GET']);
  });
});
