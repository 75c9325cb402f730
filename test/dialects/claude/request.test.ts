import { describe, expect, test } from 'vitest';
import { parseRequest as parseClaude } from '../../../src/dialects/claude/request.ts';
import { parseRequest as parseNative } from '../../../src/dialects/gemini/request.ts';
import { ASPECT_RATIOS, nominalPixels, resolveShape, TIERS } from '../../../src/image/size.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { drawOf, flash, geminiCall, textTurn } from '../draws.ts';

const messages = [{ role: 'user', content: 'a fox' }];
const parse = (fields: JsonObject) => parseClaude({ model: flash.id, max_tokens: 64_000, messages, ...fields });
const content = (...blocks: JsonObject[]) => parse({ messages: [{ role: 'user', content: blocks }] });
const partsOf = (...blocks: JsonObject[]) => content(...blocks).turns[0]!.parts;
const text = (text: string) => ({ kind: 'text', text, thought: false, signature: null, more: {} });
const picture = (data: unknown, mimeType = 'image/png') => ({
  kind: 'picture',
  data,
  mimeType,
  thought: false,
  signature: null,
  more: {},
});
const image = (data: LongString | string = 'AAAA', media_type = 'image/png'): JsonObject => ({
  type: 'image',
  source: { type: 'base64', media_type, data },
});

describe('what a message says', () => {
  test('a string and a list of blocks are the same', () => {
    const { places, ...rest } = parse({});
    expect(content({ type: 'text', text: 'a fox', citations: null })).toMatchObject(rest);
    expect(places?.get('contents[0].parts[0]')).toBe('messages[0].content');
    expect(parse({})).toMatchObject({
      count: 1,
      modalities: ['IMAGE', 'TEXT'],
      delivery: { warnings: [], stream: null },
    });
  });

  test('a long picture stays the view that came', () => {
    const data = LongString.fromText('iVBORw0K'.repeat(2000));
    const [part] = partsOf(image(data));
    expect(part).toMatchObject({ kind: 'picture', mimeType: 'image/png' });
    expect(part?.kind === 'picture' && part.data).toBe(data);
  });

  test.each<[string, JsonObject, readonly unknown[]]>([
    ['a type in capitals', image('AAAA', 'IMAGE/JPG'), [picture('AAAA', 'image/jpeg')]],
    ['a data URL as data', image('data:image/webp;base64,BBBB'), [picture('BBBB', 'image/webp')]],
    [
      'a data URL as url',
      { type: 'image', source: { type: 'url', url: 'data:image/webp;base64,BBBB' } },
      [picture('BBBB', 'image/webp')],
    ],
    [
      'a picture in Markdown',
      { type: 'text', text: 'as ![x](data:image/png;base64,AAAA)' },
      [text('as'), picture('AAAA')],
    ],
    ['what a tool said', { type: 'tool_result', tool_use_id: 't', content: 'done' }, [text('done')]],
    [
      'what a tool showed',
      { type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'done' }, image()] },
      [text('done'), picture('AAAA')],
    ],
    [
      'a PDF',
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' } },
      [picture('AAAA', 'application/pdf')],
    ],
    [
      'a document of text',
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'so' } },
      [text('so')],
    ],
    [
      'a document of blocks',
      { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'so' }, image()] } },
      [text('so'), picture('AAAA')],
    ],
    [
      'a price for caching what is read',
      { ...image(), cache_control: { type: 'ephemeral' }, transformations: null },
      [picture('AAAA')],
    ],
  ])('%s', (_, block, parts) => {
    const request = content(block);
    expect(request.turns[0]!.parts).toEqual(parts);
    expect(request.delivery.warnings).toEqual([]);
  });

  test('what is not passed on is told by its place', () => {
    const { delivery, turns } = parse({
      messages: [
        { role: 'user', content: [{ ...image(), transformations: { downscale: 'never' } }] },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 't', name: 'f', input: {} },
            { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
            { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't', is_error: true, content: 'no' },
            {
              type: 'search_result',
              source: 'x',
              title: 'y',
              content: [{ type: 'text', text: 'found' }],
              citations: { enabled: true },
            },
          ],
        },
      ],
    });
    expect(turns).toEqual([{ role: 'user', parts: [picture('AAAA'), text('no'), text('found')], more: {} }]);
    expect(delivery.warnings).toEqual([
      'Not passed on to the model: messages[0].content[0].transformations, messages[1].content[0], ' +
        'messages[1].content[1], messages[1].content[2], messages[2].content[0].is_error, ' +
        'messages[2].content[1].source, messages[2].content[1].title, messages[2].content[1].citations.',
    ]);
  });
});

describe('a conversation', () => {
  test('an answer of ours that is sent back is the model’s turn, without its thoughts and without a warning', () => {
    const answer = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: flash.id,
      content: [
        { type: 'thinking', thinking: 'Let me see.', signature: '' },
        { type: 'redacted_thinking', data: 'x' },
        { type: 'text', text: 'Here:', citations: null },
        image('BBBB', 'image/jpeg'),
      ],
      stop_reason: 'end_turn',
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: { input_tokens: 1, output_tokens: 2 },
      grounding: { webSearchQueries: [] },
    };
    const { turns, delivery } = parse({ messages: [...messages, answer, { role: 'user', content: 'in winter' }] });
    expect(turns).toEqual([
      { role: 'user', parts: [text('a fox')], more: {} },
      { role: 'model', parts: [text('Here:'), picture('BBBB', 'image/jpeg')], more: {} },
      { role: 'user', parts: [text('in winter')], more: {} },
    ]);
    expect(delivery.warnings).toEqual([]);
  });

  test('turns of one speaker that follow one another are one, and those that say nothing are none', () => {
    const { turns } = parse({
      messages: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: [] },
        { role: 'user', content: [{ type: 'text', text: 'two' }] },
      ],
    });
    expect(turns).toEqual([{ role: 'user', parts: [text('one'), text('two')], more: {} }]);
  });

  test('instructions may be a string, blocks, and messages of their own', () => {
    expect(parse({ system: 'be brief' }).system).toEqual({ role: 'user', parts: [text('be brief')], more: {} });
    const blocks = [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }];
    const both = parse({ system: blocks, messages: [...messages, { role: 'system', content: 'be kind' }] });
    expect(both.system?.parts).toEqual([text('be brief'), text('be kind')]);
    expect(parse({ system: '' }).system).toBeNull();
  });
});

describe('settings', () => {
  const native = (fields: JsonObject, config: JsonObject = {}) =>
    drawOf(
      parseNative(
        {
          contents: [textTurn('a fox')],
          generationConfig: { responseModalities: ['TEXT', 'IMAGE'], ...config },
          ...fields,
        },
        geminiCall,
      ),
    );

  test.each<[JsonObject, JsonObject, JsonObject?]>([
    [{}, {}],
    [
      { temperature: 0, top_p: 0.5, top_k: 40, seed: 7 },
      { temperature: 0, topP: 0.5, topK: 40, seed: 7 },
    ],
    [{ stop_sequences: ['END', ''] }, { stopSequences: ['END'] }],
    [{ stop_sequences: [] }, {}],
    [{ max_tokens: 9000 }, { maxOutputTokens: 9000 }],
    [{ max_tokens: 1024 }, {}],
    [{ max_tokens: null }, {}],
    [
      { thinking: { type: 'enabled', budget_tokens: 2048 } },
      { thinkingConfig: { thinkingBudget: 2048, includeThoughts: true } },
    ],
    [
      { thinking: { type: 'enabled', budget_tokens: 2048, display: 'omitted' } },
      { thinkingConfig: { thinkingBudget: 2048 } },
    ],
    [{ thinking: { type: 'adaptive' } }, { thinkingConfig: { includeThoughts: true } }],
    [{ thinking: { type: 'adaptive', display: 'omitted' } }, {}],
    [
      { thinking: { type: 'adaptive' }, thinking_config: { thinking_level: 'high' } },
      { thinkingConfig: { includeThoughts: true, thinkingLevel: 'HIGH' } },
    ],
    [{ modalities: ['image'] }, { responseModalities: ['IMAGE'] }],
    [
      { image_config: { aspect_ratio: '16:9', image_size: '2K' } },
      { imageConfig: { aspectRatio: '16:9', imageSize: '2K' } },
    ],
    [{ size: '1920x1080' }, { imageConfig: { aspectRatio: '16:9', imageSize: '2K' } }],
    [{ quality: 'low' }, { imageConfig: { imageSize: '512' } }],
    [{ extra_body: { google: { image_size: '4K', newest: 1 } } }, { imageConfig: { imageSize: '4K' }, newest: 1 }],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, {}, { tools: [{ googleSearch: {} }] }],
    [
      {
        tools: [{ type: 'web_search_20260318', name: 'web_search', allowed_domains: null, blocked_domains: [] }],
        tool_choice: { type: 'tool', name: 'web_search' },
      },
      {},
      { tools: [{ googleSearch: {} }] },
    ],
    [
      { tools: [{ google_search: { search_types: { image_search: {} } } }] },
      {},
      { tools: [{ googleSearch: { searchTypes: { imageSearch: {} } } }] },
    ],
    [{ google: { tools: [{ google_search: {} }] } }, {}, { tools: [{ googleSearch: {} }] }],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }], tool_choice: { type: 'none' } }, {}],
    [{ tools: [] }, {}],
    [
      { safety_settings: [{ category: 'A', threshold: 'block_none' }] },
      {},
      { safetySettings: [{ category: 'A', threshold: 'BLOCK_NONE' }] },
    ],
    [{ service_tier: 'standard_only', inference_geo: 'global', speed: 'standard', cache_control: { type: 'e' } }, {}],
    [{ service_tier: 'flex' }, {}, { serviceTier: 'flex' }],
    [{ metadata: { user_id: 'u' }, context_management: {}, mcp_servers: [], container: null }, {}],
  ])('%j is %j natively, and %j', (fields, config, request = {}) => {
    expect(drawOf(parse(fields))).toEqual(native(request, config));
  });

  test('all fourteen ratios are drawn in all four sizes', () => {
    for (const aspect_ratio of ASPECT_RATIOS)
      for (const image_size of TIERS) {
        const shape = { ratio: aspect_ratio, tier: image_size };
        expect(resolveShape(parse({ aspect_ratio, image_size }).shape, flash)).toEqual(shape);
        const { width, height } = nominalPixels(aspect_ratio, image_size);
        expect(resolveShape(parse({ size: `${width}x${height}`, image_size }).shape, flash)).toEqual(shape);
      }
  });

  test('the end user is told to the ledger', () => {
    expect(parse({ metadata: { user_id: 'u-17' } }).user).toBe('u-17');
    expect(parse({ metadata: {} }).user).toBeNull();
  });

  test('a stream asks for no drafts, and a format for a rendition', () => {
    expect(parse({ stream: true }).delivery.stream).toEqual({ drafts: 0 });
    expect(parse({ stream: false }).delivery.stream).toBeNull();
    expect(parse({ output_format: 'webp', output_compression: 60 }).delivery).toMatchObject({
      format: 'webp',
      compression: 60,
    });
  });

  test.each<[JsonObject, RegExp]>([
    [{ max_tokens: 1024 }, /^max_tokens is not honoured below 8192/],
    [{ thinking: { type: 'disabled' } }, /^thinking cannot be switched off/],
    [{ output_config: { effort: 'high' } }, /^output_config\.effort is not honoured/],
    [{ tools: [{ name: 'f', input_schema: { type: 'object' } }] }, /^Tools other than search were not offered/],
    [{ tools: [{ type: 'bash_20250124', name: 'bash' }] }, /^Tools other than search were not offered/],
    [
      { tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 3 }] },
      /no such setting: tools\[0\]\.max_uses/,
    ],
    [{ metadata: { user_id: 'u', team: 'x' } }, /^Of metadata only user_id/],
    [{ speed: 'fast' }, /^speed is not honoured/],
    [{ mcp_servers: [{ type: 'url', url: 'https://x', name: 'x' }] }, /^mcp_servers is not honoured/],
    [{ container: 'c_1' }, /^container is not honoured/],
    [{ newest_thing: 1 }, /^Unknown parameters were not honoured: newest_thing/],
  ])('%j is drawn, with a warning', (fields, warning) => {
    expect(parse(fields).delivery.warnings).toEqual([expect.stringMatching(warning)]);
  });

  test('the least effort is what is spent anyway', () => {
    expect(parse({ output_config: { effort: 'low' } }).delivery.warnings).toEqual([]);
  });
});

test('what a source or thinking has that is not read is told', () => {
  const source = { type: 'base64', media_type: 'image/png', data: 'AAAA', crop: 'left', url: null };
  const { delivery } = parse({
    messages: [{ role: 'user', content: [{ type: 'image', source }] }],
    thinking: { type: 'adaptive', depth: 3 },
  });
  expect(delivery.warnings).toEqual([
    'Not passed on to the model: messages[0].content[0].source.crop.',
    'Of thinking only type, budget_tokens and display are read.',
  ]);
});
