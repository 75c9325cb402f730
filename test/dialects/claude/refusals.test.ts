import { expect, test } from 'vitest';
import { parseRequest } from '../../../src/dialects/claude/request.ts';
import type { Json, JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { refusalOf } from '../draws.ts';

const messages = [{ role: 'user', content: 'a fox' }];
const says = (content: Json, role: Json = 'user'): JsonObject => ({ messages: [{ role, content }] });
const block = (block: Json): JsonObject => says([block]);
const BLOCK = 'messages[0].content[0]';
const source = (source: Json, type = 'image'): JsonObject => block({ type, source });
const SOURCE = `${BLOCK}.source`;
const bytes = { type: 'base64', media_type: 'image/png', data: 'AAAA' };

const cases: [JsonObject, string, string?][] = [
  [{ messages: null }, 'messages', 'missing_required_parameter'],
  [{ messages: [] }, 'messages'],
  [{ messages: 'a fox' }, 'messages'],
  [{ messages: Array.from({ length: 5000 }, () => messages[0]!) }, 'messages'],
  [
    { messages: [{ role: 'user', content: Array.from({ length: 5000 }, () => ({ type: 'text', text: 'x' })) }] },
    'messages',
  ],
  [{ messages: ['a fox'] }, 'messages[0]'],
  [says('a fox', 'tool'), 'messages[0].role'],
  [says('a fox', null), 'messages[0].role'],
  [says(null), 'messages[0].content', 'missing_required_parameter'],
  [says(5), 'messages[0].content'],
  [says([]), 'messages'],
  [says(''), 'messages'],
  [says(LongString.fromText('x'.repeat(3 << 20))), 'messages[0].content'],
  [block('a fox'), BLOCK],
  [block({ text: 'a fox' }), `${BLOCK}.type`],
  [block({ type: 'video' }), `${BLOCK}.type`],
  [block({ type: 'container_upload', file_id: 'f' }), `${BLOCK}.type`],
  [block({ type: 'text' }), `${BLOCK}.text`, 'missing_required_parameter'],
  [block({ type: 'text', text: 5 }), `${BLOCK}.text`],
  [block({ type: 'image' }), SOURCE, 'missing_required_parameter'],
  [source('x'), SOURCE],
  [source({ ...bytes, type: 'inline' }), `${SOURCE}.type`],
  [source({ ...bytes, data: null }), `${SOURCE}.data`, 'missing_required_parameter'],
  [source({ ...bytes, data: '' }), `${SOURCE}.data`],
  [source({ ...bytes, media_type: null }), `${SOURCE}.media_type`],
  [source({ ...bytes, media_type: 'video/mp4' }), `${SOURCE}.media_type`],
  [source({ type: 'url', url: 'gs://example/x.png' }), SOURCE, 'unsupported_value'],
  [source({ type: 'url', url: 'http://169.254.169.254/' }, 'document'), SOURCE, 'unsupported_value'],
  [source({ type: 'url' }), `${SOURCE}.url`, 'missing_required_parameter'],
  [source({ type: 'file', file_id: 1 }), `${SOURCE}.file_id`],
  [source({ type: 'file' }, 'document'), `${SOURCE}.file_id`],
  [source(bytes, 'document'), `${SOURCE}.media_type`],
  [
    block({
      type: 'tool_result',
      tool_use_id: 't',
      content: [{ type: 'image', source: { type: 'url', url: 'file:///x' } }],
    }),
    `${BLOCK}.content[0].source`,
    'unsupported_value',
  ],
  [{ system: 5 }, 'system'],
  [{ system: [{ type: 'image', source: bytes }] }, 'system[0]', 'unsupported_value'],
  [says([{ type: 'image', source: bytes }], 'system'), 'messages[0].content[0]', 'unsupported_value'],
  [{ model: '' }, 'model'],
  [{ model: 5 }, 'model'],
  ...[0, -1, 1.5, '1024', true].map((max_tokens): [JsonObject, string] => [{ max_tokens }, 'max_tokens']),
  [{ stream: 'yes' }, 'stream'],
  [{ temperature: 3 }, 'temperature'],
  [{ stop_sequences: ['a', 'b', 'c', 'd', 'e', 'f'] }, 'stop_sequences'],
  [{ stop_sequences: [5] }, 'stop_sequences'],
  [{ metadata: 'u' }, 'metadata'],
  [{ metadata: { user_id: 5 } }, 'metadata.user_id'],
  [{ thinking: true }, 'thinking'],
  [{ thinking: { type: 'on' } }, 'thinking.type'],
  [{ thinking: { type: 'enabled' } }, 'thinking.budget_tokens'],
  [{ thinking: { type: 'enabled', budget_tokens: 1000 } }, 'thinking.budget_tokens'],
  [{ thinking: { type: 'adaptive', display: 'all' } }, 'thinking.display'],
  [
    { thinking: { type: 'adaptive' }, thinking_config: { include_thoughts: false } },
    'thinking',
    'conflicting_parameters',
  ],
  [{ output_config: { effort: 'none' } }, 'output_config.effort'],
  [{ output_config: { format: { type: 'json_schema' } } }, 'output_config.format', 'unsupported_value'],
  [{ service_tier: 'priority' }, 'service_tier', 'unsupported_value'],
  [{ inference_geo: 'us' }, 'inference_geo', 'unsupported_value'],
  [{ tools: {} }, 'tools'],
  [{ tools: ['web_search'] }, 'tools[0]'],
  [
    { tools: [{ type: 'web_search_20250305', name: 'web_search', allowed_domains: ['example.org'] }] },
    'tools[0].allowed_domains',
    'unsupported_parameter',
  ],
  [{ tool_choice: { type: 'any' } }, 'tool_choice', 'unsupported_value'],
  [{ tool_choice: { type: 'tool', name: 'f' } }, 'tool_choice', 'unsupported_value'],
  [{ tool_choice: 'auto' }, 'tool_choice'],
  [{ n: 2 }, 'n', 'unsupported_value'],
  [{ modalities: ['text'] }, 'modalities', 'unsupported_value'],
  [{ background: 'transparent' }, 'background', 'unsupported_value'],
  [{ aspect_ratio: '9:21' }, 'aspect_ratio'],
  [{ google: { image_size: '8K' } }, 'google.image_size'],
  [{ aspect_ratio: '16:9', extra_body: { aspect_ratio: '1:1' } }, 'extra_body.aspect_ratio', 'conflicting_parameters'],
  [{ prompt: 'a fox' }, 'prompt', 'unsupported_parameter'],
  [{ image: 'data:' }, 'image', 'unsupported_parameter'],
  [{ mask: 'data:' }, 'mask', 'unsupported_parameter'],
  [{ contents: [] }, 'contents', 'unsupported_parameter'],
  [{ aspect_ratoi: '1:1' }, 'aspect_ratoi', 'unknown_parameter'],
];

test.each(cases)('%# %j names %s', (fields, param, code = 'invalid_value') => {
  const { detail, status, message } = refusalOf(() =>
    parseRequest({ model: 'm', max_tokens: 1024, messages, ...fields }),
  );
  expect({ status, param: detail.param, code: detail.code }).toEqual({ status: 400, param, code });
  expect(message).toContain(param);
});
