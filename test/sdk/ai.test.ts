import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateImage, generateText, streamText } from 'ai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { sizeIn } from './pictures.ts';
import { PNG } from './recorded/request.ts';

// The AI SDK as applications use it, over three of its providers, each told nothing but the address and a key.

const FLASH = 'gemini-3.1-flash-image';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const openai = () => createOpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
const compatible = () => createOpenAICompatible({ name: 'plantain', apiKey: KEY, baseURL: `${gateway.url}/v1` });
const google = () => createGoogle({ apiKey: KEY, baseURL: `${gateway.url}/v1beta` });

describe.each([
  ['openai', () => openai().image(FLASH)],
  ['openai-compatible', () => compatible().imageModel(FLASH)],
])('generateImage over %s', (_provider, model) => {
  test('gets a picture of the size asked for', async () => {
    const { image } = await generateImage({ model: model(), prompt: 'a fox', size: '1024x1024' });
    expect(await sizeIn(image.base64)).toBe('1024x1024');
  });

  test('gets three pictures, however it asks for them', async () => {
    const { images } = await generateImage({ model: model(), prompt: 'three foxes', n: 3, size: '1024x1024' });
    expect(new Set(images.map(({ base64 }) => base64)).size).toBe(3);
  });

  test('edits one picture, and several', async () => {
    for (const images of [[PNG], [PNG, PNG]]) {
      const prompt = { text: 'bluer', images };
      const { image } = await generateImage({ model: model(), prompt, size: '1024x1024' });
      expect(await sizeIn(image.base64)).toBe('1024x1024');
    }
  });

  test('hears what is wrong, and does not ask again', async () => {
    const calls = gateway.simulator.calls.length;
    const asked = generateImage({ model: model(), prompt: '', size: '1024x1024', maxRetries: 2 });
    await expect(asked).rejects.toMatchObject({ statusCode: 400, message: expect.stringContaining('prompt') });
    expect(gateway.simulator.calls).toHaveLength(calls);
  });
});

describe('google', () => {
  const options = {
    providerOptions: { google: { responseModalities: ['TEXT', 'IMAGE'], imageConfig: { imageSize: '512' } } },
  };

  test('generateImage gets a picture of the ratio asked for', async () => {
    const { image } = await generateImage({ model: google().image(FLASH), prompt: 'a fox', aspectRatio: '16:9' });
    expect(await sizeIn(image.base64)).toBe('1376x768');
  });

  test('generateText gets words and a picture, and goes on from them', async () => {
    const first = await generateText({ model: google()(FLASH), prompt: 'a fox', ...options });
    expect(await sizeIn(first.files[0]?.base64)).toBe('512x512');
    const messages = [
      { role: 'user' as const, content: 'a fox' },
      ...first.response.messages,
      { role: 'user' as const, content: 'at night' },
    ];
    const second = await generateText({ model: google()(FLASH), messages, ...options });
    expect(await sizeIn(second.files[0]?.base64)).toBe('512x512');
  });

  test('streamText gets the same bit by bit', async () => {
    const { files, text } = streamText({ model: google()(FLASH), prompt: 'a fox, streamed', ...options });
    expect(await sizeIn((await files)[0]?.base64)).toBe('512x512');
    expect(await text).toContain('a fox');
  });
});

test('openai’s chat is streamed, with the picture in the text', async () => {
  const { text } = streamText({
    model: compatible()(FLASH),
    prompt: 'a fox by chat',
    providerOptions: { plantain: { images_in: 'content', image_size: '512' } },
  });
  const markdown = /!\[image\]\(data:[^,]*,([^)]*)\)/.exec(await text);
  expect(await sizeIn(markdown?.[1])).toBe('512x512');
});
