import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../../src/simulator/faults.ts';
import { startSimulator } from '../../../src/simulator/server.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { partsOf, post, prompt } from '../client.ts';
import type { Answer } from '../client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64 });
});
afterAll(() => simulator.close());

const BODY = prompt('a fox', { seed: 7 });
const named = (fault: Fault | `${Fault}=${number}`): { headers: Record<string, string> } => ({
  headers: { 'x-goog-api-key': 'k', 'x-simulator-fault': fault },
});
const show = (fault: Fault): Promise<Answer> => post(simulator, BODY, named(fault));

describe('a fault of the model', () => {
  it.each([
    ['no-image', 'NO_IMAGE'],
    ['max-tokens', 'MAX_TOKENS'],
    ['empty-content', 'STOP'],
    ['image-safety', 'IMAGE_SAFETY'],
    ['image-prohibited', 'IMAGE_PROHIBITED_CONTENT'],
    ['image-recitation', 'IMAGE_RECITATION'],
    ['image-other', 'IMAGE_OTHER'],
    ['safety', 'SAFETY'],
    ['prohibited-content', 'PROHIBITED_CONTENT'],
    ['recitation', 'RECITATION'],
    ['blocklist', 'BLOCKLIST'],
    ['spii', 'SPII'],
    ['language', 'LANGUAGE'],
    ['other', 'OTHER'],
    ['malformed-response', 'MALFORMED_RESPONSE'],
    ['unknown-reason', 'A_REASON_OF_NEXT_YEAR'],
  ] as const)('%s is a 200 with finishReason %s and no content', async (fault, finishReason) => {
    const { status, json } = await show(fault);
    expect(status).toBe(200);
    expect(json.candidates).toEqual([expect.objectContaining({ content: {}, finishReason })]);
    const says = json.candidates?.[0]?.finishMessage;
    if (fault.startsWith('image-')) expect(says).toContain('You will not be charged for this request.');
  });

  it.each([
    ['blocked-safety', 'SAFETY'],
    ['blocked-prohibited', 'PROHIBITED_CONTENT'],
    ['blocked-blocklist', 'BLOCKLIST'],
    ['blocked-image-safety', 'IMAGE_SAFETY'],
    ['blocked-model-armor', 'MODEL_ARMOR'],
    ['blocked-jailbreak', 'JAILBREAK'],
    ['blocked-other', 'OTHER'],
  ] as const)('%s is a 200 with blockReason %s and no candidates', async (fault, blockReason) => {
    const { status, json } = await show(fault);
    expect(status).toBe(200);
    expect(json.promptFeedback).toEqual({ blockReason });
    expect(json).not.toHaveProperty('candidates');
  });

  it('no-image-text is words with STOP', async () => {
    const { json } = await show('no-image-text');
    expect(json.candidates?.[0]?.finishReason).toBe('STOP');
    expect(partsOf(json)).toEqual([{ text: expect.any(String) }]);
  });

  it('drafts-only has pictures, all of them thoughts', async () => {
    const parts = partsOf((await show('drafts-only')).json);
    expect(parts.map(({ thought, inlineData }) => thought && !!inlineData)).toEqual([true]);
  });

  it('high-usage is told and billed', async () => {
    expect((await show('high-usage')).json.usageMetadata?.thoughtsTokenCount).toBe(60_000);
    expect(simulator.bill.entries.at(-1)?.tokens.thinking).toBe(60_000);
  });
});
