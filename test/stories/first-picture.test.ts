import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkPicture } from '../../src/image/picture.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, NativeReply, OpenAIError } from '../support/wire.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const native = (prompt: string, more: Record<string, unknown> = {}) => ({
  contents: [{ parts: [{ text: prompt }] }],
  generationConfig: { responseModalities: ['IMAGE'], ...more },
});
const GENERATE = '/v1beta/models/gemini-3.1-flash-image:generateContent';

describe('one picture, straight through', () => {
  test('a picture asked for in one dialect is a hit in the other, under every name of the model', async () => {
    const first = await gateway.post('/v1/images/generations', { prompt: 'a fox in snow', seed: 7 });
    expect(first.status).toBe(200);
    expect(first.headers.get('cache-status')).toMatch(/^Plantain; fwd=miss; stored/);
    expect(first.headers.get('x-plantain-cost-usd')).toBe('0.05');
    const body = await bodyOf<ImagesReply>(first);
    const picture = body.data[0]!.b64_json;
    expect(await checkPicture(Buffer.from(picture, 'base64'))).toMatchObject({ width: 1024, height: 1024 });
    expect(body).toMatchObject({ size: '1024x1024', output_format: expect.stringMatching(/^(png|jpeg)$/) });

    const again = await gateway.post('/v1/images/generations', {
      seed: 7,
      prompt: 'a fox in snow',
      model: 'nano-banana-2',
      size: '1024x1024',
      user: 'u1',
    });
    expect(again.headers.get('cache-status')).toMatch(/^Plantain; hit; ttl=\d+;/);
    expect(again.headers.get('age')).toMatch(/^\d+$/);
    expect(again.headers.get('x-plantain-cost-usd')).toBe('0');
    expect((await bodyOf<ImagesReply>(again)).data[0]?.b64_json).toBe(picture);

    for (const path of [
      GENERATE,
      GENERATE.replace('v1beta', 'v1'),
      GENERATE.replace('-image', '-image-preview'),
      GENERATE.replace('/v1beta', ''),
    ]) {
      const reply = await gateway.post(path, native('a fox in snow', { seed: 7 }));
      expect(reply.headers.get('cache-status'), path).toMatch(/^Plantain; hit/);
      expect((await bodyOf<NativeReply>(reply)).candidates[0]?.content.parts[0]?.inlineData?.data).toBe(picture);
    }
    expect(gateway.simulator.calls).toHaveLength(1);
  });

  test('the thought signature reaches native callers as the vendor sent it, and OpenAI callers not at all', async () => {
    const signed = await gateway.post(GENERATE, native('signed', { seed: 1 }));
    const part = (await bodyOf<NativeReply>(signed)).candidates[0]!.content.parts[0]!;
    expect(part.thoughtSignature).toHaveLength(20_000);
    const unsigned = await gateway.post('/v1/images/generations', { prompt: 'signed', seed: 1 });
    expect(unsigned.headers.get('cache-status')).toMatch(/hit/);
    expect(await unsigned.text()).not.toContain('ignature');
  });

  test('Accept: image/png returns the bare bytes in that format', async () => {
    const reply = await gateway.post('/v1/images/generations', { prompt: 'bare', seed: 1 }, { accept: 'image/png' });
    expect(reply.headers.get('content-type')).toBe('image/png');
    expect(await checkPicture(Buffer.from(await reply.arrayBuffer()))).toMatchObject({ type: 'png', width: 1024 });
  });

  test.each(['png', 'jpeg', 'webp'] as const)(
    'output_format %s is what comes, and what the reply says',
    async (format) => {
      const reply = await gateway.post('/v1/images/generations', { prompt: 'formats', seed: 1, output_format: format });
      const body = await bodyOf<ImagesReply>(reply);
      expect(body.output_format).toBe(format);
      expect((await checkPicture(Buffer.from(body.data[0]!.b64_json, 'base64'))).type).toBe(format);
    },
  );

  test('n pictures are n single requests: seed s + k is the picture of that seed', async () => {
    const three = await gateway.post('/v1/images/generations', { prompt: 'three', seed: 10, n: 3 });
    const { data, usage } = await bodyOf<ImagesReply>(three);
    expect(new Set(data.map(({ b64_json }) => b64_json)).size).toBe(3);
    expect(three.headers.get('x-plantain-cost-usd')).toBe('0.15');
    expect(usage.total_tokens).toBe(usage.input_tokens + usage.output_tokens);
    const middle = await gateway.post('/v1/images/generations', { prompt: 'three', seed: 11 });
    expect(middle.headers.get('cache-status')).toMatch(/hit/);
    expect((await bodyOf<ImagesReply>(middle)).data[0]?.b64_json).toBe(data[1]?.b64_json);
  });

  test('request directives: no-store leaves nothing, no-cache draws anew and stores, only-if-cached never draws, max-age consents', async () => {
    const ask = async (prompt: string, directives: string, seed?: number) =>
      await gateway.post(
        '/v1/images/generations',
        { prompt, ...(seed !== undefined && { seed }) },
        { 'cache-control': directives },
      );
    const status = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).headers.get('cache-status');
    expect(await status('directives', 'no-store', 1)).toBe('Plantain; fwd=bypass; detail="no-store"');
    const absent = await ask('directives', 'only-if-cached', 1);
    expect(absent.status).toBe(504);
    expect((await bodyOf<OpenAIError>(absent)).error.code).toBe('not_cached');
    expect(await status('directives', '', 1)).toMatch(/^Plantain; fwd=miss; stored/);
    expect(await status('directives', 'only-if-cached', 1)).toMatch(/hit/);
    expect(await status('directives', 'no-cache', 1)).toMatch(/fwd=request; stored/);
    expect(await status('unseeded', '')).toBe('Plantain; fwd=bypass; detail="no-seed"');
    expect(await status('unseeded', 'max-age=3600')).toMatch(/^Plantain; fwd=miss; stored/);
    expect(await status('unseeded', 'max-age=3600')).toMatch(/hit/);
  });

  test('another tenant neither sees nor shares the picture', async () => {
    await gateway.post('/v1/images/generations', { prompt: 'secret plan', seed: 5 });
    const other = await gateway.post(
      '/v1/images/generations',
      { prompt: 'secret plan', seed: 5 },
      { authorization: 'Bearer sk-test-globex' },
    );
    expect(other.headers.get('cache-status')).toMatch(/^Plantain; fwd=miss; stored/);
  });
});
