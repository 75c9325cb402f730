import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { sizeIn } from './pictures.ts';
import { PNG } from './recorded/request.ts';

// AI SDK's provider for everything that speaks OpenAI: of pictures in an answer it reads the text alone.

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const provider = () => createOpenAICompatible({ name: 'plantain', apiKey: KEY, baseURL: `${gateway.url}/v1` });
type Options = Parameters<ReturnType<ReturnType<typeof provider>['chatModel']>['doGenerate']>[0];
const ask = (options: Options) => provider().chatModel('nano-banana-2').doGenerate(options);
const said = (text: string): Options['prompt'] => [{ role: 'user', content: [{ type: 'text', text }] }];
const textOf = (content: Awaited<ReturnType<typeof ask>>['content'], type: 'text' | 'reasoning'): string =>
  content.map((part) => (part.type === type ? part.text : '')).join('');

test('it gets its pictures in the text it reads, with thoughts, usage and a reason to end', async () => {
  const { content, finishReason, usage } = await ask({
    prompt: said('a fox'),
    providerOptions: { plantain: { images_in: 'content', include_reasoning: true, image_size: '512' } },
  });
  const markdown = /!\[image\]\(data:[^,]*,([^)]*)\)/.exec(textOf(content, 'text'));
  expect(await sizeIn(markdown?.[1])).toBe('512x512');
  expect(textOf(content, 'reasoning')).toContain('a fox');
  expect(finishReason.unified).toBe('stop');
  expect(usage.outputTokens.total).toBeGreaterThan(747);
});

test('what it got it may send back, with pictures of its own', async () => {
  const picture = (await ask({ prompt: said('a fox'), providerOptions: { plantain: { image_size: '512' } } })).content;
  expect(textOf(picture, 'text')).toContain('a fox');
  const { usage } = await ask({
    prompt: [
      { role: 'system', content: 'only in blue' },
      ...said('hello'),
      { role: 'assistant', content: [{ type: 'text', text: 'What shall I draw?' }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'this' },
          { type: 'file', mediaType: 'image/png', data: { type: 'data', data: PNG } },
        ],
      },
    ],
  });
  expect(usage.inputTokens.total).toBeGreaterThan(200);
});
