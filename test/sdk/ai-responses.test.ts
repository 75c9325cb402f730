import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { sizeIn } from './pictures.ts';
import { PNG } from './recorded/request.ts';

// AI SDK's provider for OpenAI speaks Responses with every language model, and its tool is set up by a function of its own.

let gateway: TestGateway;
beforeAll(async () => {
  // They are looked at where they matter.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => {
  gateway.simulator.clearRules();
});

const provider = () => createOpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
const drawing = () => {
  const openai = provider();
  const tools = { image_generation: openai.tools.imageGeneration({ size: '1536x1024', partialImages: 2 }) };
  return { model: openai('nano-banana-2'), tools, maxRetries: 0 };
};

test('its picture comes as the result of the tool, beside the text', async () => {
  const { text, staticToolResults, usage } = await generateText({ ...drawing(), prompt: 'a fox' });
  expect(text).toContain('a fox');
  const [drawn] = staticToolResults;
  expect(await sizeIn(drawn?.output.result)).toBe('1264x848');
  expect(usage.outputTokens).toBeGreaterThan(1119);
});

test('in a stream its drafts come before it', async () => {
  const { fullStream } = streamText({ ...drawing(), prompt: 'a fox' });
  const results: string[] = [];
  for await (const part of fullStream) {
    if (part.type === 'error') throw part.error;
    if (part.type === 'tool-result' && part.dynamic !== true) results.push(part.output.result);
  }
  expect(results).toHaveLength(3);
  expect(results[0]).not.toBe(results[2]);
  for (const result of results) expect(await sizeIn(result)).toBe('1264x848');
});

test('a model is all it needs: without the tool the picture comes as well', async () => {
  const { content, warnings } = await generateText({
    model: provider()('nano-banana-2'),
    maxRetries: 0,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'bluer' },
          { type: 'file', mediaType: 'image/png', data: PNG },
        ],
      },
    ],
  });
  expect(content.map(({ type }) => type)).toEqual(expect.arrayContaining(['text', 'tool-result']));
  expect(warnings ?? []).toEqual([]);
});

test('sources, thoughts and a refusal are told in its own parts', async () => {
  const openai = provider();
  const { sources, reasoningText } = await generateText({
    ...drawing(),
    prompt: 'the news',
    tools: { web_search: openai.tools.webSearch() },
    providerOptions: { openai: { reasoningSummary: 'auto', forceReasoning: true } },
  });
  expect(sources.length).toBeGreaterThan(0);
  expect(reasoningText).toContain('the news');
  gateway.simulator.rule({ fault: 'image-safety', times: 2 });
  const { finishReason } = await generateText({ ...drawing(), prompt: 'refused' });
  expect(finishReason).toMatch(/content-filter|stop/);
});

test('what it takes for kept is a 400 that says how it sends it', async () => {
  const { model, tools } = drawing();
  const first = await generateText({ model, tools, maxRetries: 0, prompt: 'a fox' });
  const messages = [
    { role: 'user' as const, content: 'a fox' },
    ...first.response.messages,
    { role: 'user' as const, content: 'bluer' },
  ];
  await expect(generateText({ model, tools, maxRetries: 0, messages })).rejects.toThrow(/store: false/);
  const again = await generateText({
    model,
    tools,
    maxRetries: 0,
    messages,
    providerOptions: { openai: { store: false } },
  });
  expect(again.staticToolResults).toHaveLength(1);
});
