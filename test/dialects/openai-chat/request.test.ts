import { describe, expect, test } from 'vitest';
import { parseRequest } from '../../../src/dialects/openai-chat/request.ts';
import type { Json, JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { received, refusalOf } from '../draws.ts';
import { shown } from '../shown.ts';
import { ask } from './samples.ts';

const PNG = 'data:image/png;base64,iVBORw0KGgo=';
const talk = (...messages: JsonObject[]) => ask({ messages });
const user = (content: Json): JsonObject => ({ role: 'user', content });

const turnsOf = (...messages: JsonObject[]) => talk(...messages).turns.map(shown);

describe('what the SDKs send', () => {
  test('openai-node with a picture and extras', () => {
    const request = ask(
      received(
        `{"model":"m","modalities":["image","text"],"image_config":{"aspect_ratio":"16:9"},"extra_body":{"google":{}},"messages":[{"role":"user","content":[{"type":"text","text":"draw"},{"type":"image_url","image_url":{"url":"${PNG}"}}]}]}`,
      ),
    );
    const marks = { thought: false, signature: null, more: {} };
    expect(request).toEqual({
      model: 'm',
      turns: [
        {
          role: 'user',
          parts: [
            { kind: 'text', text: 'draw', ...marks },
            { kind: 'picture', data: 'iVBORw0KGgo=', mimeType: 'image/png', ...marks },
          ],
          more: {},
        },
      ],
      system: null,
      places: new Map([
        ['contents', 'messages'],
        ['contents[0].parts[0]', 'messages[0].content[0]'],
        ['contents[0].parts[1]', 'messages[0].content[1]'],
      ]),
      modalities: ['IMAGE', 'TEXT'],
      shape: {
        ratio: '16:9',
        tier: null,
        pixels: null,
        quality: null,
        named: { ratio: 'image_config.aspect_ratio', tier: 'size' },
      },
      seed: null,
      temperature: null,
      thinking: null,
      tools: [],
      safety: [],
      more: { request: {}, generationConfig: {}, imageConfig: {} },
      count: 1,
      delivery: {
        format: null,
        compression: null,
        link: 'no',
        exact: null,
        masked: null,
        inText: false,
        stream: null,
        safetyIdentifier: null,
        warnings: [],
      },
      user: null,
    });
  });

  test('openai-node as a stream that tells what was used', () => {
    const { delivery } = ask({ stream: true, stream_options: { include_usage: true } });
    expect(delivery).toMatchObject({ stream: { drafts: 0, tellsUsage: true }, warnings: [] });
    expect(ask({ stream: true }).delivery.stream).toEqual({ drafts: 0, tellsUsage: false });
    expect(ask({ stream: true, usage: { include: true } }).delivery.stream?.tellsUsage).toBe(true);
    expect(ask({ stream: false, stream_options: null }).delivery.stream).toBeNull();
  });

  test('text and picture are asked for where nothing is said, and pictures alone where they are', () => {
    expect(ask().modalities).toEqual(['IMAGE', 'TEXT']);
    expect(ask({ modalities: ['image'] }).modalities).toEqual(['IMAGE']);
    expect(ask({ modalities: null }).modalities).toEqual(['IMAGE', 'TEXT']);
  });
});

describe('a conversation', () => {
  test('has its instructions apart, whoever gives them and wherever they stand', () => {
    const { system, turns } = talk(
      { role: 'system', content: 'be kind' },
      user('a'),
      { role: 'developer', content: [{ type: 'text', text: 'be brief' }] },
      { role: 'assistant', content: 'b' },
    );
    expect(shown(system!)).toEqual(['user', 'be kind', 'be brief']);
    expect(turns.map(shown)).toEqual([
      ['user', 'a'],
      ['model', 'b'],
    ]);
  });

  test('alternates: messages of one speaker in a row are one turn, and empty ones none', () => {
    expect(
      turnsOf(
        user('a'),
        user(['b', { type: 'text', text: 'c' }, { type: 'text', text: '' }]),
        { role: 'assistant', content: null },
        { role: 'assistant', content: '' },
        { role: 'assistant', content: [] },
        user('d'),
      ),
    ).toEqual([['user', 'a', 'b', 'c', 'd']]);
  });

  test('takes an earlier answer as this path gives it, without its thoughts and sources', () => {
    const answer = {
      role: 'assistant',
      content: 'Here.',
      refusal: null,
      images: [{ type: 'image_url', index: 0, image_url: { url: PNG } }],
      reasoning: 'hm',
      reasoning_content: 'hm',
      annotations: [{}],
      grounding: {},
    };
    const request = talk(user('a'), answer, user('bluer'));
    expect(request.turns.map(shown)).toEqual([
      ['user', 'a'],
      ['model', 'Here.', PNG],
      ['user', 'bluer'],
    ]);
    expect(request.turns[1]?.parts[1]).toMatchObject({ signature: null, thought: false });
    expect(request.delivery.warnings).toEqual([]);
  });

  test.each<[string, JsonObject]>([
    ['flat', { images: [{ url: PNG }] }],
    ['flatter', { images: [PNG] }],
    ['as a word', { images: [{ type: 'image_url', image_url: PNG }] }],
    ['in bare base64', { images: [{ b64_json: 'iVBORw0KGgo=' }] }],
    ['among the parts', { content: [{ type: 'image_url', image_url: { url: PNG } }] }],
    ['as an input', { content: [{ type: 'input_image', image_url: PNG, detail: 'auto' }] }],
    ['in Markdown', { content: `![a fox](${PNG})` }],
    ['in Markdown of a part', { content: [{ type: 'text', text: `![](${PNG} "a fox")` }] }],
  ])('has a picture of an earlier answer %s', (_, answer) => {
    expect(turnsOf(user('a'), { role: 'assistant', ...answer }, user('b'))[1]).toEqual(['model', PNG]);
  });

  test('pulls long pictures out of long Markdown as views, in order', () => {
    const base64 = 'iVBORw0KGgoA'.repeat(2_000);
    const json = `one\\n\\n![a](data:image\\/png;base64,${base64})\\n\\ntwo ![b](data:image/webp;base64,AAAA) three`;
    const bytes = Buffer.from(json);
    const content = LongString.fromJson([bytes.subarray(0, 17), bytes.subarray(17)], true);
    const [turn] = talk({ role: 'assistant', content }).turns;
    expect(shown(turn!)).toEqual([
      'model',
      'one',
      `data:image/png;base64,${base64}`,
      'two',
      'data:image/webp;base64,AAAA',
      'three',
    ]);
    expect(turn?.parts[1]).toMatchObject({ data: expect.any(LongString) });
  });

  test('has what functions answered as words of the user, and says what of it is not passed on', () => {
    const request = talk(
      user('the weather'),
      { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f' } }] },
      { role: 'tool', tool_call_id: 'c', content: 'rain' },
      { role: 'assistant', content: 'It rains.', tool_calls: [], audio: null },
      { ...user('draw it'), name: 'ada' },
    );
    expect(request.turns.map(shown)).toEqual([
      ['user', 'the weather', 'rain'],
      ['model', 'It rains.'],
      ['user', 'draw it'],
    ]);
    expect(request.delivery.warnings).toEqual([
      'Not passed on to the model: messages[1].tool_calls, messages[4].name.',
    ]);
  });

  test('says which fields of a part are not passed on', () => {
    const url = 'data:image/png;base64,iVBORw0KGgo=';
    const parts = [
      { type: 'text', text: 'a fox', annotations: [], weight: 2 },
      { type: 'image_url', index: 0, image_url: { url, strength: 0.5 }, caption: 'mine' },
    ];
    expect(talk({ role: 'user', content: parts }).delivery.warnings).toEqual([
      'Not passed on to the model: messages[0].content[0].weight, messages[0].content[1].caption, messages[0].content[1].image_url.strength.',
    ]);
    expect(() =>
      talk({ role: 'user', content: [{ type: 'image_url', image_url: { url }, b64_json: 'AAAA' }] }),
    ).toThrow('messages[0].content[0].image_url and messages[0].content[0].b64_json say different things.');
  });

  test('has a refusal as the words it was told in', () => {
    expect(turnsOf(user('a'), { role: 'assistant', content: null, refusal: 'No.' }, user('b'))[1]).toEqual([
      'model',
      'No.',
    ]);
    expect(turnsOf(user('a'), { role: 'assistant', content: 'No.', refusal: 'No.' }, user('b'))[1]).toEqual([
      'model',
      'No.',
    ]);
  });

  test('has documents, and types by the first bytes where none is claimed', () => {
    const pdf = 'data:application/pdf;base64,JVBERi0=';
    expect(turnsOf(user([{ type: 'file', file: { filename: 'a.pdf', file_data: pdf } }]))).toEqual([['user', pdf]]);
    expect(turnsOf(user([{ type: 'image_url', image_url: { url: 'data:image/jpg;base64,/9j/' } }]))).toEqual([
      ['user', 'data:image/jpeg;base64,/9j/'],
    ]);
  });
});

describe('what a conversation cannot hold', () => {
  const part = (part: JsonObject): JsonObject[] => [user('x'), user([{ type: 'text', text: 'y' }, part])];
  test.each<[string, Json, string, string]>([
    ['no list', 'x', 'messages', 'invalid_value'],
    ['nothing', [], 'messages', 'invalid_value'],
    ['nothing to draw', [{ role: 'system', content: 'x' }, user('')], 'messages', 'invalid_value'],
    ['no message', [5], 'messages[0]', 'invalid_value'],
    ['no role', [{ content: 'x' }], 'messages[0].role', 'invalid_value'],
    ['an unknown role', [{ role: 'owner', content: 'x' }], 'messages[0].role', 'invalid_value'],
    ['a number', [user(5)], 'messages[0].content', 'invalid_value'],
    ['an unknown part', part({ type: 'tool_use' }), 'messages[1].content[1].type', 'invalid_value'],
    ['a part without its text', part({ type: 'text' }), 'messages[1].content[1].text', 'missing_required_parameter'],
    ['sound', part({ type: 'input_audio', input_audio: {} }), 'messages[1].content[1].type', 'unsupported_value'],
    ['a film', part({ type: 'video_url', video_url: {} }), 'messages[1].content[1].type', 'unsupported_value'],
    [
      'an address',
      part({ type: 'image_url', image_url: { url: 'gs://example/a.png' } }),
      'messages[1].content[1].image_url.url',
      'unsupported_value',
    ],
    [
      'an address without an object',
      part({ type: 'input_image', image_url: 'gs://bucket/a.png' }),
      'messages[1].content[1].image_url',
      'unsupported_value',
    ],
    [
      'an address in an answer',
      [user('x'), { role: 'assistant', images: [{ image_url: { url: 'ftp://example.com/a.png' } }] }],
      'messages[1].images[0].image_url.url',
      'unsupported_value',
    ],
    [
      'a file that is named by a number',
      part({ type: 'file', file: { file_id: 1 } }),
      'messages[1].content[1].file.file_id',
      'invalid_value',
    ],
    [
      'a file and a URL',
      part({ type: 'input_image', file_id: 'file-1', image_url: 'data:image/png;base64,AAAA' }),
      'messages[1].content[1].file_id',
      'conflicting_parameters',
    ],
    [
      'a picture that is none',
      part({ type: 'image_url', image_url: { url: 'AAAA' } }),
      'messages[1].content[1].image_url.url',
      'invalid_value',
    ],
    [
      'an empty picture',
      part({ type: 'image_url', image_url: { url: 'data:image/png;base64,' } }),
      'messages[1].content[1].image_url.url',
      'invalid_value',
    ],
    [
      'a picture without its address',
      part({ type: 'image_url', image_url: {} }),
      'messages[1].content[1].image_url.url',
      'missing_required_parameter',
    ],
    [
      'instructions with a picture',
      [{ role: 'system', content: [{ type: 'image_url', image_url: { url: PNG } }] }, user('x')],
      'messages[0].content[0]',
      'unsupported_value',
    ],
    ['more than anybody says', Array(5000).fill(user('x')), 'messages', 'invalid_value'],
  ])('is a 400 that names it: %s', (_, messages, param, code) => {
    const { status, detail } = refusalOf(() => ask({ messages }));
    expect({ status, ...detail }).toMatchObject({ status: 400, param, code });
  });

  test('an address is a picture that has still to be fetched, and of a document it is refused', () => {
    const url = 'https://example.com/a.png';
    const [turn] = talk(user([{ type: 'image_url', image_url: { url } }])).turns;
    const named = 'messages[0].content[0].image_url.url';
    expect(turn?.parts).toMatchObject([{ kind: 'picture', data: '', remote: url, named }]);
    const file = user([{ type: 'input_file', file_url: 'https://example.com/a.pdf' }]);
    expect(refusalOf(() => talk(file)).message).toMatch(/remote URLs are off.*data URL/);
  });

  test('a link in Markdown is text like any other', () => {
    const words = 'see ![it](https://example.com/a.png) and [this](data:image/png;base64,AAAA) and ](data:';
    expect(turnsOf(user(words))).toEqual([['user', words]]);
  });
});

describe('settings', () => {
  const native = (fields: JsonObject) => {
    const { more, tools, thinking, delivery } = ask(fields);
    return { ...more.generationConfig, ...more.request, tools, thinking, warnings: delivery.warnings };
  };
  const nothing = { tools: [], thinking: null, warnings: [] };
  const search = [{ googleSearch: {} }];

  test.each<[JsonObject, JsonObject]>([
    [{ top_p: 0.5, temperature: 0, seed: 7 }, { topP: 0.5 }],
    [{ stop: 'END' }, { stopSequences: ['END'] }],
    [{ stop: ['a', '', 'b'] }, { stopSequences: ['a', 'b'] }],
    [{ stop: [] }, {}],
    [{ presence_penalty: 0, frequency_penalty: 0 }, {}],
    [{ presence_penalty: 1 }, { presencePenalty: 1 }],
    [{ max_tokens: 8192 }, { maxOutputTokens: 8192 }],
    [{ max_tokens: 9000, max_completion_tokens: 10_000 }, { maxOutputTokens: 10_000 }],
    [{ max_tokens: 32_768 }, {}],
    [{ max_tokens: -1 }, {}],
    [{ service_tier: 'auto' }, {}],
    [{ service_tier: 'flex' }, { serviceTier: 'flex' }],
    [{ tools: [{ google_search: {} }] }, { tools: search }],
    [
      { tools: [{ googleSearch: { search_types: { image_search: {} } } }] },
      {
        tools: [{ googleSearch: { searchTypes: { imageSearch: {} } } }],
      },
    ],
    [{ tools: [{ type: 'google_search' }] }, { tools: search }],
    [{ tools: [{ type: 'web_search_preview_2025_03_11' }] }, { tools: search }],
    [{ tools: [{ type: 'openrouter:web_search' }] }, { tools: search }],
    [{ tools: [{ type: 'google_search', google_search: {} }], plugins: [{ id: 'web' }] }, { tools: search }],
    [{ tools: [{ type: 'function', function: { name: 'googleSearch' } }] }, { tools: search }],
    [{ web_search_options: {} }, { tools: search }],
    [{ plugins: [{ id: 'web' }], google: { tools: search } }, { tools: search }],
    [{ tools: [{ url_context: {} }], tool_choice: 'auto' }, { tools: [{ urlContext: {} }] }],
    [{ tools: [{ google_search: {} }], tool_choice: 'none' }, {}],
    [{ tools: [], functions: [], parallel_tool_calls: true, function_call: 'auto' }, {}],
    [{ reasoning_effort: 'high' }, { thinking: { thinkingLevel: 'HIGH' } }],
    [{ reasoning_effort: 'minimal' }, {}],
    [{ reasoning: { effort: 'high', exclude: true } }, { thinking: { thinkingLevel: 'HIGH' } }],
    [{ reasoning: { max_tokens: 500 } }, { thinking: { thinkingBudget: 500, includeThoughts: true } }],
    [{ reasoning: { enabled: false } }, {}],
    [{ include_reasoning: true }, { thinking: { includeThoughts: true } }],
    [
      { reasoning_effort: 'high', google: { thinking_config: { include_thoughts: true } } },
      { thinking: { thinkingLevel: 'HIGH', includeThoughts: true } },
    ],
    [{ store: false, metadata: {}, logprobs: false, top_logprobs: 0, logit_bias: {} }, {}],
    [{ response_format: { type: 'text' } }, {}],
  ])('%j reaches the vendor as %j, without a warning', (asked, expected) => {
    expect(native(asked)).toEqual({ ...nothing, ...expected });
  });

  test.each<[JsonObject, RegExp]>([
    [{ max_tokens: 1000 }, /^max_tokens is not honoured below 8192/],
    [{ max_completion_tokens: 4096 }, /^max_completion_tokens is not honoured/],
    [{ tools: [{ type: 'function', function: { name: 'f' } }] }, /^Functions were not offered/],
    [{ tools: [{ type: 'custom', name: 'f' }] }, /^Functions were not offered/],
    [{ functions: [{ name: 'f' }] }, /^Functions were not offered/],
    [{ plugins: [{ id: 'file-parser' }] }, /plugins\[0\]\.id/],
    [{ plugins: [{ id: 'web', max_results: 3 }] }, /plugins\[0\]\.max_results/],
    [{ web_search_options: { search_context_size: 'low' } }, /web_search_options\.search_context_size/],
    [{ reasoning_effort: 'low' }, /^reasoning_effort low was taken for minimal/],
    [{ reasoning: { effort: 'xhigh' } }, /^reasoning\.effort xhigh was taken for high/],
    [{ store: true }, /^store is not honoured/],
    [{ metadata: { a: 'b' } }, /^metadata is not honoured.*x-plantain-tags/],
    [{ logprobs: true, top_logprobs: 2 }, /^logprobs is not honoured/],
    [{ logit_bias: { 5: 1 } }, /^logit_bias is not honoured/],
    [{ verbosity: 'low' }, /not honoured: verbosity/],
    [
      {
        messages: [
          user([
            { type: 'text', text: 'x' },
            { type: 'image_url', image_url: { url: PNG, detail: 'low' } },
          ]),
        ],
      },
      /messages\[0\]\.content\[1\]\.image_url\.detail/,
    ],
  ])('%j is told by a warning', (asked, warning) => {
    expect(ask(asked).delivery.warnings[0]).toMatch(warning);
  });

  test.each<[JsonObject, string]>([
    [{ tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: 'required' }, 'tool_choice'],
    [{ tool_choice: { type: 'function', function: { name: 'f' } } }, 'tool_choice'],
    [{ function_call: { name: 'f' } }, 'function_call'],
    [{ response_format: { type: 'json_schema', json_schema: {} } }, 'response_format.type'],
    [{ response_format: { type: 'json_object' } }, 'response_format.type'],
    [{ response_format: 'xml' }, 'response_format'],
    [{ modalities: ['text'] }, 'modalities'],
    [{ modalities: ['image', 'audio'] }, 'modalities'],
    [{ audio: { voice: 'x' } }, 'audio'],
    [{ n: 0 }, 'n'],
    [{ n: 11 }, 'n'],
    [{ n: 2, seed: 2_147_483_647 }, 'seed'],
    [{ stop: ['a', 'b', 'c', 'd', 'e', 'f'] }, 'stop'],
    [{ service_tier: 'priority' }, 'service_tier'],
    [{ background: 'transparent' }, 'background'],
    [{ images_in: 'both' }, 'images_in'],
    [{ reasoning_effort: 'much' }, 'reasoning_effort'],
    [{ reasoning_effort: 'high', thinking_config: { thinking_level: 'minimal' } }, 'reasoning_effort'],
    [{ tools: [{ google_search: {} }], google: { tools: [{ url_context: {} }] } }, 'tools'],
    [{ prompt: 'x' }, 'prompt'],
    [{ image: PNG }, 'image'],
    [{ mask: PNG }, 'mask'],
    [{ contents: [] }, 'contents'],
    [{ mesages: [] }, 'mesages'],
    [{ messages: null }, 'messages'],
    [{ model: '' }, 'model'],
  ])('%j is a 400 that names %s', (asked, param) => {
    const { status, detail } = refusalOf(() => ask(asked));
    expect([status, detail.param]).toEqual([400, param]);
  });

  test('how the picture is handed over can be said as in the Images API', () => {
    const {
      delivery,
      user: who,
      count,
      safety,
    } = ask({
      output_format: 'webp',
      output_compression: 50,
      response_format: 'url',
      images_in: 'content',
      user: 'u',
      safety_identifier: 's',
      moderation: 'low',
      n: 3,
    });
    expect(delivery).toMatchObject({
      format: 'webp',
      compression: 50,
      link: 'asked',
      inText: true,
      safetyIdentifier: 's',
    });
    expect([who, count, safety.length]).toEqual(['s', 3, 4]);
    expect(ask({ response_format: { type: 'url' } }).delivery.link).toBe('asked');
  });
});

test('a body that is no conversation is told what one is', () => {
  expect(refusalOf(() => parseRequest({ model: 'm' })).message).toMatch(
    /^messages is missing: it must be a list such as/,
  );
});

test('what stands beside a search or in reasoning and is not read is told', () => {
  const { delivery } = ask({
    tools: [{ type: 'google_search', google_search: {}, filters: { allowed_domains: ['a.example'] } }],
    reasoning: { effort: 'high', summary: 'auto' },
  });
  expect(delivery.warnings).toEqual([
    "Google's search has no such setting: tools[0].filters.",
    'Of reasoning only effort, max_tokens, exclude and enabled are read.',
  ]);
});
