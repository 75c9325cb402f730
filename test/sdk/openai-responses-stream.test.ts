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

type Asked = Partial<OpenAI.Responses.ResponseCreateParamsStreaming> & Readonly<Record<string, unknown>>;
type Event = OpenAI.Responses.ResponseStreamEvent;

const clientOf = ({ url }: TestGateway) => new OpenAI({ apiKey: KEY, baseURL: `${url}/v1`, maxRetries: 0 });
const asking = (fields: Asked = {}) => ({
  model: 'nano-banana-2',
  input: 'a fox',
  tools: [{ type: 'image_generation' as const, size: '512x512' }],
  ...fields,
  stream: true as const,
});

async function streamed(fields?: Asked): Promise<readonly Event[]> {
  const events: Event[] = [];
  for await (const event of await clientOf(gateway).responses.create(asking(fields))) events.push(event);
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
  return events;
}
const namesOf = (events: readonly Event[]) => events.map(({ type }) => type.replace('response.', ''));
const endOf = (events: readonly Event[]) => {
  const end = events.at(-1);
  return end !== undefined && 'response' in end ? end.response : null;
};
const withDrafts = { tools: [{ type: 'image_generation' as const, size: '512x512', partial_images: 3 }] };

test('a stream tells its items in order, each from its beginning to its end', async () => {
  const events = await streamed();
  expect(namesOf(events)).toEqual([
    'created',
    'in_progress',
    'output_item.added',
    'content_part.added',
    'output_text.delta',
    'output_text.done',
    'content_part.done',
    'output_item.done',
    'output_item.added',
    'image_generation_call.in_progress',
    'image_generation_call.generating',
    'image_generation_call.completed',
    'output_item.done',
    'completed',
  ]);
  const [, picture] = endOf(events)!.output;
  if (picture?.type !== 'image_generation_call') throw new Error('no picture');
  expect(await sizeIn(picture.result ?? '')).toBe('512x512');
  expect(events.at(-2)).toMatchObject({ item: { id: picture.id, result: picture.result } });
});

test('drafts are those the vendor sent, and their picture the first item', async () => {
  const events = await streamed(withDrafts);
  expect(namesOf(events).slice(0, 7)).toEqual([
    'created',
    'in_progress',
    'output_item.added',
    'image_generation_call.in_progress',
    'image_generation_call.generating',
    'image_generation_call.partial_image',
    'image_generation_call.partial_image',
  ]);
  const drafts = events.flatMap((event) =>
    event.type === 'response.image_generation_call.partial_image' ? event : [],
  );
  expect(drafts.map((each) => each.partial_image_index)).toEqual([0, 1]);
  for (const draft of drafts) expect(await sizeIn(draft.partial_image_b64)).toBe('512x512');
  // Thoughts come with drafts, and nobody asked for them.
  expect(endOf(events)?.output.map(({ type }) => type)).toEqual(['image_generation_call', 'message']);
});

test('streamed and in one piece are one entry and one answer', async () => {
  const events = await streamed({ input: 'one entry', seed: 4, reasoning: { summary: 'auto' } });
  const whole = asking({ input: 'one entry', seed: 4, reasoning: { summary: 'auto' } });
  const { data, response } = await clientOf(gateway)
    .responses.create({ ...whole, stream: false })
    .withResponse();
  expect(response.headers.get('cache-status')).toMatch(/^Plantain; hit/);
  const told = (output: readonly OpenAI.Responses.ResponseOutputItem[]) =>
    output.map((item) => ({ ...item, id: null }));
  expect(told(endOf(events)!.output)).toEqual(told(data.output));
  expect(data.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'image_generation_call']);
});

test.each([
  ['a picture', {}],
  ['drafts', withDrafts],
  ['thoughts and sources', { reasoning: { summary: 'auto' }, tools: [{ google_search: {} }] }],
])('the SDK’s own helper puts a stream together: %s', async (_, fields) => {
  const stream = clientOf(gateway).responses.stream(asking(fields as Asked));
  const response = await stream.finalResponse();
  expect(response.status).toBe('completed');
  expect(response.output_text).toContain('a fox');
  const pictures = response.output.flatMap((item) =>
    item.type === 'image_generation_call' ? (item.result ?? []) : [],
  );
  expect(pictures).toHaveLength(1);
});

test('a refusal is told as one', async () => {
  gateway.simulator.rule({ fault: 'image-safety' });
  const events = await streamed();
  expect(namesOf(events)).toEqual([
    'created',
    'in_progress',
    'output_item.added',
    'content_part.added',
    'refusal.delta',
    'refusal.done',
    'content_part.done',
    'output_item.done',
    'completed',
  ]);
  expect(endOf(events)?.output).toMatchObject([{ content: [{ type: 'refusal' }] }]);
});

test('what fails before anything was told is an ordinary error', async () => {
  gateway.simulator.rule({ fault: 'no-image-text' });
  await expect(streamed()).rejects.toBeInstanceOf(OpenAI.UnprocessableEntityError);
});

test('what fails when a stream has begun is an APIError out of it, and a failed response to who reads on', async () => {
  const slow = await startGateway({
    simulator: { latencyMs: 300 },
    // The 200 goes out before anything is known.
    pace: { patienceMs: 20, silenceMs: 20 },
  });
  try {
    slow.simulator.rule({ fault: 'no-image-text', times: 2 });
    const read = async (): Promise<void> => {
      for await (const { type } of await clientOf(slow).responses.create(asking()))
        expect(type).toMatch(/^response\.(created|in_progress)$/);
    };
    await expect(read()).rejects.toMatchObject({ code: 'no_image', type: 'image_generation_user_error' });
    await expect(clientOf(slow).responses.stream(asking()).finalResponse()).rejects.toBeInstanceOf(OpenAI.APIError);
    slow.simulator.rule({ fault: 'image-safety', times: 1 });
    const response = await clientOf(slow).responses.stream(asking()).finalResponse();
    expect(response.output).toMatchObject([{ content: [{ type: 'refusal' }] }]);
  } finally {
    await slow.close();
  }
});

test('what breaks off after a draft ends in an error, its picture failed', async () => {
  gateway.simulator.rule({ fault: 'stream-error', times: 1 });
  const reply = await gateway.post('/v1/responses', asking(withDrafts));
  const events = (await reply.text())
    .trimEnd()
    .split('\n\n')
    .map((block) => JSON.parse(/data: (.*)/.exec(block)![1]!) as Event & { readonly error?: object });
  expect(namesOf(events).slice(-3)).toEqual(['error', 'output_item.done', 'failed']);
  expect(endOf(events)).toMatchObject({
    status: 'failed',
    error: { code: 'server_error', message: expect.stringContaining('broke off') },
    output: [{ type: 'image_generation_call', status: 'failed', result: null }],
  });
  expect(events.at(-3)).toMatchObject({ message: expect.any(String), error: { type: 'server_error' } });
});
