import type { GenerateContentConfig, GoogleGenAI } from '@google/genai';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ASPECT_RATIOS, nominalPixels } from '../../src/image/size.ts';
import { drawing } from '../image/samples.ts';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { createClient, FLASH, partsOf, pictureOf, PRO, read, SDKS } from './genai.ts';
import { pictureIn, sizeIn } from './pictures.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => {
  vi.unstubAllEnvs();
});

/** The route of the last request that was answered, as logged. */
function lastRoute(): unknown {
  return (JSON.parse(gateway.logged().trimEnd().split('\n').at(-1) ?? '{}') as { route?: unknown }).route;
}

describe.each(SDKS)('$name', ({ sdk, version }) => {
  let ai: GoogleGenAI;
  beforeAll(() => {
    ai = createClient(sdk, gateway.url);
  });
  const generate = (contents: string, config: GenerateContentConfig = {}, model = FLASH) =>
    ai.models.generateContent({ model, contents, config });

  describe('models', () => {
    test('the list is of the shape the SDK pages through', async () => {
      const names: (string | undefined)[] = [];
      for await (const model of await ai.models.list()) names.push(model.name);
      expect(names).toEqual([`models/${FLASH}`, `models/${PRO}`, 'models/auto']);
      expect(lastRoute()).toBe(`GET /${version}/models`);
    });

    test.each([PRO, `${PRO}-preview`, `models/${PRO}`, 'nano-banana-pro'])(
      'one model is found by any of its names: %s',
      async (model) => {
        expect(await ai.models.get({ model })).toMatchObject({
          name: `models/${PRO}`,
          displayName: 'Nano Banana Pro',
          supportedActions: ['generateContent', 'countTokens'],
        });
      },
    );
  });

  describe('one picture', () => {
    test('a prompt alone is words and a picture of 1024x1024, on the version the SDK speaks by itself', async () => {
      const reply = await generate('a fox');
      expect(lastRoute()).toBe(`POST /${version}/models/{model}:generateContent`);
      expect(
        partsOf(reply)
          .map(({ text }) => text ?? '')
          .join(''),
      ).toMatch(/\w/);
      const picture = partsOf(reply).find(({ inlineData }) => inlineData);
      const info = await pictureIn(picture?.inlineData?.data);
      expect(info).toMatchObject({ width: 1024, height: 1024, mimeType: picture?.inlineData?.mimeType });
      expect(picture?.thoughtSignature).toMatch(/^[A-Za-z0-9+/]+=*$/);
      expect(reply.candidates?.[0]?.finishReason).toBe('STOP');
      expect(reply.usageMetadata?.totalTokenCount).toBeGreaterThan(1120);
      expect(reply.modelVersion).toContain('gemini-3.1-flash-image');
      expect(reply.sdkHttpResponse?.headers?.['x-request-id']).toMatch(/^req_/);
    });

    test.each(['512', '1K', '2K', '4K'])('the tier %s is reached', async (imageSize) => {
      const reply = await generate('tiers', { seed: 1, responseModalities: ['IMAGE'], imageConfig: { imageSize } });
      const side = imageSize === '512' ? 512 : Number(imageSize[0]) * 1024;
      expect(await sizeIn(pictureOf(reply))).toBe(`${side}x${side}`);
    });

    test.each(ASPECT_RATIOS)('the ratio %s is reached', async (aspectRatio) => {
      const { width, height } = nominalPixels(aspectRatio, '512');
      const reply = await generate('ratios', { seed: 1, imageConfig: { aspectRatio, imageSize: '512' } });
      expect(await sizeIn(pictureOf(reply))).toBe(`${width}x${height}`);
    });

    test('Pro draws its own sizes', async () => {
      const reply = await generate('pro', { imageConfig: { aspectRatio: '3:4', imageSize: '2K' } }, PRO);
      expect(await sizeIn(pictureOf(reply))).toBe('1792x2400');
    });

    test('everything the SDK can say at once reaches the vendor: instruction, safety, search, thoughts, size', async () => {
      const reply = await generate('draw a cat', {
        systemInstruction: 'be nice',
        safetySettings: [
          { category: sdk.HarmCategory.HARM_CATEGORY_HARASSMENT, threshold: sdk.HarmBlockThreshold.BLOCK_NONE },
        ],
        tools: [{ googleSearch: { searchTypes: { webSearch: {}, imageSearch: {} } } }],
        temperature: 0.5,
        topP: 0.9,
        candidateCount: 1,
        seed: 42,
        responseModalities: ['TEXT', 'IMAGE'],
        thinkingConfig: { thinkingLevel: sdk.ThinkingLevel.HIGH, includeThoughts: true },
        imageConfig: { aspectRatio: '16:9', imageSize: '1K' },
      });
      expect(reply.candidates?.[0]?.content?.parts?.some(({ thought }) => thought === true)).toBe(true);
      expect(reply.candidates?.[0]?.groundingMetadata?.webSearchQueries).toEqual(['', expect.any(String)]);
      expect(await sizeIn(pictureOf(reply))).toBe('1376x768');
      expect(gateway.simulator.calls.at(-1)?.seed).toBe(42);
    });

    test('the same again is the same words, and no call', async () => {
      const config = { seed: 11, imageConfig: { imageSize: '512' } };
      const first = await generate('again', config);
      const before = gateway.simulator.calls.length;
      const again = await generate('again', config);
      expect(again.candidates).toEqual(first.candidates);
      expect(again.sdkHttpResponse?.headers?.['cache-status']).toMatch(/^Plantain; hit/);
      expect(gateway.simulator.calls).toHaveLength(before);
    });

    test('the newer responseFormat, in the words of the SDK, is the same request: each ratio is drawn once', async () => {
      const ratios = Object.values(sdk.AspectRatio).filter((ratio) => !ratio.endsWith('UNSPECIFIED'));
      expect(ratios).toHaveLength(ASPECT_RATIOS.length);
      const before = gateway.simulator.calls.length;
      for (const aspectRatio of ratios) {
        const image = { aspectRatio, imageSize: sdk.ImageSize.IMAGE_SIZE_FIVE_TWELVE };
        const reply = await generate('ratios', {
          httpOptions: { extraBody: { generationConfig: { seed: 1, responseFormat: [{ image }] } } },
        });
        expect(reply.sdkHttpResponse?.headers?.['cache-status'], aspectRatio).toMatch(/^Plantain; hit/);
      }
      expect(gateway.simulator.calls).toHaveLength(before);
    });

    test('extraBody is sent up with the rest', async () => {
      const reply = await generate('extra', {
        httpOptions: { extraBody: { generation_config: { image_config: { image_size: '512', aspect_ratio: '1:1' } } } },
      });
      expect(await sizeIn(pictureOf(reply))).toBe('512x512');
    });
  });

  describe('pictures sent along', () => {
    test('a reference may be in either alphabet of base64: it is one picture, drawn from once', async () => {
      const bytes = await drawing(3, 64, 48).png().toBuffer();
      const standard = bytes.toString('base64');
      const urlSafe = bytes.toString('base64url');
      expect(urlSafe).toMatch(/[-_]/);
      const ask = (data: string) =>
        ai.models.generateContent({
          model: FLASH,
          contents: [{ text: 'a hat' }, { inlineData: { mimeType: 'image/png', data } }],
          config: { seed: 4, responseModalities: ['IMAGE'], imageConfig: { imageSize: '512', aspectRatio: '1:1' } },
        });
      const first = await ask(standard);
      const before = gateway.simulator.calls.length;
      expect(pictureOf(await ask(urlSafe))).toBe(pictureOf(first));
      expect(gateway.simulator.calls).toHaveLength(before);
      expect(first.usageMetadata?.promptTokensDetails).toContainEqual({ modality: 'IMAGE', tokenCount: 1120 });
    });

    test('a chat goes on from its own pictures: the signatures it echoes are those the vendor gave, and those it lost are put back', async () => {
      const chat = ai.chats.create({
        model: FLASH,
        config: { responseModalities: ['TEXT', 'IMAGE'], imageConfig: { imageSize: '512' } },
      });
      for (const message of ['a fox', 'now in snow', 'now at night'])
        expect(await sizeIn(pictureOf(await chat.sendMessage({ message })))).toBe('512x512');

      const history = chat.getHistory();
      const pictures = history.flatMap(({ parts = [] }) => parts.filter(({ inlineData }) => inlineData));
      expect(pictures).toHaveLength(3);
      for (const { thoughtSignature } of pictures) expect(thoughtSignature).toHaveLength(20_000);

      const unsigned = history.map(({ role, parts = [] }) => ({
        role: role ?? 'user',
        parts: parts.map((part) => ({ ...part, thoughtSignature: '' })),
      }));
      const asked = await ai.models.generateContent({
        model: FLASH,
        contents: [...unsigned, { role: 'user', parts: [{ text: 'and now' }] }],
      });
      // The simulator takes a picture of the model's with its own signature and no other.
      expect(asked.sdkHttpResponse?.headers?.['x-plantain-model']).toBe(FLASH);
      expect(asked.sdkHttpResponse?.headers?.['x-plantain-warning']).toBeUndefined();
    });
  });

  describe('by base URL alone', () => {
    test.each([
      ['/', {}, version],
      ['', { apiVersion: 'v1' }, 'v1'],
      ['', { apiVersion: 'v1beta' }, 'v1beta'],
      ['', { apiVersion: '' }, ''],
      ['/v1beta/', { apiVersion: '' }, 'v1beta'],
    ])('"%s" behind the host with %j is good', async (path, options, spoken) => {
      const there = createClient(sdk, gateway.url + path, options);
      const reply = await there.models.generateContent({ model: `models/${FLASH}`, contents: 'where' });
      expect(await sizeIn(pictureOf(reply))).toBe('1024x1024');
      expect(lastRoute()).toBe(`POST ${spoken && `/${spoken}`}/models/{model}:generateContent`);
      expect((await there.models.list()).page).toHaveLength(3);
    });

    test.each([
      ['/v1', {}],
      ['/v1beta', {}],
      ['/v1/', {}],
      ['/v1beta/openai', {}],
      ['', { apiVersion: 'v1alpha' }],
    ])('"%s" behind the host with %j is a 404 that prints the right one', async (path, options) => {
      const there = createClient(sdk, gateway.url + path, options);
      const error: unknown = await there.models
        .generateContent({ model: FLASH, contents: 'x' })
        .catch((error) => error);
      const { thrown, said } = read(sdk, error);
      expect(thrown.status).toBe(404);
      expect(said).toMatchObject({
        status: 'NOT_FOUND',
        message: expect.stringMatching(
          /Did you mean http[^ ]+\d\/v1beta\/models\/gemini-3.1-flash-image:generateContent\?/,
        ),
      });
    });

    test('GOOGLE_GEMINI_BASE_URL and GEMINI_API_KEY are enough', async () => {
      vi.stubEnv('GOOGLE_GEMINI_BASE_URL', gateway.url);
      vi.stubEnv('GEMINI_API_KEY', KEY);
      vi.stubEnv('GOOGLE_API_KEY', undefined);
      const reply = await new sdk.GoogleGenAI({}).models.generateContent({ model: FLASH, contents: 'environment' });
      expect(await sizeIn(pictureOf(reply))).toBe('1024x1024');
    });
  });

  describe('credentials', () => {
    test.each([
      ['a placeholder beside it', KEY, 'Bearer not-a-key'],
      ['it as a Bearer token', 'AIza-placeholder', `Bearer ${KEY}`],
      ['it twice', KEY, `Bearer ${KEY}`],
    ])('one good key is enough: %s', async (_, apiKey, authorization) => {
      const both = createClient(sdk, gateway.url, { headers: { Authorization: authorization } }, apiKey);
      expect((await both.models.list()).page).toHaveLength(3);
      expect(partsOf(await both.models.generateContent({ model: FLASH, contents: 'keys' }))).not.toHaveLength(0);
    });

    test('good keys of two tenants are refused: it would be a guess who pays', async () => {
      const both = createClient(sdk, gateway.url, { headers: { Authorization: `Bearer ${OTHER_KEY}` } });
      const asked = both.models.generateContent({ model: FLASH, contents: 'whose' });
      await expect(asked).rejects.toMatchObject({ name: 'ApiError', status: 401 });
      await expect(asked).rejects.toThrow(/different tenants/);
    });
  });
});
