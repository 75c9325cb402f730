import { OpenRouter } from '@openrouter/sdk';
import * as errors from '@openrouter/sdk/models/errors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { sizeIn } from './pictures.ts';
import { PNG } from './recorded/request.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const client = (apiKey = KEY) =>
  new OpenRouter({ apiKey, serverURL: `${gateway.url}/api/v1`, retryConfig: { strategy: 'none' } });
type Asked = NonNullable<Parameters<ReturnType<typeof client>['images']['generate']>[0]>['imageGenerationRequest'];
const ask = (fields: Partial<Asked>, apiKey = KEY) =>
  client(apiKey).images.generate({
    imageGenerationRequest: { model: 'google/gemini-3.1-flash-image', prompt: 'a fox', ...fields, stream: false },
  });
interface Whole {
  readonly data: readonly { readonly b64Json: string; readonly mediaType?: string }[];
  readonly usage?: { readonly cost?: number | null; readonly totalTokens: number };
}
const whole = async (fields: Partial<Asked>): Promise<Whole> => (await ask(fields)) as unknown as Whole;

describe('@openrouter/sdk', () => {
  test('gets a picture of the resolution and ratio asked for, with its type, its tokens and its price', async () => {
    const { data, usage } = await whole({ aspectRatio: '16:9', resolution: '2K', seed: 4 });
    expect(await sizeIn(data[0]!.b64Json)).toBe('2752x1536');
    expect(data[0]!.mediaType).toMatch(/^image\//);
    expect(usage).toMatchObject({ cost: 0.05, totalTokens: expect.any(Number) });
    expect((await whole({ aspectRatio: '16:9', resolution: '2K', seed: 4 })).usage?.cost).toBe(0);
  });

  test('gets several, and draws from pictures', async () => {
    const url = `data:image/png;base64,${PNG}`;
    const { data } = await whole({
      n: 2,
      resolution: '512',
      inputReferences: [{ type: 'image_url', imageUrl: { url } }],
    });
    expect(data).toHaveLength(2);
    expect(gateway.simulator.calls.at(-1)).toBeDefined();
  });

  test('has its errors in their own classes', async () => {
    await expect(ask({ prompt: '' })).rejects.toBeInstanceOf(errors.BadRequestResponseError);
    await expect(ask({}, 'sk-wrong')).rejects.toBeInstanceOf(errors.UnauthorizedResponseError);
    await expect(ask({ model: 'gemini-9' })).rejects.toBeInstanceOf(errors.NotFoundResponseError);
    await expect(ask({ prompt: 'simulate:overloaded' })).rejects.toBeInstanceOf(errors.ProviderOverloadedResponseError);
    await expect(ask({ prompt: 'simulate:blocked-safety' })).rejects.toBeInstanceOf(errors.ForbiddenResponseError);
  });

  test('reads a stream to its end', async () => {
    const reply = await client().images.generate({
      imageGenerationRequest: { model: 'nano-banana-2', prompt: 'a fox, streamed', resolution: '512', stream: true },
    });
    const types: string[] = [];
    for await (const { type } of reply as unknown as AsyncIterable<{ readonly type: string }>) types.push(type);
    expect(types).toEqual(['image_generation.completed']);
  });
});

test('the same meaning through OpenRouter’s path and OpenAI’s is one picture', async () => {
  const fields = { prompt: 'one fox', seed: 9, aspect_ratio: '1:1' };
  const first = await gateway.post('/api/v1/images', { ...fields, model: 'nano-banana-2', resolution: '512' });
  expect(first.headers.get('cache-status')).toMatch(/fwd=miss/);
  const same = await gateway.post('/v1/images/generations', { ...fields, image_size: '512' });
  expect(same.headers.get('cache-status')).toMatch(/hit/);
});
