import { describe, expect, test } from 'vitest';
import type { Delivered } from '../../../src/dialects/dialect.ts';
import { openaiChat } from '../../../src/dialects/openai-chat/dialect.ts';
import { FAILURE_STATUS, GatewayError } from '../../../src/errors.ts';
import type { Failure } from '../../../src/errors.ts';
import { splice } from '../../../src/wire/json.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { flash, imagesCall } from '../draws.ts';
import { delivered, picture, vendors } from '../delivered.ts';
import { ask } from './samples.ts';

interface Completion {
  readonly choices: readonly {
    readonly index: number;
    readonly finish_reason: string;
    readonly message: {
      readonly content: string | null;
      readonly images?: readonly JsonObject[];
      readonly annotations?: readonly {
        readonly url_citation: { start_index: number; end_index: number; url: string };
      }[];
      readonly [name: string]: unknown;
    };
  }[];
  readonly usage: JsonObject;
}

/** As it arrives. */
function received(pictures: Delivered[], fields: JsonObject = {}): Completion {
  const { chunks } = splice(openaiChat.renderAnswer(pictures, ask(fields), imagesCall, 130_000_000 * pictures.length));
  return JSON.parse(Buffer.concat(chunks).toString()) as Completion;
}
const messageOf = (pictures: Delivered[], fields: JsonObject = {}) => received(pictures, fields).choices[0]!.message;
const URL = `data:image/jpeg;base64,${vendors.text()}`;

test('a picture and its text are one message, with usage by kind and the cost', () => {
  expect(received([delivered([{ text: 'Here it is.\n' }, picture])])).toEqual({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_790_000_000,
    model: flash.id,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'Here it is.',
          refusal: null,
          images: [{ type: 'image_url', index: 0, image_url: { url: URL } }],
        },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: 22,
      completion_tokens: 1395,
      total_tokens: 1417,
      prompt_tokens_details: { cached_tokens: 0, text_tokens: 12, image_tokens: 10 },
      completion_tokens_details: { reasoning_tokens: 179, image_tokens: 1120, text_tokens: 96 },
      cost: 0.13,
    },
  });
});

test('the bytes of a picture are spliced in where they lie', () => {
  const { chunks } = splice(openaiChat.renderAnswer([delivered([picture])], ask(), imagesCall, 0));
  expect(chunks).toContain(vendors.chunks[0]);
  const inText = openaiChat.renderAnswer([delivered([picture])], ask({ images_in: 'content' }), imagesCall, 0);
  expect(splice(inText).chunks).toContain(vendors.chunks[0]);
});

test('a picture without words has empty content, which no client stumbles over', () => {
  expect(messageOf([delivered([picture])])).toMatchObject({ content: '', images: [expect.anything()] });
});

test('several pictures are several choices, and their usage is summed', () => {
  const { choices, usage } = received([delivered([picture]), delivered([{ text: 'Two.' }, picture])], { n: 2 });
  expect(choices.map(({ index, message }) => [index, message.content, message.images?.length])).toEqual([
    [0, '', 1],
    [1, 'Two.', 1],
  ]);
  expect(usage).toMatchObject({ prompt_tokens: 44, total_tokens: 2834, cost: 0.26 });
});

test('a link and another format stand where the picture would', () => {
  const url = 'https://pictures.example.com/1';
  expect(messageOf([delivered([picture], {}, { url })]).images).toEqual([
    { type: 'image_url', index: 0, image_url: { url } },
  ]);
  const { info } = delivered([picture]).picture;
  const png = { data: LongString.fromText('iVBOR'), info: { ...info, type: 'png', mimeType: 'image/png' } as const };
  expect(messageOf([delivered([picture], {}, { picture: png })]).images?.[0]).toMatchObject({
    image_url: { url: 'data:image/png;base64,iVBOR' },
  });
});

describe('in content', () => {
  const asked = { images_in: 'content' };
  test('text and picture keep their order, as Markdown, and nothing is sent twice', () => {
    const parts = [{ text: 'Before.\n\n' }, picture, { text: '\n\nAfter.' }];
    const message = messageOf([delivered(parts)], asked);
    expect(message.content).toBe(`Before.\n\n![image](${URL})\n\nAfter.`);
    expect(message.images).toBeUndefined();
    expect(messageOf([delivered([picture])], asked).content).toBe(`![image](${URL})`);
  });

  test('a link is short', () => {
    const url = 'https://pictures.example.com/1';
    expect(messageOf([delivered([picture], {}, { url })], asked).content).toBe(`![image](${url})`);
  });

  test('what comes back so is the conversation it was', () => {
    const parts = [{ text: 'Before. “\\n”' }, picture, { text: 'After.' }];
    const { content } = messageOf([delivered(parts)], asked);
    const again = ask({ messages: [{ role: 'assistant', content: LongString.fromText(content!) }] });
    expect(again.turns[0]?.parts).toMatchObject([
      { kind: 'text', text: 'Before. “\\n”' },
      { kind: 'picture', mimeType: 'image/jpeg' },
      { kind: 'text', text: 'After.' },
    ]);
    const [, sent] = again.turns[0]!.parts;
    expect(sent?.kind === 'picture' && sent.data instanceof LongString && sent.data.text()).toBe(vendors.text());
  });
});

describe('which picture', () => {
  const draft = { inlineData: { mimeType: 'image/png', data: 'AAAA' }, thought: true };
  const small = { inlineData: { mimeType: 'image/jpeg', data: 'BBBB' } };
  test('is told is the one that was checked, in its place; drafts and others are not', () => {
    const parts = [draft, { text: 'One.' }, small, { text: 'Two.' }, picture, { text: 'Three.' }];
    expect(messageOf([delivered(parts)], { images_in: 'content' }).content).toBe(
      `One.Two.\n\n![image](${URL})\n\nThree.`,
    );
    expect(messageOf([delivered(parts)])).toMatchObject({ content: 'One.Two.\n\nThree.', images: [{ index: 0 }] });
  });

  test('is found again where the cache has kept it apart', () => {
    const copy = { inlineData: { mimeType: 'image/jpeg', data: LongString.fromText(vendors.text()) } };
    expect(messageOf([delivered([small, copy, { text: 'After.' }])], { images_in: 'content' }).content).toBe(
      `![image](${URL})\n\nAfter.`,
    );
  });
});

describe('what stands behind an answer', () => {
  const web = (title: string) => ({ web: { title, uri: `https://${title}/` } });
  const grounding = {
    groundingChunks: [web('a.example'), web(''), { image: { domain: 'c.example', sourceUri: 'https://c.example/p' } }],
    groundingSupports: [
      { groundingChunkIndices: [0, 7], segment: { startIndex: 5, endIndex: 12, text: 'is “so”.' } },
      { groundingChunkIndices: [0], segment: {} },
    ],
    searchEntryPoint: { renderedContent: '<div>' },
  };

  test('sources are cited in characters of the content, and shown as the vendor wants it', () => {
    const message = messageOf([delivered([{ text: 'It — is “so”. Yes.' }, picture], { groundingMetadata: grounding })]);
    const citations = message.annotations?.map(({ url_citation: { start_index, end_index, url } }) => [
      url,
      message.content?.slice(start_index, end_index),
    ]);
    expect(citations).toEqual([
      ['https://a.example/', 'is “so”.'],
      ['https://a.example/', ''],
      ['https:///', ''],
      ['https://c.example/p', ''],
    ]);
    expect(message.annotations?.[3]).toMatchObject({ type: 'url_citation', url_citation: { title: 'c.example' } });
    expect(message.grounding).toEqual(grounding);
  });

  test('thoughts are told to who asked for them, apart from the answer', () => {
    const message = messageOf([delivered([{ text: 'hm ', thought: true }, { text: 'ah', thought: true }, picture])]);
    expect(message).toMatchObject({ content: '', reasoning: 'hm ah', reasoning_content: 'hm ah' });
    expect(messageOf([delivered([picture])])).not.toHaveProperty('reasoning');
  });

  test('text that was cut off says so; the picture is whole', () => {
    expect(received([delivered([picture], { finishReason: 'MAX_TOKENS' })]).choices[0]?.finish_reason).toBe('length');
  });
});

describe('failures', () => {
  const failures = Object.keys(FAILURE_STATUS) as Failure[];
  const refusals = ['blocked_prompt', 'blocked_output'];

  test.each(refusals)('%s is an answer that refuses, never an empty one', (failure) => {
    const error = new GatewayError(failure as Failure, 'The prompt was blocked.', { costNanos: 1_000_000 });
    expect(openaiChat.renderError(error, { ...imagesCall, model: flash.id })).toEqual({
      status: 200,
      body: {
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 1_790_000_000,
        model: flash.id,
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content: 'The prompt was blocked.',
              refusal: 'The prompt was blocked.',
            },
            logprobs: null,
            finish_reason: 'content_filter',
          },
        ],
        usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cost: 0.001 },
      },
    });
  });

  test.each(failures.filter((failure) => !refusals.includes(failure)))('%s has OpenAI’s envelope', (failure) => {
    const { status, body } = openaiChat.renderError(new GatewayError(failure, 'Why.', { param: 'n' }), imagesCall);
    expect(status).toBe(FAILURE_STATUS[failure]);
    expect(body.error).toMatchObject({
      message: 'Why.',
      type: expect.any(String),
      param: 'n',
      code: expect.any(String),
    });
  });
});
