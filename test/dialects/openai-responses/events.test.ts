import { describe, expect, test } from 'vitest';
import type { StreamEvent } from '../../../src/dialects/dialect.ts';
import { openaiResponses } from '../../../src/dialects/openai-responses/dialect.ts';
import { GatewayError } from '../../../src/errors.ts';
import { splice } from '../../../src/wire/json.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { delivered, picture, vendors } from '../delivered.ts';
import { flash, imagesCall } from '../draws.ts';
import { ask } from './samples.ts';

interface Told {
  readonly type: string;
  readonly sequence_number: number;
  readonly output_index?: number;
  readonly response?: { readonly output: readonly JsonObject[]; readonly [name: string]: unknown };
  readonly [name: string]: unknown;
}

const eventsOf = (fields: JsonObject = {}) =>
  openaiResponses.renderEvents!(ask({ model: 'nano-banana-2', stream: true, ...fields }), imagesCall);

/** As they arrive. */
function read(...told: (readonly StreamEvent[])[]): readonly Told[] {
  return told.flat().map(({ name, data }, index) => {
    if (typeof data === 'string') throw new Error('no JSON');
    const event = JSON.parse(Buffer.concat(splice(data).chunks).toString()) as Told;
    expect([event.type, event.sequence_number]).toEqual([name, index]);
    return event;
  });
}
const shown = (events: readonly Told[]) =>
  events.map(({ type, output_index }) => [type.replace('response.', ''), output_index ?? null]);

test('a stream names the model asked for until it is known who drew, and says the request again', () => {
  const events = eventsOf({ metadata: { a: 'b' } });
  const told = read(events.begin(), events.finish([delivered([picture])], 130_000_000));
  expect(told[0]?.response).toMatchObject({
    id: 'resp_1',
    status: 'in_progress',
    model: 'nano-banana-2',
    output: [],
    usage: null,
    metadata: { a: 'b' },
  });
  expect(told.at(-1)?.response).toMatchObject({
    id: 'resp_1',
    status: 'completed',
    model: flash.id,
    usage: { cost: 0.13 },
  });
});

test('the bytes of a picture are spliced in where they lie, in its item and in the response', () => {
  const told = eventsOf().finish([delivered([picture])], 1);
  const lying = told.filter(({ data }) => typeof data !== 'string' && splice(data).chunks.includes(vendors.chunks[0]!));
  expect(lying.map(({ name }) => name)).toEqual(['response.output_item.done', 'response.completed']);
});

test('each item is told from its beginning to its end, and all of them again as a whole', () => {
  const grounding = { groundingChunks: [{ web: { uri: 'https://a.example/', title: 'a' } }] };
  const parts = [{ text: 'hm', thought: true }, { text: 'Here.' }, picture];
  const answer = delivered(parts, { groundingMetadata: grounding });
  const fields = { reasoning: { summary: 'auto' } };
  const told = read(eventsOf(fields).finish([answer], 1));
  expect(shown(told)).toEqual([
    ['output_item.added', 0],
    ['reasoning_summary_part.added', 0],
    ['reasoning_summary_text.delta', 0],
    ['reasoning_summary_text.done', 0],
    ['reasoning_summary_part.done', 0],
    ['output_item.done', 0],
    ['output_item.added', 1],
    ['content_part.added', 1],
    ['output_text.delta', 1],
    ['output_text.annotation.added', 1],
    ['output_text.done', 1],
    ['content_part.done', 1],
    ['output_item.done', 1],
    ['output_item.added', 2],
    ['image_generation_call.in_progress', 2],
    ['image_generation_call.generating', 2],
    ['image_generation_call.completed', 2],
    ['output_item.done', 2],
    ['completed', null],
  ]);
  const done = told.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item);
  const { output } = openaiResponses.renderAnswer([answer], ask(fields), imagesCall, 1);
  expect(done).toEqual(JSON.parse(Buffer.concat(splice(output!).chunks).toString()));
  expect(told.at(-1)?.response?.output).toEqual(done);
  for (const { type, item } of told)
    if (type === 'response.output_item.added') expect(item).not.toMatchObject({ status: 'completed' });
});

describe('drafts', () => {
  const draft = delivered([picture]).picture;
  test('open the picture, which then is the first item, whatever is said before it', () => {
    const events = eventsOf({ tools: [{ type: 'image_generation', partial_images: 2 }] });
    const told = read(
      events.begin(),
      events.draft(draft),
      events.draft(draft),
      events.finish([delivered([{ text: 'Here.' }, picture])], 1),
    );
    expect(shown(told).slice(2, 9)).toEqual([
      ['output_item.added', 0],
      ['image_generation_call.in_progress', 0],
      ['image_generation_call.generating', 0],
      ['image_generation_call.partial_image', 0],
      ['image_generation_call.partial_image', 0],
      ['image_generation_call.completed', 0],
      ['output_item.done', 0],
    ]);
    expect(told[6]).toMatchObject({
      item_id: 'ig_1',
      partial_image_index: 1,
      partial_image_b64: vendors.text(),
      size: '1024x1024',
      output_format: 'jpeg',
    });
    expect(told.at(-1)?.response?.output.map(({ type, id }) => [type, id])).toEqual([
      ['image_generation_call', 'ig_1'],
      ['message', 'msg_1_1'],
    ]);
  });

  test('of a picture that is refused in the end leave a failed one', () => {
    const events = eventsOf();
    const told = read(events.begin(), events.draft(draft), events.fail(new GatewayError('blocked_output', 'No.')));
    expect(told.at(-1)).toMatchObject({
      type: 'response.completed',
      response: { output: [{ id: 'ig_1', status: 'failed', result: null }, { content: [{ refusal: 'No.' }] }] },
    });
  });
});

test('text that was cut off ends in an incomplete response', () => {
  const told = read(eventsOf().finish([delivered([picture], { finishReason: 'MAX_TOKENS' })], 1));
  expect(told.at(-1)).toMatchObject({ type: 'response.incomplete', response: { status: 'incomplete' } });
});

describe('a failure', () => {
  test.each([
    ['upstream_failed', 'server_error', 'server_error'],
    ['no_image', 'image_generation_user_error', 'invalid_prompt'],
    ['budget_reserved', 'rate_limit_error', 'rate_limit_exceeded'],
  ] as const)('after the 200 is an error that SDKs raise, and a failed response: %s', (failure, type, code) => {
    const events = eventsOf();
    const [, , raised, failed] = read(events.begin(), events.fail(new GatewayError(failure, 'Broken.')));
    expect(raised).toMatchObject({
      type: 'error',
      message: 'Broken.',
      param: null,
      error: { type, message: 'Broken.' },
    });
    expect(raised?.error).toMatchObject({ code: raised?.code });
    expect(failed).toMatchObject({
      type: 'response.failed',
      response: { id: 'resp_1', status: 'failed', error: { code, message: 'Broken.' }, output: [] },
    });
  });

  test('that is a refusal is told as one', () => {
    const events = eventsOf();
    const told = read(events.begin(), events.fail(new GatewayError('blocked_output', 'No.')));
    expect(shown(told)).toEqual([
      ['created', null],
      ['in_progress', null],
      ['output_item.added', 0],
      ['content_part.added', 0],
      ['refusal.delta', 0],
      ['refusal.done', 0],
      ['content_part.done', 0],
      ['output_item.done', 0],
      ['completed', null],
    ]);
  });
});
