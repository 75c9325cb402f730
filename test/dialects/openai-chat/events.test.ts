import { describe, expect, test } from 'vitest';
import type { StreamEvent } from '../../../src/dialects/dialect.ts';
import { openaiChat } from '../../../src/dialects/openai-chat/dialect.ts';
import { GatewayError } from '../../../src/errors.ts';
import { splice } from '../../../src/wire/json.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { flash, imagesCall } from '../draws.ts';
import { delivered, picture, vendors } from '../delivered.ts';
import { ask } from './samples.ts';

interface Chunk {
  readonly id: string;
  readonly object: string;
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly delta: JsonObject;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: JsonObject | null;
  readonly error?: JsonObject;
}

const eventsOf = (fields: JsonObject = {}) =>
  openaiChat.renderEvents!(ask({ model: 'nano-banana-2', stream: true, ...fields }), imagesCall);

/** As they arrive; the last of a stream is `[DONE]`. */
function read(events: readonly StreamEvent[]): (Chunk | string)[] {
  return events.map(({ name, data }) => {
    expect(name).toBeNull();
    return typeof data === 'string' ? data : (JSON.parse(Buffer.concat(splice(data).chunks).toString()) as Chunk);
  });
}
const deltas = (events: readonly StreamEvent[]) =>
  read(events).map((chunk) =>
    typeof chunk === 'string'
      ? chunk
      : (chunk.choices ?? []).map(({ index, delta, finish_reason }) => [index, finish_reason ?? delta]),
  );
const URL = `data:image/jpeg;base64,${vendors.text()}`;
const image = { images: [{ type: 'image_url', index: 0, image_url: { url: URL } }] };

test('an answer is a role, its text, its picture whole, an end and [DONE]', () => {
  const events = eventsOf();
  expect(deltas(events.begin())).toEqual([[[0, { role: 'assistant', content: '', refusal: null }]]]);
  const told = events.finish([delivered([{ text: 'Here.' }, picture])], 1);
  expect(deltas(told)).toEqual([[[0, { content: 'Here.' }]], [[0, image]], [[0, 'stop']], '[DONE]']);
  expect(read(told)[0]).toMatchObject({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: flash.id,
  });
  expect(read(told)[0]).not.toHaveProperty('usage');
});

test('the bytes of a picture are spliced in where they lie', () => {
  const told = eventsOf().finish([delivered([picture])], 1);
  const lying = told.filter(({ data }) => typeof data !== 'string' && splice(data).chunks.includes(vendors.chunks[0]!));
  expect(lying).toHaveLength(1);
});

test('text and picture keep their order, and put together are what an answer in one piece says', () => {
  const answer = delivered([{ text: 'Before.\n' }, picture, { text: '\nAfter.' }]);
  for (const asked of [{}, { images_in: 'content' }]) {
    const told = read(eventsOf(asked).finish([answer], 1)).flatMap((chunk) =>
      typeof chunk === 'string' ? [] : chunk.choices.map(({ delta }) => delta),
    );
    const whole = openaiChat.renderAnswer([answer], ask(asked), imagesCall, 1);
    const { choices } = JSON.parse(Buffer.concat(splice(whole).chunks).toString()) as {
      choices: [{ message: JsonObject }];
    };
    expect(told.map(({ content }) => (typeof content === 'string' ? content : '')).join('')).toBe(
      choices[0].message.content,
    );
    expect(told.flatMap(({ images = [] }) => images)).toEqual(choices[0].message.images ?? []);
  }
  const order = deltas(eventsOf().finish([answer], 1)).map((each) => JSON.stringify(each).slice(0, 20));
  expect(
    order.map((each) => (each.includes('images') ? 'picture' : each.includes('content') ? 'text' : 'end')),
  ).toEqual(['text', 'picture', 'text', 'end', 'end']);
});

test('who asks is told at the end what was used, and that it is not known before', () => {
  const events = eventsOf({ stream_options: { include_usage: true } });
  expect(read(events.begin())).toEqual([expect.objectContaining({ usage: null })]);
  const told = read(events.finish([delivered([picture])], 130_000_000));
  expect(told.at(-1)).toBe('[DONE]');
  expect(told.at(-2)).toMatchObject({ choices: [], usage: { total_tokens: 1417, cost: 0.13 } });
  expect(told.slice(0, -2).every((chunk) => typeof chunk !== 'string' && chunk.usage === null)).toBe(true);
});

test('several pictures are told under their choices, each to its end', () => {
  const events = eventsOf({ n: 2 });
  expect(deltas(events.begin()).flat()).toMatchObject([[0, { role: 'assistant' }]]);
  expect(deltas(events.finish([delivered([picture]), delivered([picture])], 1))).toEqual([
    [[0, image]],
    [[0, 'stop']],
    [[1, { role: 'assistant', content: '', refusal: null }]],
    [[1, image]],
    [[1, 'stop']],
    '[DONE]',
  ]);
});

test('a picture that did not come has no choice, and a refusal is told to each', () => {
  const events = eventsOf({ n: 2 });
  const told = [...events.begin(), ...events.finish([delivered([picture])], 1)];
  expect(deltas(told).flat()).not.toContainEqual([1, expect.anything()]);
  const refused = [...events.begin(), ...events.fail(new GatewayError('blocked_prompt', 'No.'))];
  for (const index of [0, 1])
    expect(
      deltas(refused)
        .flat()
        .filter(([at]) => at === index),
    ).toEqual([
      [index, { role: 'assistant', content: '', refusal: null }],
      [index, { content: 'No.', refusal: 'No.' }],
      [index, 'content_filter'],
    ]);
});

test('thoughts come first, sources after the words they belong to', () => {
  const grounding = { groundingChunks: [{ web: { uri: 'https://a.example/', title: 'a' } }] };
  const parts = [{ text: 'hm', thought: true }, { text: 'Here.' }, picture];
  const told = eventsOf().finish([delivered(parts, { groundingMetadata: grounding })], 1);
  expect(deltas(told)).toMatchObject([
    [[0, { reasoning: 'hm', reasoning_content: 'hm' }]],
    [[0, { content: 'Here.' }]],
    [[0, image]],
    [
      [
        0,
        {
          annotations: [{ type: 'url_citation', url_citation: { url: 'https://a.example/', start_index: 5 } }],
          grounding,
        },
      ],
    ],
    [[0, 'stop']],
    '[DONE]',
  ]);
});

test('a draft is not told: clients take every picture for an answer', () => {
  expect(eventsOf().draft(delivered([picture]).picture)).toEqual([]);
});

describe('a failure', () => {
  test('after the 200 is an error in the stream, and its end', () => {
    const told = read(eventsOf().fail(new GatewayError('upstream_failed', 'Broken.')));
    expect(told).toEqual([
      { error: { message: 'Broken.', type: 'server_error', param: null, code: 'upstream_failed' } },
      '[DONE]',
    ]);
  });

  test('that is a refusal is told as one', () => {
    const events = eventsOf({ stream_options: { include_usage: true } });
    const told = events.fail(new GatewayError('blocked_output', 'Blocked.'));
    expect(deltas(told)).toEqual([
      [[0, { content: 'Blocked.', refusal: 'Blocked.' }]],
      [[0, 'content_filter']],
      [],
      '[DONE]',
    ]);
    expect(read(told).at(-2)).toMatchObject({ usage: { total_tokens: 0, cost: 0 } });
  });
});
