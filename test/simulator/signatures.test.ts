import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { partsOf, post, prompt } from './client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64 });
});
afterAll(() => simulator.close());

async function refused(body: unknown): Promise<string> {
  const { status, json } = await post(simulator, body);
  expect(status).toBe(400);
  return json.error?.message ?? '';
}

describe('thought signatures', () => {
  async function drawn(): Promise<{ inlineData: unknown; thoughtSignature: string }> {
    const { json } = await post(simulator, prompt('a fox', { responseModalities: ['IMAGE'] }));
    const { inlineData, thoughtSignature = '' } = partsOf(json)[0] ?? {};
    return { inlineData, thoughtSignature };
  }
  const conversation = (part: unknown): unknown => ({
    contents: [
      { role: 'user', parts: [{ text: 'a fox' }] },
      { role: 'model', parts: [part] },
      { role: 'user', parts: [{ text: 'in snow' }] },
    ],
  });

  it('must come back with the pictures they came with', async () => {
    const part = await drawn();
    expect((await post(simulator, conversation(part))).status).toBe(200);
    expect(await refused(conversation({ inlineData: part.inlineData }))).toBe(
      'Image part is missing a thought_signature in content position 2, part position 1. ' +
        'Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures#model-behavior for more details.',
    );
  });

  it('must be the ones that were issued, to the last byte', async () => {
    const part = await drawn();
    const changed = Buffer.from(part.thoughtSignature, 'base64');
    changed[changed.length - 1]! ^= 1;
    const bad = { ...part, thoughtSignature: changed.toString('base64') };
    expect(await refused(conversation(bad))).toBe('Corrupted thought signature.');
    expect(await refused(conversation({ ...part, thoughtSignature: 'AAAA' }))).toBe('Corrupted thought signature.');
  });

  it('must be the one that came with this very picture', async () => {
    const [part, other] = [await drawn(), await drawn()];
    const swapped = { ...part, thoughtSignature: other.thoughtSignature };
    expect(await refused(conversation(swapped))).toBe('Thought signature is not valid.');
    const { json } = await post(simulator, prompt('a fox'));
    const [text] = partsOf(json);
    expect(text?.text).toMatch(/fox/);
    expect(await refused(conversation({ ...part, thoughtSignature: text?.thoughtSignature }))).toBe(
      'Thought signature is not valid.',
    );
  });

  it('of another simulator hold here too', async () => {
    const other = await startSimulator({ signatureBytes: 3000 });
    const { json } = await post(other, prompt('a fox', { responseModalities: ['IMAGE'] }));
    await other.close();
    expect((await post(simulator, conversation(partsOf(json)[0]))).status).toBe(200);
  });

  it.each(['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go'])(
    'may be the dummy %s, plain or as base64',
    async (dummy) => {
      const { inlineData } = await drawn();
      for (const thoughtSignature of [dummy, Buffer.from(dummy).toString('base64')]) {
        expect((await post(simulator, conversation({ inlineData, thoughtSignature }))).status).toBe(200);
      }
    },
  );

  it('are asked of no draft and of no picture in a user turn', async () => {
    const { inlineData } = await drawn();
    expect((await post(simulator, conversation({ inlineData, thought: true }))).status).toBe(200);
    expect((await post(simulator, { contents: [{ parts: [{ text: 'blue' }, { inlineData }] }] })).status).toBe(200);
  });
});
