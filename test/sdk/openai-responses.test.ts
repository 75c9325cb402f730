import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { sizeIn } from './pictures.ts';
import { PNG } from './recorded/request.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => {
  gateway.simulator.clearRules();
});

type Params = OpenAI.Responses.ResponseCreateParamsNonStreaming;
type Item = OpenAI.Responses.ResponseOutputItem;
/** Of the SDK's types and, beside them, what only this gateway reads. */
type Asked = Partial<Params> & Readonly<Record<string, unknown>>;

const MODEL = 'nano-banana-2';
const DRAW: OpenAI.Responses.Tool = { type: 'image_generation' };
const URL_OF_PNG = `data:image/png;base64,${PNG}`;

const client = () => new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
const asking = (fields: Asked = {}): Params => ({ model: MODEL, input: 'a fox', tools: [DRAW], ...fields });
const ask = (fields?: Asked) => client().responses.create(asking(fields));
const withReply = (fields?: Asked) => client().responses.create(asking(fields)).withResponse();

const picturesIn = (output: readonly Item[]): readonly string[] =>
  output.flatMap((item) => (item.type === 'image_generation_call' ? (item.result ?? []) : []));
const sizesIn = (output: readonly Item[]) => Promise.all(picturesIn(output).map((picture) => sizeIn(picture)));

test('a prompt is a whole response: text and picture in the order they were told', async () => {
  const response = await ask({ tools: [{ ...DRAW, size: '1536x1024', output_format: 'png' }], metadata: { job: '7' } });
  expect(response).toMatchObject({
    id: expect.stringMatching(/^resp_[0-9a-f]{32}$/),
    object: 'response',
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: 'gemini-3.1-flash-image',
    metadata: { job: '7' },
    tools: [{ type: 'image_generation', size: '1536x1024', output_format: 'png' }],
  });
  expect(response.output.map(({ type }) => type)).toEqual(['message', 'image_generation_call']);
  expect(response.output_text).toContain('a fox');
  expect(response.output[1]).toMatchObject({
    id: expect.stringMatching(/^ig_/),
    status: 'completed',
    output_format: 'png',
    size: '1264x848',
    quality: 'medium',
    background: 'opaque',
    revised_prompt: null,
  });
  expect(await sizesIn(response.output)).toEqual(['1264x848']);
  const { usage } = response;
  expect(usage?.total_tokens).toBe((usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0));
  expect(usage?.output_tokens_details).toMatchObject({ image_tokens: 1120 });
});

test('no tool is needed: every answer is a picture', async () => {
  const { data, response } = await client().responses.create({ model: MODEL, input: 'a fox' }).withResponse();
  expect(picturesIn(data.output)).toHaveLength(1);
  expect(response.headers.get('x-plantain-warning')).toBeNull();
});

test('pictures of the user are seen, wherever they stand', async () => {
  const content: OpenAI.Responses.ResponseInputContent[] = [
    { type: 'input_text', text: 'bluer' },
    { type: 'input_image', image_url: URL_OF_PNG, detail: 'auto' },
  ];
  const { usage } = await ask({ input: [{ role: 'user', content }] });
  expect(usage?.input_tokens_details).toMatchObject({ image_tokens: 1120 });
});

test('what is meant the same in the other dialects is one entry', async () => {
  const seen = () => gateway.simulator.calls.length;
  const before = seen();
  const one = { model: MODEL, prompt: 'one fox', size: '1536x1024', seed: 11 } as const;
  await client().images.generate(one);
  const { response } = await withReply({
    input: 'one fox',
    modalities: ['image'],
    seed: 11,
    tools: [{ ...DRAW, size: '1536x1024' }],
  });
  expect(response.headers.get('cache-status')).toMatch(/^Plantain; hit/);
  expect(seen()).toBe(before + 1);
  const two = { model: MODEL, messages: [{ role: 'user' as const, content: 'two foxes' }], seed: 12 };
  await client().chat.completions.create(two);
  const again = await withReply({ input: [{ role: 'user', content: 'two foxes' }], seed: 12 });
  expect(again.response.headers.get('cache-status')).toMatch(/^Plantain; hit/);
  expect(seen()).toBe(before + 2);
});

describe('over several turns', () => {
  // The vendor refuses a picture of the model's own that comes back without its signature, which no client of OpenAI can carry.
  test.each([
    ['as it came', {}],
    ['in another format', { output_format: 'webp' }],
    ['with thoughts', { reasoning: { summary: 'auto' } }],
  ])('an answer goes back as output and is changed, twice: %s', async (_, fields) => {
    const input: OpenAI.Responses.ResponseInputItem[] = [{ role: 'user', content: 'a fox' }];
    for (const wish of ['bluer', 'at night', null]) {
      const { data, response } = await withReply({ input, image_size: '512', ...(fields as Asked) });
      expect(response.headers.get('x-plantain-warning')).toBeNull();
      expect(await sizesIn(data.output)).toEqual(['512x512']);
      input.push(...(data.output as OpenAI.Responses.ResponseInputItem[]));
      if (wish !== null) input.push({ role: 'user', content: wish });
    }
  });

  test('a picture alone goes back, its text left out', async () => {
    const { output } = await ask({ input: 'a hare' });
    const [call] = output.filter(({ type }) => type === 'image_generation_call');
    const { response } = await withReply({
      input: [
        { role: 'user', content: 'a hare' },
        call as OpenAI.Responses.ResponseInputItem.ImageGenerationCall,
        { role: 'user', content: 'in snow' },
      ],
    });
    expect(response.headers.get('x-plantain-warning')).toBeNull();
  });

  test('what would have to be kept is a 400 that says what to do', async () => {
    for (const [fields, param] of [
      [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
      [{ conversation: 'conv_1' }, 'conversation'],
      [{ background: true }, 'background'],
      [{ prompt: { id: 'pmpt_1' } }, 'prompt'],
      [{ input: [{ type: 'item_reference', id: 'ig_1' }] }, 'input[0]'],
      [{ input: [{ type: 'image_generation_call', id: 'ig_1' }] }, 'input[0].result'],
    ] as const) {
      const error: unknown = await ask(fields as Asked).catch((error: unknown) => error);
      expect(error, param).toBeInstanceOf(OpenAI.BadRequestError);
      expect(error).toMatchObject({
        param,
        type: 'invalid_request_error',
        message: expect.stringMatching(/send|kept/),
      });
    }
  });
});

describe('who draws', () => {
  test('is the model of the tool, where nobody knows the one that speaks', async () => {
    const { data, response } = await withReply({ model: 'gpt-5', tools: [{ ...DRAW, model: 'nano-banana-pro' }] });
    expect(data.model).toBe('gemini-3-pro-image');
    expect(response.headers.get('x-plantain-warning')).toBe('model is not honoured: no model here has that name');
  });

  test('is the model asked for, where nobody knows that of the tool', async () => {
    const { data, response } = await withReply({ tools: [{ ...DRAW, model: 'flux-9' }] });
    expect(data.model).toBe('gemini-3.1-flash-image');
    expect(response.headers.get('x-plantain-warning')).toMatch(/^tools\[0\].model is not honoured/);
  });

  test('is asked about where two are named', async () => {
    await expect(ask({ tools: [{ ...DRAW, model: 'nano-banana-pro' }] })).rejects.toMatchObject({
      status: 400,
      param: 'tools[0].model',
      code: 'conflicting_parameters',
    });
    expect((await ask({ tools: [{ ...DRAW, model: 'gpt-image-1.5' }] })).status).toBe('completed');
  });

  test('is nobody, where nobody here has the name', async () => {
    await expect(ask({ model: 'gpt-5' })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(ask({ model: 'gpt-5', tools: [{ ...DRAW, model: 'flux-9' }] })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });
});

test('search is found, and its sources are cited in the text that rests on them', async () => {
  const response = await ask({ input: 'the news', tools: [DRAW, { type: 'web_search' }] });
  const parts = response.output.flatMap((item) => (item.type === 'message' ? item.content : []));
  const annotations = parts.flatMap((part) => (part.type === 'output_text' ? part.annotations : []));
  expect(annotations.length).toBeGreaterThan(0);
  for (const each of annotations) expect(each).toMatchObject({ type: 'url_citation', url: expect.any(String) });
  expect(response).toHaveProperty('grounding');
});

test('thoughts are told to who asks for them', async () => {
  const { output } = await ask({ reasoning: { summary: 'auto', effort: 'high' } });
  expect(output[0]).toMatchObject({ type: 'reasoning', summary: [{ type: 'summary_text' }] });
  expect((await ask()).output.map(({ type }) => type)).not.toContain('reasoning');
});

test('a refusal is an answer', async () => {
  gateway.simulator.rule({ fault: 'image-safety' });
  const { output, status, metadata } = await ask({ metadata: { job: '8' } });
  expect([status, metadata]).toEqual(['completed', { job: '8' }]);
  expect(output).toMatchObject([
    { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: expect.stringMatching(/blocked/) }] },
  ]);
});

test('other failures are the SDK’s own errors', async () => {
  gateway.simulator.rule({ fault: 'no-image-text' });
  await expect(ask()).rejects.toBeInstanceOf(OpenAI.UnprocessableEntityError);
  await expect(ask({ tool_choice: { type: 'function', name: 'f' } })).rejects.toMatchObject({ param: 'tool_choice' });
  await expect(
    ask({ input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file-1', detail: 'auto' }] }] }),
  ).rejects.toMatchObject({ status: 400, param: 'input[0].content[0].file_id' });
});

test('Google’s own base for OpenAI’s SDKs has it too', async () => {
  const there = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1beta/openai`, maxRetries: 0 });
  expect(picturesIn((await there.responses.create(asking())).output)).toHaveLength(1);
});
