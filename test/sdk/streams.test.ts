import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { createClient, FLASH, partsOf, read, SDKS } from './genai.ts';
import { sizeIn } from './pictures.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 3000, latencyMs: 400 },
    // Every client has to bear with what says nothing.
    pace: { patienceMs: 20, silenceMs: 20 },
  });
});
afterEach(() => gateway.simulator.clearRules());
afterAll(() => gateway.close());

describe('openai', () => {
  const client = () => new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
  const base = { stream: true, size: '1536x1024' } as const;

  test('reads drafts and the picture of images.generate', async () => {
    const events = [];
    for await (const event of await client().images.generate({ ...base, prompt: 'drafts', partial_images: 2 }))
      events.push(event);
    expect(events.map(({ type }) => type)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    for (const event of events) {
      expect(await sizeIn(event.b64_json)).toBe('1264x848');
      expect(event).toMatchObject({ size: '1264x848', output_format: 'jpeg', background: 'opaque', quality: 'medium' });
    }
    const last = events.at(-1)!;
    if (last.type !== 'image_generation.completed') throw new Error(last.type);
    const { usage } = last;
    expect(usage.total_tokens).toBe(usage.input_tokens + usage.output_tokens);
  });

  test('reads one end for each of three pictures', async () => {
    const seen = new Set<string>();
    for await (const event of await client().images.generate({ ...base, prompt: 'three', n: 3, partial_images: 0 })) {
      expect(event.type).toBe('image_generation.completed');
      seen.add(event.b64_json);
    }
    expect(seen.size).toBe(3);
  });

  test('throws what fails before the first event as its own class, and after it as an APIError', async () => {
    const before = client().images.generate({ ...base, prompt: 'x', partial_images: 9 });
    await expect(before).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    gateway.simulator.rule({ fault: 'stream-error', times: 1 });
    const read = async (): Promise<void> => {
      for await (const event of await client().images.generate({ ...base, prompt: 'breaks', partial_images: 2 }))
        expect(event.type).toBe('image_generation.partial_image');
    };
    const error: unknown = await read().then(
      () => new Error('an answer came'),
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ code: 'upstream_bad_response', type: 'server_error', param: null });
  });
});

describe.each(SDKS)('$name', ({ sdk, name }) => {
  const ai = () => createClient(sdk, gateway.url);

  test('reads thoughts, drafts, words and the picture of generateContentStream', async () => {
    const stream = await ai().models.generateContentStream({
      model: FLASH,
      contents: `a stream for ${name}`,
      config: { thinkingConfig: { includeThoughts: true }, imageConfig: { aspectRatio: '3:2' } },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const all = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    expect(all.filter(({ thought, inlineData }) => thought && inlineData)).toHaveLength(2);
    const answered = chunks.flatMap(partsOf);
    expect(await sizeIn(answered.find(({ inlineData }) => inlineData)?.inlineData?.data)).toBe('1264x848');
    expect(answered.map(({ text }) => text ?? '').join('')).toContain('a stream for');
    expect(answered.every(({ thoughtSignature }) => thoughtSignature !== undefined)).toBe(true);
    expect(chunks.map((chunk) => chunk.candidates?.[0]?.finishReason).filter(Boolean)).toEqual(['STOP']);
    expect(chunks.at(-1)?.usageMetadata?.totalTokenCount).toBeGreaterThan(1000);
  });

  test('goes on with a chat from what was streamed', async () => {
    const chat = ai().chats.create({ model: FLASH });
    for await (const _ of await chat.sendMessageStream({ message: `a fox for ${name}` }));
    const reply = await chat.sendMessage({ message: 'now in snow' });
    expect(partsOf(reply).some(({ inlineData }) => inlineData)).toBe(true);
  });

  test('throws an ApiError before the first chunk and after it', async () => {
    const wrong = ai().models.generateContentStream({ model: 'gemini-3.1-flash-imag', contents: 'x' });
    const { thrown } = read(
      sdk,
      await wrong.then(
        () => null,
        (error: unknown) => error,
      ),
    );
    expect(thrown.status).toBe(404);
    gateway.simulator.rule({ fault: 'stream-error', times: 1 });
    const stream = await ai().models.generateContentStream({
      model: FLASH,
      contents: `breaks for ${name}`,
      config: { thinkingConfig: { includeThoughts: true } },
    });
    const drain = async (): Promise<void> => {
      for await (const chunk of stream) expect(chunk.candidates?.[0]?.content?.parts?.[0]?.thought).toBe(true);
    };
    const error: unknown = await drain().then(
      () => new Error('an answer came'),
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(sdk.ApiError);
    expect(error).toMatchObject({ status: 502 });
  });
});
