import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBill } from '../../src/simulator/bill.ts';
import type { Charge } from '../../src/simulator/bill.ts';
import { findModel } from '../../src/simulator/models.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { FLASH, post, PRO, prompt } from './client.ts';

const charge: Charge = {
  call: 1,
  at: Date.UTC(2026, 10, 22),
  model: findModel(FLASH)!,
  seed: 7,
  size: { ratio: '1:1', tier: '1K' },
  pictures: 1,
  tokens: { input: { text: 14, image: 1120, document: 0 }, text: 163, image: 1120, thinking: 174 },
  searches: 0,
  reason: 'STOP',
  charged: true,
  pricing: 'google',
};

describe('the bill', () => {
  it('prices tokens by hand-computed vectors', () => {
    const bill = openBill({ freeSearches: 5000 });
    // (14 + 1120) x $0.50, (163 + 174) x $3 and 1120 x $60 a million.
    expect(bill.charge(charge).nanoUsd).toBe(567_000 + 1_011_000 + 67_200_000);
    // (14 + 560) x $2, (163 + 174) x $12 and 2000 x $120 a million.
    const input = { text: 14, image: 560, document: 0 };
    const pro = { ...charge, model: findModel(PRO)!, tokens: { ...charge.tokens, input, image: 2000 } };
    expect(bill.charge(pro).nanoUsd).toBe(1_148_000 + 4_044_000 + 240_000_000);
    expect(bill.totalNanoUsd).toBe(68_778_000 + 245_192_000);
    expect(bill.totalPictures).toBe(2);
  });

  it('of a reseller is one price for a call with a picture, and nothing for one without', () => {
    const bill = openBill({ freeSearches: 5000 });
    expect(bill.charge({ ...charge, pricing: 'reseller', pictures: 2 }).nanoUsd).toBe(58_000_000);
    expect(bill.charge({ ...charge, pricing: 'reseller', pictures: 0 }).nanoUsd).toBe(0);
  });

  it('lists what was blocked, for nothing', () => {
    expect(
      openBill({ freeSearches: 5000 }).charge({ ...charge, charged: false, pictures: 0, reason: 'IMAGE_SAFETY' }),
    ).toMatchObject({
      nanoUsd: 0,
      reason: 'IMAGE_SAFETY',
    });
  });

  it('has 5,000 searches free in each month', () => {
    const bill = openBill({ freeSearches: 5000 });
    const before = bill.charge(charge).nanoUsd;
    expect(bill.charge({ ...charge, searches: 5000 }).nanoUsd).toBe(before);
    expect(bill.charge({ ...charge, searches: 2 }).nanoUsd).toBe(before + 28_000_000);
    expect(bill.charge({ ...charge, searches: 2, at: Date.UTC(2026, 11, 1) }).nanoUsd).toBe(before);
  });

  it('keeps its total when it drops old entries', () => {
    const bill = openBill({ freeSearches: 5000 });
    for (let call = 0; call < 100_001; call++) bill.charge(charge);
    expect(bill.entries.length).toBeLessThanOrEqual(100_000);
    expect(bill.totalNanoUsd).toBe(100_001 * 68_778_000);
  });
});

describe('what a call costs', () => {
  let simulator: Simulator;
  beforeEach(async () => {
    simulator = await startSimulator({ signatureBytes: 64 });
  });
  afterEach(() => simulator.close());

  /** The price of what a reply says of itself, computed anew. */
  function priceOf(
    usage: NonNullable<Awaited<ReturnType<typeof post>>['json']['usageMetadata']>,
    model: string,
  ): number {
    const [input, text, image] = model === PRO ? ([2000, 12_000, 120_000] as const) : ([500, 3000, 60_000] as const);
    const pictures = usage.candidatesTokensDetails?.find(({ modality }) => modality === 'IMAGE')?.tokenCount ?? 0;
    const words = (usage.candidatesTokenCount ?? 0) - pictures + (usage.thoughtsTokenCount ?? 0);
    return usage.promptTokenCount * input + words * text + pictures * image;
  }

  it.each([
    [FLASH, '512', 747],
    [FLASH, '1K', 1120],
    [FLASH, '2K', 1680],
    [FLASH, '4K', 2520],
    [PRO, '1K', 1120],
    [PRO, '2K', 1120],
    [PRO, '4K', 2000],
  ])('on %s at %s is that of %i picture tokens and the words its usage tells', async (model, imageSize, tokens) => {
    const { json } = await post(simulator, prompt('a fox', { seed: 7, imageConfig: { imageSize } }), { model });
    const usage = json.usageMetadata!;
    expect(usage.candidatesTokensDetails).toEqual([{ modality: 'IMAGE', tokenCount: tokens }]);
    expect(usage.candidatesTokenCount).toBeGreaterThan(tokens);
    expect(usage.totalTokenCount).toBe(
      usage.promptTokenCount + usage.candidatesTokenCount! + usage.thoughtsTokenCount!,
    );
    expect(simulator.bill.totalNanoUsd).toBe(priceOf(usage, model));
    expect(simulator.bill.entries).toMatchObject([
      { model, seed: 7, pictures: 1, reason: 'STOP', size: { tier: imageSize } },
    ]);
  });

  it('counts two tokens to nine bytes of text, and says what is text and what is picture', async () => {
    const { json } = await post(simulator, prompt('Generate an illustrated two-sentence story about an axolotl.'));
    expect(json.usageMetadata?.promptTokensDetails).toEqual([{ modality: 'TEXT', tokenCount: 14 }]);
  });

  it.each(['image-safety', 'blocked-safety', 'overloaded', 'rate-limit', 'internal', 'key-invalid'])(
    'is nothing when the answer is %s',
    async (fault) => {
      await post(simulator, prompt('a fox'), { headers: { 'x-goog-api-key': 'k', 'x-simulator-fault': fault } });
      expect(simulator.bill.totalNanoUsd).toBe(0);
    },
  );

  it('is that of its words and thinking when there is no picture', async () => {
    const { json } = await post(simulator, prompt('a fox simulate:no-image', { seed: 1 }));
    expect(json.usageMetadata?.candidatesTokensDetails).toBeUndefined();
    expect(simulator.bill.totalNanoUsd).toBe(priceOf(json.usageMetadata!, FLASH));
    expect(simulator.bill.totalNanoUsd).toBeGreaterThan(0);
    expect(simulator.bill.totalPictures).toBe(0);
  });

  it.each(['missing-usage', 'absurd-usage'])('is the true one when the reply tells %s', async (fault) => {
    const { json } = await post(simulator, prompt('a fox', { seed: 1 }));
    await post(simulator, prompt('a fox', { seed: 1 }), {
      headers: { 'x-goog-api-key': 'k', 'x-simulator-fault': fault },
    });
    expect(simulator.bill.totalNanoUsd).toBe(2 * priceOf(json.usageMetadata!, FLASH));
  });

  it('is due though the caller hung up', async () => {
    simulator.settings.latencyMs = 60;
    const leaving = new AbortController();
    const call = fetch(`${simulator.url}/v1beta/models/${FLASH}:generateContent?key=k`, {
      method: 'POST',
      body: JSON.stringify(prompt('a fox')),
      signal: leaving.signal,
    }).catch(() => 'left');
    while (simulator.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    leaving.abort();
    expect(await call).toBe('left');
    while (simulator.calls[0]?.answered === null) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(simulator.bill.totalPictures).toBe(1);
  });
});
