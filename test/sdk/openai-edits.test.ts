import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCapturingUpstream } from '../support/capturing-upstream.ts';
import type { CapturingUpstream } from '../support/capturing-upstream.ts';
import { drawing } from '../image/samples.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { pictureIn, sizeIn } from './pictures.ts';

let gateway: TestGateway;
let behind: TestGateway;
let upstream: CapturingUpstream;
let png: Buffer;
let jpeg: Buffer;
beforeAll(async () => {
  png = await drawing(3).png().toBuffer();
  jpeg = await drawing(3).jpeg().toBuffer();
  gateway = await startGateway();
  upstream = await startCapturingUpstream();
  behind = await startGateway({ upstream: { baseUrl: upstream.url } });
});
afterAll(async () => {
  await gateway.close();
  await behind.close();
  upstream.close();
});

const client = (url = gateway.url, base = '/v1') =>
  new OpenAI({ apiKey: KEY, baseURL: `${url}${base}`, maxRetries: 0 });
/** The SDK's types know OpenAI's own fields; its callers may send any. */
type Edit = OpenAI.ImageEditParamsNonStreaming & Readonly<Record<string, unknown>>;
const edit = (params: Edit, url?: string) => client(url).images.edit(params);

/** What went up for it. */
async function sent(params: Edit): Promise<Readonly<Record<string, unknown>>> {
  const before = upstream.captured.length;
  await edit(params, behind.url);
  expect(upstream.captured).toHaveLength(before + 1);
  return JSON.parse(upstream.captured.at(-1)!.body.toString()) as Record<string, unknown>;
}

describe.each(['/v1', '/v1beta/openai', ''])('images.edit under %s', (base) => {
  test('draws from one picture and from several', async () => {
    const one = await OpenAI.toFile(png, 'a.png', { type: 'image/png' });
    const two = await OpenAI.toFile(jpeg, 'b.jpg', { type: 'image/jpeg' });
    for (const image of [one, [one], [one, two]]) {
      const reply = await client(gateway.url, base).images.edit({ prompt: 'a hat', image, size: '1536x1024' });
      expect(await sizeIn(reply.data?.[0]?.b64_json)).toBe('1264x848');
    }
  });
});

describe('images.edit', () => {
  test('sends up the prompt and the very bytes, as what they are, and asks for no shape', async () => {
    const body = await sent({
      prompt: 'a hat, ü 🎩',
      // Bytes without a name or a type, and one with the wrong type.
      image: [await OpenAI.toFile(png, 'upload'), await OpenAI.toFile(jpeg, 'b.png', { type: 'image/png' })],
      quality: 'auto',
    });
    expect(body.contents).toEqual([
      {
        role: 'user',
        parts: [
          { text: 'a hat, ü 🎩' },
          { inlineData: { mimeType: 'image/png', data: png.toString('base64') } },
          { inlineData: { mimeType: 'image/jpeg', data: jpeg.toString('base64') } },
        ],
      },
    ]);
    expect(JSON.stringify(body.generationConfig)).not.toContain('aspectRatio');
  });

  test('has every extra within reach, as the SDK nests it into the names of a form', async () => {
    const body = await sent({
      prompt: 'x',
      image: await OpenAI.toFile(png, 'a.png'),
      seed: 5,
      image_config: { aspect_ratio: '16:9', image_size: '2K' },
      extra_body: { google: { thinking_config: { thinking_level: 'high' } } },
      tools: '[{"google_search":{}}]',
    });
    expect(body).toMatchObject({
      generationConfig: {
        seed: 5,
        imageConfig: { aspectRatio: '16:9', imageSize: '2K' },
        thinkingConfig: { thinkingLevel: 'HIGH' },
      },
      tools: [{ googleSearch: {} }],
    });
  });

  test('gives n pictures, in the format, and in the very pixels asked for', async () => {
    const image = await OpenAI.toFile(png, 'a.png');
    const reply = await edit({ prompt: 'x', image, n: 2, size: '1200x630', fit: 'exact', output_format: 'webp' });
    const pictures = await Promise.all((reply.data ?? []).map(({ b64_json }) => pictureIn(b64_json)));
    expect(pictures).toMatchObject([1, 2].map(() => ({ type: 'webp', width: 1200, height: 630 })));
    expect(reply).toMatchObject({ size: '1200x630', output_format: 'webp' });
  });

  test('with a mask keeps what is outside it', async () => {
    const size = { width: 64, height: 48 };
    const picture = await drawing(3, size.width, size.height).png().toBuffer();
    const clear = await drawing(3, size.width, size.height).ensureAlpha(0).png().toBuffer();
    const reply = await edit({
      prompt: 'x',
      image: await OpenAI.toFile(picture, 'a.png'),
      mask: await OpenAI.toFile(clear, 'm.png'),
    });
    expect(await pictureIn(reply.data?.[0]?.b64_json)).toMatchObject({ type: 'png', ...size });
    expect(reply.size).toBe('64x48');
  });

  test('of no picture is a BadRequestError naming the field', async () => {
    const image = await OpenAI.toFile(Buffer.from('no picture'), 'a.png', { type: 'image/png' });
    await expect(edit({ prompt: 'x', image })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      code: 'invalid_image_file',
      param: 'image',
    });
    await expect(edit({ prompt: 'x', image: [await OpenAI.toFile(png, 'a'), image] })).rejects.toMatchObject({
      param: 'image[1]',
    });
  });
});

test('images.createVariation draws another version, asked for with nothing but a picture', async () => {
  const image = await OpenAI.toFile(png, 'a.png', { type: 'image/png' });
  const asked = { image, n: 2, size: '512x512' } as const;
  // Links, which is what this path answers with where nobody says.
  const { data = [] } = await client().images.createVariation(asked);
  const bytes = await Promise.all(data.map(async ({ url }) => Buffer.from(await (await fetch(url!)).arrayBuffer())));
  expect(await Promise.all(bytes.map((each) => sizeIn(each.toString('base64'))))).toEqual(['512x512', '512x512']);
  const inline = await client().images.createVariation({ ...asked, response_format: 'b64_json' });
  expect(await Promise.all((inline.data ?? []).map(({ b64_json }) => sizeIn(b64_json)))).toEqual([
    '512x512',
    '512x512',
  ]);
});
