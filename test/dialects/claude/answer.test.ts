import { describe, expect, test } from 'vitest';
import { claude } from '../../../src/dialects/claude/dialect.ts';
import { parseRequest } from '../../../src/dialects/claude/request.ts';
import type { Delivered } from '../../../src/dialects/dialect.ts';
import { splice } from '../../../src/wire/json.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { flash } from '../draws.ts';
import { call, delivered, JPEG, PARTS, picturePart } from './delivered.ts';

const messages = [{ role: 'user', content: 'a fox' }];
const render = (answer: Delivered, fields: JsonObject = {}): JsonObject => {
  const body = claude.renderAnswer([answer], parseRequest({ messages, ...fields }), call, 130_000_000);
  return JSON.parse(Buffer.concat(splice(body).chunks).toString()) as JsonObject;
};
const image = { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: JPEG } };

test('a picture alone is a message with one block, its usage and what it cost', () => {
  expect(render(delivered([picturePart]))).toEqual({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: flash.id,
    content: [image],
    stop_reason: 'end_turn',
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      input_tokens: 22,
      output_tokens: 1395,
      output_tokens_details: { thinking_tokens: 179 },
      cache_creation: null,
      cache_creation_input_tokens: null,
      cache_read_input_tokens: null,
      server_tool_use: null,
      service_tier: 'standard',
      inference_geo: null,
      speed: null,
      cost: 0.13,
    },
  });
});

test('blocks keep the vendor’s order, with one picture among them and neither drafts nor signatures', () => {
  const said = [
    { type: 'text', text: 'Here it is:', citations: null },
    image,
    { type: 'text', text: 'A fox.', citations: null },
  ];
  expect(render(delivered()).content).toEqual(said);
  const thought = { type: 'thinking', thinking: 'Let me see.', signature: '' };
  expect(render(delivered(), { thinking: { type: 'adaptive' } }).content).toEqual([thought, ...said]);
});

test('the format that was asked for is the one of the block', () => {
  const answer = delivered([picturePart]);
  const info = { ...answer.picture.info, type: 'png', mimeType: 'image/png' } as const;
  const content = render({ ...answer, picture: { ...answer.picture, info } }).content;
  expect(content).toMatchObject([{ source: { media_type: 'image/png' } }]);
});

test('a text that was cut off after its picture says so', () => {
  expect(render(delivered(PARTS, { finishReason: 'MAX_TOKENS' })).stop_reason).toBe('max_tokens');
});

test('sources come as the vendor sent them', () => {
  const groundingMetadata = { webSearchQueries: ['foxes'], searchEntryPoint: { renderedContent: '<b>' } };
  expect(render(delivered(PARTS, { groundingMetadata })).grounding).toEqual(groundingMetadata);
});

describe('models', () => {
  test('in Claude’s shape', () => {
    const one = {
      type: 'model',
      id: flash.id,
      display_name: flash.displayName,
      created_at: `${flash.released}T00:00:00Z`,
      max_input_tokens: flash.inputTokenLimit,
      max_tokens: flash.outputTokenLimit,
      capabilities: null,
      line: null,
      lifecycle: 'active',
      deprecated_at: null,
      retires_at: null,
    };
    expect(claude.renderModel(flash)).toEqual(one);
    expect(claude.renderModel({ ...flash, retires: '2027-01-31' })).toMatchObject({
      lifecycle: 'deprecated',
      retires_at: '2027-01-31T00:00:00Z',
    });
    const list = { data: [one], has_more: false, first_id: flash.id, last_id: flash.id };
    expect(claude.renderModels([flash], call, new URLSearchParams())).toEqual(list);
    expect(claude.renderModels([], call, new URLSearchParams())).toEqual({
      data: [],
      has_more: false,
      first_id: null,
      last_id: null,
    });
  });

  const five = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ ...flash, id }));
  test.each([
    [{}, 'abcde', false],
    [{ limit: '2' }, 'ab', true],
    [{ limit: '2', after_id: 'b' }, 'cd', true],
    [{ limit: '2', after_id: 'd' }, 'e', false],
    [{ limit: '2', before_id: 'd' }, 'bc', true],
    [{ limit: '2', before_id: 'c' }, 'ab', false],
    [{ after_id: 'e' }, '', false],
    [{ limit: '', after_id: '' }, 'abcde', false],
  ])('a page by %j is %s', (query: Readonly<Record<string, string>>, ids, more) => {
    const page = claude.renderModels(five, call, new URLSearchParams(query));
    expect((page.data as JsonObject[]).map(({ id }) => id)).toEqual(ids.split(''));
    expect(page.has_more).toBe(more);
  });

  test.each([{ limit: '0' }, { limit: '1001' }, { limit: 'x' }, { after_id: 'z' }, { before_id: 'z' }])(
    'a page by %j is refused, by the parameter’s name',
    (query: Readonly<Record<string, string>>) => {
      const page = () => claude.renderModels(five, call, new URLSearchParams(query));
      expect(page).toThrow(`${Object.keys(query)[0]} must be`);
    },
  );
});
