import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { sizeIn } from './pictures.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => {
  gateway.simulator.clearRules();
});

/** What the SDK passes on though its types do not know it. */
interface Delta extends OpenAI.ChatCompletionChunk.Choice.Delta {
  readonly images?: readonly { readonly image_url: { readonly url: string } }[];
  readonly reasoning?: string;
  readonly annotations?: readonly object[];
}

const client = () => new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
const ask = (content: string, fields: object = {}) => ({
  model: 'nano-banana-2',
  messages: [{ role: 'user' as const, content }],
  stream: true as const,
  ...fields,
});

async function streamed(content: string, fields: object = {}) {
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of await client().chat.completions.create(ask(content, fields))) chunks.push(chunk);
  const choices = chunks.flatMap((chunk) => chunk.choices);
  const deltas: readonly (Delta & { readonly index: number })[] = choices.map(({ index, delta }) => ({
    index,
    ...delta,
  }));
  return {
    chunks,
    deltas,
    text: deltas.map((delta) => delta.content ?? '').join(''),
    pictures: deltas.flatMap(({ images = [] }) => images.map(({ image_url }) => image_url.url.split(',')[1])),
    reasons: choices.flatMap(({ finish_reason: reason }) => reason ?? []),
  };
}

test('a stream tells role, text, picture and end, and what was used to who asks', async () => {
  const told = await streamed('a fox', { stream_options: { include_usage: true } });
  expect(told.deltas[0]).toMatchObject({ role: 'assistant' });
  expect(told.text).toContain('a fox');
  expect(await Promise.all(told.pictures.map(sizeIn))).toEqual(['1024x1024']);
  expect(told.reasons).toEqual(['stop']);
  expect(told.chunks.at(-1)).toMatchObject({
    choices: [],
    usage: { completion_tokens_details: { image_tokens: 1120 } },
  });
  expect(new Set(told.chunks.map(({ id, model }) => `${id} ${model}`)).size).toBe(1);
  expect(told.chunks[0]?.model).toBe('gemini-3.1-flash-image');
});

test('streamed and in one piece are one entry and one answer', async () => {
  const fields = { seed: 4, image_size: '512' };
  const { text, pictures } = await streamed('one entry', fields);
  const calls = gateway.simulator.calls.length;
  const whole = await client().chat.completions.create({ ...ask('one entry', fields), stream: false });
  expect(gateway.simulator.calls).toHaveLength(calls);
  expect(whole.choices[0]?.message).toMatchObject({
    content: text,
    images: [{ image_url: { url: expect.stringContaining(pictures[0]!) } }],
  });
});

test('choices, thoughts, sources and Markdown are told as in one piece', async () => {
  const two = await streamed('two', { n: 2, image_size: '512' });
  expect(two.pictures).toHaveLength(2);
  expect(two.reasons).toEqual(['stop', 'stop']);
  const searched = await streamed('the news', {
    tools: [{ google_search: {} }],
    include_reasoning: true,
    images_in: 'content',
  });
  expect(searched.deltas.some(({ annotations = [] }) => annotations.length > 0)).toBe(true);
  expect(searched.deltas.map(({ reasoning = '' }) => reasoning).join('')).toContain('the news');
  expect(searched.pictures).toEqual([]);
  expect(await sizeIn(/!\[image\]\(data:[^,]*,([^)]*)\)/.exec(searched.text)?.[1])).toBe('1024x1024');
});

test('a link comes in a frame that any client can read', async () => {
  const { deltas } = await streamed('a link', { response_format: { type: 'url' } });
  const longest = Math.max(...deltas.map((delta) => JSON.stringify(delta).length));
  expect(longest).toBeLessThan(2000);
  expect(deltas.flatMap(({ images = [] }) => images)).toMatchObject([
    { image_url: { url: expect.stringMatching(/^http/) } },
  ]);
});

test('the SDK’s own helper puts a stream together', async () => {
  const stream = client().chat.completions.stream(ask('helped'));
  const completion = await stream.finalChatCompletion();
  expect(completion.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } });
  expect(completion.choices[0]?.message.content).toContain('helped');
});

test('a refusal is told as one', async () => {
  gateway.simulator.rule({ fault: 'image-safety' });
  const { deltas, reasons, pictures } = await streamed('refused', { stream_options: { include_usage: true } });
  expect(deltas.map(({ refusal }) => refusal ?? '').join('')).toMatch(/blocked/);
  expect([reasons, pictures]).toEqual([['content_filter'], []]);
});

test('what fails before anything was told is an ordinary error', async () => {
  await expect(client().chat.completions.create(ask('x', { n: 11 }))).rejects.toBeInstanceOf(OpenAI.BadRequestError);
  gateway.simulator.rule({ fault: 'no-image-text' });
  await expect(client().chat.completions.create(ask('words'))).rejects.toBeInstanceOf(OpenAI.UnprocessableEntityError);
});

test('what fails when a stream has begun is an APIError out of it', async () => {
  const slow = await startGateway({
    simulator: { latencyMs: 300 },
    // The 200 goes out before anything is known.
    pace: { patienceMs: 20, silenceMs: 20 },
  });
  try {
    slow.simulator.rule({ fault: 'no-image-text', times: 1 });
    const there = new OpenAI({ apiKey: KEY, baseURL: `${slow.url}/v1`, maxRetries: 0 });
    const stream = await there.chat.completions.create(ask('words'));
    const read = async (): Promise<void> => {
      for await (const { choices } of stream) expect(choices[0]?.delta.role).toBe('assistant');
    };
    await expect(read()).rejects.toMatchObject({ code: 'no_image', type: 'image_generation_user_error' });
    slow.simulator.rule({ fault: 'image-safety', times: 1 });
    const reasons: unknown[] = [];
    for await (const { choices } of await there.chat.completions.create(ask('refused')))
      reasons.push(choices[0]?.finish_reason);
    expect(reasons.at(-1)).toBe('content_filter');
  } finally {
    await slow.close();
  }
});

test('of several pictures of which one fails, the SDK puts the others together', async () => {
  gateway.simulator.rule({ fault: 'image-safety', times: 1 });
  const { stream: _stream, ...body } = ask('three foxes', { n: 3 });
  const { choices } = await client().chat.completions.stream(body).finalChatCompletion();
  expect(choices.map(({ index, finish_reason: reason }) => [index, reason])).toEqual([
    [0, 'stop'],
    [1, 'stop'],
  ]);
});
