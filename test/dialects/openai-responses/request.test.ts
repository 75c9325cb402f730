import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { received, refusalOf } from '../draws.ts';
import { shown } from '../shown.ts';
import { ask } from './samples.ts';

const PNG = 'iVBORw0KGgo=';
const URL = `data:image/png;base64,${PNG}`;
const user = (content: Json): JsonObject => ({ role: 'user', content });
const call = (fields: JsonObject = {}): JsonObject => ({
  type: 'image_generation_call',
  id: 'ig_1',
  status: 'completed',
  result: PNG,
  ...fields,
});
const tool = (fields: JsonObject = {}): JsonObject => ({ tools: [{ type: 'image_generation', ...fields }] });

const turnsOf = (...input: JsonObject[]) => ask({ input }).turns.map(shown);
const warningsOf = (fields: JsonObject) => ask(fields).delivery.warnings;

describe('what the SDKs send', () => {
  test('openai-node with the tool', () => {
    const request = ask(
      received(
        '{"model":"m","input":"draw","tools":[{"type":"image_generation","size":"1024x1024"}],"metadata":{"job":"7"}}',
      ),
    );
    expect(request).toMatchObject({
      model: 'm',
      turns: [{ role: 'user', parts: [{ kind: 'text', text: 'draw' }] }],
      system: null,
      modalities: ['IMAGE', 'TEXT'],
      shape: {
        pixels: { width: 1024, height: 1024 },
        named: { ratio: 'tools[0].size', tier: 'tools[0].size' },
      },
      tools: [],
      count: 1,
      delivery: { stream: null, thoughts: false, warnings: [], echo: { metadata: { job: '7' }, store: false } },
      user: null,
    });
    expect(request).not.toHaveProperty('drawnBy');
    expect(request.places?.get('contents[0].parts[0]')).toBe('input');
  });

  test('settings of the picture in the tool, at the top, and as Gemini spells them in either', () => {
    const picture = { quality: 'high', output_format: 'webp', output_compression: 50 };
    for (const fields of [tool(picture), picture])
      expect(ask(fields)).toMatchObject({
        shape: { quality: 'high' },
        delivery: { format: 'webp', compression: 50, warnings: [] },
      });
    const wide = { aspect_ratio: '16:9', image_size: '2K', seed: 7 };
    for (const fields of [tool(wide), wide, { extra_body: { google: wide } }])
      expect(ask(fields)).toMatchObject({ shape: { ratio: '16:9', tier: '2K' }, seed: 7, delivery: { warnings: [] } });
    expect(refusalOf(() => ask({ ...tool({ quality: 'high' }), quality: 'low' })).detail.code).toBe(
      'conflicting_parameters',
    );
  });

  test('a stream, with drafts where the tool asks for them', () => {
    expect(ask({ stream: true, ...tool() }).delivery.stream).toEqual({ drafts: 0 });
    expect(ask({ stream: true, ...tool({ partial_images: 2 }) }).delivery.stream).toEqual({ drafts: 2 });
    const { stream, warnings } = ask(tool({ partial_images: 2 })).delivery;
    expect([stream, warnings]).toEqual([null, [expect.stringMatching(/^tools\[0\].partial_images .*stream: true/)]]);
  });

  test('who asks, in the newer word and in the older', () => {
    expect(ask({ user: 'u' }).user).toBe('u');
    expect(ask({ user: 'u', safety_identifier: 's' })).toMatchObject({
      user: 's',
      delivery: { safetyIdentifier: 's' },
    });
  });

  test('how strictly it is judged, in the tool and at the top; an object there is OpenAI’s own', () => {
    expect(ask(tool({ moderation: 'low' })).safety).not.toEqual([]);
    expect(ask({ moderation: 'low' }).safety).not.toEqual([]);
    expect(warningsOf({ moderation: { model: 'omni-moderation-latest' } })).toMatchObject([/^moderation is not/]);
  });
});

describe('a conversation', () => {
  test('has its instructions apart, whoever gives them and wherever they stand', () => {
    const { system, turns } = ask({
      instructions: 'be brief',
      input: [{ role: 'system', content: 'be kind' }, user('a'), { role: 'developer', content: 'in blue' }],
    });
    expect(shown(system!)).toEqual(['user', 'be brief', 'be kind', 'in blue']);
    expect(turns.map(shown)).toEqual([['user', 'a']]);
  });

  test('has pictures of the user, and those of answers as the model’s own', () => {
    const answer = { type: 'message', id: 'msg_1', status: 'completed', role: 'assistant' };
    expect(
      turnsOf(
        user([
          { type: 'input_text', text: 'a' },
          { type: 'input_image', image_url: URL, detail: 'high' },
        ]),
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: null },
        { ...answer, content: [{ type: 'output_text', text: 'b', annotations: [{}], logprobs: [] }] },
        call(),
        user('c'),
      ),
    ).toEqual([
      ['user', 'a', URL],
      ['model', 'b', URL],
      ['user', 'c'],
    ]);
  });

  test('keeps a long picture as a view on what was received, and knows its type by its bytes', () => {
    const result = LongString.fromText('/9j/'.repeat(2000));
    const [, turn] = ask({ input: [user('a'), call({ result })] }).turns;
    const [part] = turn!.parts;
    if (part?.kind !== 'picture' || !(part.data instanceof LongString)) throw new Error('no long picture');
    expect(part.mimeType).toBe('image/jpeg');
    expect(part.data.chunks.map(({ buffer }) => buffer)).toEqual(result.chunks.map(({ buffer }) => buffer));
  });

  test('has what functions gave back, and says what it leaves out', () => {
    const input = [
      user('a'),
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: 'b' },
      { type: 'web_search_call', id: 'ws_1', status: 'completed' },
      { ...user('d'), mood: 'x' },
    ];
    expect(turnsOf(...input)).toEqual([['user', 'a', 'b', 'd']]);
    expect(warningsOf({ input })).toEqual(['Not passed on to the model: input[1], input[3], input[4].mood.']);
  });

  test('has no turn for a picture that failed', () => {
    expect(turnsOf(user('a'), call({ status: 'failed', result: null }), user('b'))).toEqual([['user', 'a', 'b']]);
  });
});

describe('what it cannot hold', () => {
  test.each<[string, Json, string, string]>([
    ['nothing', [], 'input', 'invalid_value'],
    ['no words', '', 'input', 'invalid_value'],
    ['no list', { role: 'user' }, 'input', 'invalid_value'],
    ['no item', [5], 'input[0]', 'invalid_value'],
    ['no role', [{ content: 'x' }], 'input[0].role', 'invalid_value'],
    ['no content', [{ role: 'user' }], 'input[0].content', 'missing_required_parameter'],
    ['an unknown item', [{ type: 'input_text', text: 'x' }], 'input[0].type', 'invalid_value'],
    ['an unknown part', [user([{ type: 'tool_use' }])], 'input[0].content[0].type', 'invalid_value'],
    ['an item kept elsewhere', [{ type: 'item_reference', id: 'ig_1' }], 'input[0]', 'unsupported_value'],
    ['a picture by its id', [user('x'), call({ result: null })], 'input[1].result', 'missing_required_parameter'],
    [
      'an address',
      [user([{ type: 'input_image', image_url: 'ftp://example.com/a.png' }])],
      'input[0].content[0].image_url',
      'unsupported_value',
    ],
    [
      'a file that is named by a number',
      [user([{ type: 'input_image', file_id: 1 }])],
      'input[0].content[0].file_id',
      'invalid_value',
    ],
    [
      'instructions with a picture',
      [{ role: 'system', content: [{ type: 'input_image', image_url: URL }] }, user('x')],
      'input[0].content[0]',
      'unsupported_value',
    ],
  ])('is a 400 that names it: %s', (_, input, param, code) => {
    const { status, detail } = refusalOf(() => ask({ input }));
    expect({ status, ...detail }).toMatchObject({ status: 400, param, code });
  });
});

describe('tools', () => {
  const search = [{ googleSearch: {} }];
  const drawing = { type: 'image_generation' };

  test('search, in any of its words', () => {
    for (const one of [{ type: 'web_search' }, { type: 'web_search_preview_2025_03_11' }, { google_search: {} }])
      expect(ask({ tools: [drawing, one] }).tools).toEqual(search);
    expect(warningsOf({ tools: [{ type: 'web_search', search_context_size: 'low' }] })).toEqual([
      "Google's search has no such setting: tools[0].search_context_size.",
    ]);
  });

  test('others on offer are a warning, and who demands one waits in vain', () => {
    const tools = [{ type: 'function', name: 'f' }, { type: 'code_interpreter' }, drawing];
    expect(warningsOf({ tools })).toEqual([expect.stringMatching(/^Functions were not offered/)]);
    for (const tool_choice of [{ type: 'function', name: 'f' }, { type: 'code_interpreter' }, { type: 'mcp' }])
      expect(refusalOf(() => ask({ tools, tool_choice })).detail.param).toBe('tool_choice');
    expect(refusalOf(() => ask({ tools: tools.slice(0, 2), tool_choice: 'required' })).detail.param).toBe(
      'tool_choice',
    );
  });

  test('a choice that a picture answers is none to be made', () => {
    for (const tool_choice of ['auto', 'required', { type: 'image_generation' }, { type: 'web_search' }])
      expect(ask({ tools: [drawing, { type: 'web_search' }], tool_choice }).tools).toEqual(search);
    expect(ask({ tools: [{ google_search: {} }], tool_choice: 'required' }).tools).toEqual(search);
    expect(refusalOf(() => ask({ tools: [drawing], tool_choice: { type: 'web_search' } })).detail.param).toBe(
      'tool_choice',
    );
    const allowed = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'image_generation' }] };
    expect(ask({ tools: [drawing, { type: 'web_search' }], tool_choice: allowed }).tools).toEqual([]);
    expect(ask({ tools: [{ type: 'web_search' }], tool_choice: 'none' }).tools).toEqual([]);
  });

  test('a choice that forbids to draw is a 400: the picture would be paid for', () => {
    for (const tool_choice of ['none', { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'web_search' }] }])
      expect(refusalOf(() => ask({ tools: [drawing], tool_choice })).message).toMatch(/every answer here is a picture/);
  });

  test('what no model draws is a 400, and a slip of the pen too', () => {
    for (const [fields, param] of [
      [{ background: 'transparent' }, 'tools[0].background'],
      [{ complexity: 'high' }, 'tools[0].complexity'],
      [{ output_format: 'gif' }, 'tools[0].output_format'],
      [{ qualty: 'high' }, 'tools[0].qualty'],
      [{ action: 'edit' }, 'tools[0].action'],
      [{ n: 2 }, 'tools[0].n'],
    ] as const)
      expect(refusalOf(() => ask(tool(fields))).detail.param).toBe(param);
    expect(refusalOf(() => ask({ background: 'transparent' })).detail.param).toBe('background');
  });

  test('what the model decides itself is a warning', () => {
    expect(warningsOf(tool({ input_fidelity: 'high', size: 'auto' }))).toEqual(['input_fidelity is not honoured.']);
    const input = [user([{ type: 'input_image', image_url: URL }])];
    expect(warningsOf({ input, ...tool({ action: 'generate' }) })).toMatchObject([/^tools\[0\].action is not/]);
    expect(warningsOf({ input, ...tool({ action: 'edit' }) })).toEqual([]);
  });
});

test('a model of the tool is the one that draws, beside that which was asked for', () => {
  expect(ask(tool({ model: 'a' })).model).toBe('a');
  expect(ask({ model: 'gpt-5', ...tool({ model: 'a' }) })).toMatchObject({
    model: 'gpt-5',
    drawnBy: { name: 'a', path: 'tools[0].model' },
  });
});

describe('settings', () => {
  test.each<[JsonObject, string]>([
    [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ conversation: { id: 'conv_1' } }, 'conversation'],
    [{ prompt: { id: 'pmpt_1' } }, 'prompt'],
    [{ background: true }, 'background'],
    [{ messages: [] }, 'messages'],
    [{ image_url: URL }, 'image_url'],
    [{ mask: URL }, 'mask'],
    [{ response_format: 'url' }, 'response_format'],
    [{ text: { format: { type: 'json_schema' } } }, 'text.format'],
    [{ modalities: ['text'] }, 'modalities'],
    [{ metadata: { a: 1 } }, 'metadata.a'],
    [{ metadata: { a: 'x'.repeat(513) } }, 'metadata.a'],
    [{ truncation: 'middle' }, 'truncation'],
    [{ reasoning: { effort: 'huge' } }, 'reasoning.effort'],
    [{ n: 2 }, 'n'],
    [{ instuctions: 'x' }, 'instuctions'],
  ])('%j is a 400 that names %s', (fields, param) => {
    const { status, detail } = refusalOf(() => ask(fields));
    expect([status, detail.param]).toEqual([400, param]);
  });

  test.each<[JsonObject, RegExp]>([
    [{ store: true }, /^store is not honoured/],
    [{ include: ['reasoning.encrypted_content'] }, /^include is not honoured/],
    [{ max_tool_calls: 3 }, /^max_tool_calls is not honoured/],
    [{ max_output_tokens: 500 }, /^max_output_tokens is not honoured below 8192/],
    [{ prompt_cache_key: 'k' }, /^prompt_cache_key is not honoured/],
    [{ text: { verbosity: 'low' } }, /^text.verbosity is not honoured/],
    [{ stream_options: { include_obfuscation: true } }, /^stream_options is not honoured/],
    [{ image: { context_compression: 'enabled' } }, /^image is not honoured/],
    [{ reasoning: { effort: 'medium' } }, /^reasoning.effort medium was taken for minimal/],
    [{ reasoning: { mode: 'pro' } }, /^Of reasoning only/],
    [{ whatever: 1 }, /^Unknown parameters were not honoured: whatever/],
  ])('%j is a warning', (fields, warning) => {
    expect(warningsOf(fields)).toEqual([expect.stringMatching(warning)]);
  });

  test.each<[JsonObject]>([
    [{ store: false, background: false, truncation: 'auto', parallel_tool_calls: false, service_tier: 'auto' }],
    [{ text: { format: { type: 'text' }, verbosity: 'medium' }, include: [], top_logprobs: 0, text_: null }],
    [{ stream_options: { include_obfuscation: false }, reasoning: { context: 'auto', mode: 'standard' } }],
    [{ previous_response_id: null, conversation: null, prompt: null, instructions: null, n: 1 }],
  ])('%j asks for nothing', (fields) => {
    expect(warningsOf(fields)).toEqual([]);
  });

  test('go up as Gemini has them', () => {
    expect(
      ask({
        max_output_tokens: 9000,
        temperature: 0,
        top_p: 0.5,
        service_tier: 'flex',
        reasoning: { effort: 'high', summary: 'auto' },
      }),
    ).toMatchObject({
      temperature: 0,
      thinking: { thinkingLevel: 'HIGH', includeThoughts: true },
      more: { request: { serviceTier: 'flex' }, generationConfig: { maxOutputTokens: 9000, topP: 0.5 } },
      delivery: { thoughts: true, warnings: [] },
    });
  });

  test('are said again in the answer, as they were or as OpenAI takes them for granted', () => {
    const { echo } = ask({ instructions: 'i', temperature: 1, text: {}, reasoning: { effort: 'high' } }).delivery;
    expect(echo).toMatchObject({
      instructions: 'i',
      temperature: 1,
      text: { format: { type: 'text' } },
      reasoning: { effort: 'high', summary: null },
      tools: [],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      background: false,
      previous_response_id: null,
    });
  });
});
