import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { createClient, failure, FLASH, PRO, read, SDKS } from './genai.ts';

const POOR_KEY = 'sk-test-poor';
const THRIFTY_KEY = 'sk-test-thrifty';
const FLASH_KEY = 'sk-test-flash';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      bounds: { bodyBytes: 100_000 },
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'flash', keys: [{ key: FLASH_KEY }], models: [FLASH] },
        { id: 'poor', keys: [{ key: POOR_KEY }], budgets: [{ limitUsd: 0.01, per: 'total' }] },
        // Enough for one picture in the air and not for two, for each of the SDKs once.
        {
          id: 'thrifty',
          keys: [{ key: THRIFTY_KEY }],
          budgets: [
            { limitUsd: 0.08, per: 'day', models: [FLASH] },
            { limitUsd: 0.08, per: 'day', models: [PRO] },
          ],
        },
      ],
    },
  });
});
afterAll(() => gateway.close());
afterEach(() => {
  gateway.simulator.clearRules();
});

const detail = (type: string, fields: Record<string, unknown>) =>
  expect.arrayContaining([expect.objectContaining({ '@type': `type.googleapis.com/google.rpc.${type}`, ...fields })]);

describe.each(SDKS)('$name: every failure is an ApiError with its status and Google’s envelope', ({ sdk, version }) => {
  test.each([
    [
      'a tier that is none',
      { config: { imageConfig: { imageSize: 'banana' } } },
      'generationConfig.imageConfig.imageSize',
    ],
    [
      'a ratio that is none',
      { config: { imageConfig: { aspectRatio: '2:1' } } },
      'generationConfig.imageConfig.aspectRatio',
    ],
    [
      'a tier Pro has not',
      { model: PRO, config: { imageConfig: { imageSize: '512' } } },
      'generationConfig.imageConfig.imageSize',
    ],
    ['a temperature beyond all measure', { config: { temperature: 3 } }, 'generationConfig.temperature'],
    ['two candidates', { config: { candidateCount: 2 } }, 'generationConfig.candidateCount'],
    ['sound', { config: { responseModalities: ['AUDIO'] } }, 'generationConfig.responseModalities'],
  ])('400 INVALID_ARGUMENT names the field of %s', async (_, asked, field) => {
    const { thrown, said, upstreamCalls } = await failure(gateway, sdk, asked);
    expect(thrown.status).toBe(400);
    expect(said).toMatchObject({
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: expect.stringContaining(field),
      details: detail('BadRequest', { fieldViolations: [expect.objectContaining({ field })] }),
    });
    expect(upstreamCalls).toBe(0);
  });

  test('400 in the vendor’s own words where the vendor refused', async () => {
    const { said } = await failure(gateway, sdk, {
      model: PRO,
      config: { thinkingConfig: { thinkingLevel: sdk.ThinkingLevel.HIGH } },
    });
    expect(said).toEqual({
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: 'Thinking level is not supported for this model.',
    });
  });

  test('401 UNAUTHENTICATED for a wrong key', async () => {
    const { thrown, said } = await failure(gateway, sdk, { apiKey: 'AIza-wrong' });
    expect(thrown.status).toBe(401);
    expect(said).toMatchObject({ code: 401, status: 'UNAUTHENTICATED' });
  });

  test('403 PERMISSION_DENIED for a model the tenant has not', async () => {
    const { thrown, said } = await failure(gateway, sdk, { model: PRO, apiKey: FLASH_KEY });
    expect(thrown.status).toBe(403);
    expect(said).toMatchObject({ status: 'PERMISSION_DENIED', message: expect.stringContaining(FLASH) });
  });

  test('404 NOT_FOUND for an unknown model, with the nearest names', async () => {
    const { thrown, said, upstreamCalls } = await failure(gateway, sdk, { model: 'gemini-3.1-flash-imag' });
    expect(thrown.status).toBe(404);
    expect(said).toMatchObject({ code: 404, status: 'NOT_FOUND', message: expect.stringContaining(FLASH) });
    expect(upstreamCalls).toBe(0);
    const ai = createClient(sdk, gateway.url);
    const { said: looked } = read(
      sdk,
      await ai.models.get({ model: 'gemini-3-pr-image' }).catch((error: unknown) => error),
    );
    expect(looked).toMatchObject({ status: 'NOT_FOUND', message: expect.stringContaining(PRO) });
  });

  test('404 NOT_FOUND for what is not served yet', async () => {
    const ai = createClient(sdk, gateway.url);
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      batchGenerateContent: () => ai.batches.create({ model: FLASH, src: [{ contents: 'x' }] }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const { thrown, said } = read(
        sdk,
        await call().then(
          () => new Error(name),
          (error: unknown) => error,
        ),
      );
      expect(thrown.status, name).toBe(404);
      expect(said, name).toMatchObject({ code: 404, status: 'NOT_FOUND' });
    }
  });

  test('413 for a body over the limit', async () => {
    const { thrown, said } = await failure(gateway, sdk, { contents: 'x'.repeat(200_000) });
    expect(thrown.status).toBe(413);
    expect(said).toMatchObject({ code: 413, status: 'INVALID_ARGUMENT' });
  });

  test('415 for what no SDK sends', async () => {
    const reply = await fetch(`${gateway.url}/${version}/models/${FLASH}:generateContent`, {
      method: 'POST',
      headers: { 'x-goog-api-key': KEY, 'content-type': 'text/plain' },
      body: '{}',
    });
    expect(reply.status).toBe(415);
    expect(await reply.json()).toMatchObject({ error: { code: 415, status: 'INVALID_ARGUMENT' } });
  });

  test('429 RESOURCE_EXHAUSTED with QuotaFailure for an exhausted budget, and the vendor is not asked', async () => {
    const { thrown, said, upstreamCalls } = await failure(gateway, sdk, { apiKey: POOR_KEY });
    expect(thrown.status).toBe(429);
    expect(said).toMatchObject({ code: 429, status: 'RESOURCE_EXHAUSTED', details: detail('QuotaFailure', {}) });
    expect(said.message).toContain('$0.01');
    expect(upstreamCalls).toBe(0);
  });

  test('429 RESOURCE_EXHAUSTED with RetryInfo for a budget that others only hold', async () => {
    const model = version === 'v1' ? FLASH : PRO;
    gateway.simulator.rule({ fault: 'slow', delayMs: 800, promptContains: 'holds the money' });
    const ai = createClient(sdk, gateway.url, {}, THRIFTY_KEY);
    const before = gateway.simulator.calls.length;
    const first = ai.models.generateContent({ model, contents: 'holds the money' });
    while (gateway.simulator.calls.length === before) await setTimeout(5);
    const { thrown, said } = await failure(gateway, sdk, { model, contents: 'wants some too', apiKey: THRIFTY_KEY });
    expect(thrown.status).toBe(429);
    expect(said).toMatchObject({ status: 'RESOURCE_EXHAUSTED', details: detail('RetryInfo', { retryDelay: '5s' }) });
    expect((await first).candidates).toHaveLength(1);
  });
});
