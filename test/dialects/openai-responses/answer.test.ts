import { describe, expect, test } from 'vitest';
import type { Delivered } from '../../../src/dialects/dialect.ts';
import { openaiResponses } from '../../../src/dialects/openai-responses/dialect.ts';
import { FAILURE_STATUS, GatewayError, isRefusal } from '../../../src/errors.ts';
import type { Failure } from '../../../src/errors.ts';
import { splice } from '../../../src/wire/json.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { delivered, picture, vendors } from '../delivered.ts';
import { flash, imagesCall } from '../draws.ts';
import { ask } from './samples.ts';

interface Received {
  readonly output: readonly (JsonObject & { readonly content?: readonly { readonly annotations?: JsonObject[] }[] })[];
  readonly [name: string]: unknown;
}

/** As it arrives. */
function received(answer: Delivered, fields: JsonObject = {}): Received {
  const { chunks } = splice(openaiResponses.renderAnswer([answer], ask(fields), imagesCall, 130_000_000));
  return JSON.parse(Buffer.concat(chunks).toString()) as Received;
}
const shown = (answer: Delivered, fields?: JsonObject) => received(answer, fields).output;

test('a picture and its text are one response, with usage by kind and the cost', () => {
  expect(received(delivered([{ text: 'Here it is.\n' }, picture]), { metadata: { job: '7' }, temperature: 1 })).toEqual(
    {
      id: 'resp_1',
      object: 'response',
      created_at: 1_790_000_000,
      completed_at: 1_790_000_000,
      status: 'completed',
      error: null,
      incomplete_details: null,
      model: flash.id,
      output: [
        {
          id: 'msg_1_0',
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'Here it is.\n', annotations: [], logprobs: [] }],
        },
        {
          id: 'ig_1',
          type: 'image_generation_call',
          status: 'completed',
          background: 'opaque',
          output_format: 'jpeg',
          size: '1024x1024',
          quality: 'medium',
          revised_prompt: null,
          result: vendors.text(),
        },
      ],
      usage: {
        input_tokens: 22,
        input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0, text_tokens: 12, image_tokens: 10 },
        output_tokens: 1395,
        output_tokens_details: { reasoning_tokens: 179, text_tokens: 96, image_tokens: 1120 },
        total_tokens: 1417,
        cost: 0.13,
      },
      instructions: null,
      max_output_tokens: null,
      max_tool_calls: null,
      metadata: { job: '7' },
      parallel_tool_calls: true,
      reasoning: { effort: null, summary: null },
      safety_identifier: null,
      service_tier: 'default',
      temperature: 1,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: null,
      truncation: 'disabled',
      user: null,
      background: false,
      conversation: null,
      previous_response_id: null,
      prompt: null,
      store: false,
    },
  );
});

test('the bytes of a picture are spliced in where they lie', () => {
  const { chunks } = splice(openaiResponses.renderAnswer([delivered([picture])], ask(), imagesCall, 0));
  expect(chunks).toContain(vendors.chunks[0]);
});

test('text and picture keep their order, to the last blank: what comes back is what was told', () => {
  const parts = [{ text: 'Be' }, { text: 'fore.\n\n' }, picture, { text: '\n\nAfter.' }];
  const output = shown(delivered(parts));
  expect(output.map(({ type, id }) => [type, id])).toEqual([
    ['message', 'msg_1_0'],
    ['image_generation_call', 'ig_1'],
    ['message', 'msg_1_2'],
  ]);
  expect(ask({ input: output as JsonObject[] }).turns[0]?.parts).toMatchObject([
    { kind: 'text', text: 'Before.\n\n' },
    { kind: 'picture', mimeType: 'image/jpeg' },
    { kind: 'text', text: '\n\nAfter.' },
  ]);
});

test('thoughts are told to who asked for them, and to nobody who asked for drafts alone', () => {
  const answer = delivered([{ text: 'hm', thought: true }, picture]);
  expect(shown(answer, { reasoning: { summary: 'auto' } })[0]).toEqual({
    id: 'rs_1_0',
    type: 'reasoning',
    summary: [{ type: 'summary_text', text: 'hm' }],
    encrypted_content: null,
  });
  expect(shown(answer).map(({ type }) => type)).toEqual(['image_generation_call']);
});

test('text that was cut off says so; the picture is whole', () => {
  expect(received(delivered([picture], { finishReason: 'MAX_TOKENS' }))).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    output: [{ status: 'completed' }],
  });
});

describe('sources', () => {
  const web = (title: string) => ({ web: { title, uri: `https://${title}/` } });
  const grounding = {
    groundingChunks: [web('a.example'), web('b.example'), web('c.example')],
    groundingSupports: [
      { groundingChunkIndices: [0], segment: { text: 'snow' } },
      { groundingChunkIndices: [1], segment: { text: 'Red' } },
    ],
  };
  const cite = (at: number, end: number, title: string) => ({
    type: 'url_citation',
    start_index: at,
    end_index: end,
    url: `https://${title}/`,
    title,
  });

  test('stand with the text that rests on them, all others with the last', () => {
    const answer = delivered([{ text: 'A fox in snow.' }, picture, { text: 'Red.' }], { groundingMetadata: grounding });
    const whole = received(answer);
    expect(whole.output.flatMap(({ content = [] }) => content.map(({ annotations }) => annotations))).toEqual([
      [cite(9, 13, 'a.example')],
      [cite(0, 3, 'b.example'), cite(4, 4, 'c.example')],
    ]);
    expect(whole.grounding).toEqual(grounding);
  });

  test('of a picture without words stand with an empty text', () => {
    const [, message] = shown(delivered([picture], { groundingMetadata: grounding }));
    expect(message?.content).toMatchObject([{ text: '', annotations: [{}, {}, {}] }]);
  });
});

describe('failures', () => {
  const failures = Object.keys(FAILURE_STATUS) as Failure[];

  test.each(failures.filter((failure) => isRefusal({ failure })))('%s is a response that refuses', (failure) => {
    const error = new GatewayError(failure, 'The prompt was blocked.', { costNanos: 1_000_000 });
    const call = { ...imagesCall, model: flash.id, echo: { metadata: { job: '7' } } };
    expect(openaiResponses.renderError(error, call)).toMatchObject({
      status: 200,
      body: {
        id: 'resp_1',
        status: 'completed',
        error: null,
        model: flash.id,
        metadata: { job: '7' },
        output: [
          {
            id: 'msg_1_0',
            type: 'message',
            status: 'completed',
            role: 'assistant',
            content: [{ type: 'refusal', refusal: 'The prompt was blocked.' }],
          },
        ],
        usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0, cost: 0.001 },
      },
    });
  });

  test.each(failures.filter((failure) => !isRefusal({ failure })))('%s has OpenAI’s envelope', (failure) => {
    const { status, body } = openaiResponses.renderError(new GatewayError(failure, 'Why.', { param: 'n' }), imagesCall);
    expect(status).toBe(FAILURE_STATUS[failure]);
    expect(body.error).toMatchObject({ message: 'Why.', type: expect.any(String), param: 'n' });
  });
});
