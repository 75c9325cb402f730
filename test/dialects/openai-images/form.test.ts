import { describe, expect, test } from 'vitest';
import { fromForm } from '../../../src/dialects/openai-images/form.ts';
import type { FormPart } from '../../../src/wire/form.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { refusalOf } from '../draws.ts';

const text = (name: string, value: string): FormPart => ({ kind: 'text', name, text: value });
const file = (name: string, base64 = 'iVBORw0KGgo=', fileName = 'a.png'): FormPart => ({
  kind: 'file',
  name,
  fileName,
  data: LongString.fromText(base64),
  byteLength: Buffer.from(base64, 'base64').length,
});
const told = (...parts: FormPart[]): JsonObject => {
  const spelt = (value: unknown): unknown => {
    if (value instanceof LongString) return `<${value.text()}>`;
    if (Array.isArray(value)) return value.map(spelt);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, spelt(member)]));
  };
  return spelt(fromForm(parts)) as JsonObject;
};

describe('a form as JSON', () => {
  test.each<[string, string, unknown]>([
    ['prompt', '42', '42'],
    ['prompt', 'null', 'null'],
    ['prompt', '{"a":1}', '{"a":1}'],
    ['model', 'null', null],
    ['size', '512', '512'],
    ['user', '007', '007'],
    ['n', '2', 2],
    ['n', 'two', 'two'],
    ['n', '', ''],
    ['n', '1e3', '1e3'],
    ['seed', '-5', -5],
    ['seed', '007', '007'],
    ['temperature', '0.5', 0.5],
    ['stream', 'true', true],
    ['stream', 'False', false],
    ['partial_images', 'null', null],
    ['aspect_ratio', '16:9', '16:9'],
    ['image_size', '2K', '2K'],
    ['image_config', '{"image_size":"2K"}', { image_size: '2K' }],
    ['tools', '[{"google_search":{}}]', [{ google_search: {} }]],
    ['modalities', '["image"]', ['image']],
    ['modalities', 'image', 'image'],
  ])('%s=%s', (name, value, expected) => {
    expect(told(text(name, value))).toEqual({ [name]: expected });
  });

  test.each<[string, readonly FormPart[], unknown]>([
    ['one file', [file('image')], { image: '<iVBORw0KGgo=>' }],
    ['a list of one', [file('image[]')], { image: ['<iVBORw0KGgo=>'] }],
    ['a name twice', [file('image', 'AAAA'), file('image', 'BBBB')], { image: ['<AAAA>', '<BBBB>'] }],
    ['a name and brackets', [file('image', 'AAAA'), file('image[]', 'BBBB')], { image: ['<AAAA>', '<BBBB>'] }],
    ['brackets and a name', [file('image[]', 'AAAA'), file('image', 'BBBB')], { image: ['<AAAA>', '<BBBB>'] }],
    ['indexes in any order', [file('image[1]', 'BBBB'), file('image[0]', 'AAAA')], { image: ['<AAAA>', '<BBBB>'] }],
    ['an input left empty', [file('image', 'AAAA'), file('mask', '', '')], { image: '<AAAA>' }],
    [
      'names with brackets',
      [text('image_config[aspect_ratio]', '16:9'), text('image_config[image_size]', '512')],
      {
        image_config: { aspect_ratio: '16:9', image_size: 512 },
      },
    ],
    [
      'a list of objects',
      [
        text('safety_settings[][category]', 'A'),
        text('safety_settings[][threshold]', 'B'),
        text('safety_settings[][category]', 'C'),
      ],
      {
        safety_settings: [{ category: 'A', threshold: 'B' }, { category: 'C' }],
      },
    ],
    [
      'depth',
      [text('extra_body[google][thinking_config][include_thoughts]', 'true')],
      {
        extra_body: { google: { thinking_config: { include_thoughts: true } } },
      },
    ],
    ['a list of words', [text('modalities[]', 'image')], { modalities: ['image'] }],
  ])('%s', (_what, parts, expected) => {
    expect(told(...parts)).toEqual(expected);
  });

  test('a name of every object is a name like any other', () => {
    const body = fromForm([text('__proto__', 'x'), text('a[__proto__][b]', 'y'), text('constructor', 'z')]);
    expect(Object.keys(body)).toEqual(['__proto__', 'a', 'constructor']);
    expect(Object.keys(body.a as JsonObject)).toEqual(['__proto__']);
    expect({}).not.toHaveProperty('b');
  });

  test.each<[string, readonly FormPart[], string, RegExp]>([
    ['a scalar twice', [text('prompt', 'a'), text('prompt', 'b')], 'prompt', /given twice/],
    ['a scalar twice alike', [text('n', '1'), text('n', '1')], 'n', /given twice/],
    ['an index twice', [file('image[0]'), file('image[0]')], 'image[0]', /given twice/],
    ['a mask twice', [file('mask'), file('mask')], 'mask', /given twice/],
    ['two spellings', [text('image_config', '{}'), text('image_config[a]', '1')], 'image_config[a]', /two spellings/],
    ['the other way round', [text('image_config[a]', '1'), text('image_config', '{}')], 'image_config', /given twice/],
    ['a file for a word', [file('prompt')], 'prompt', /text, not a file/],
    ['a file inside', [file('extra_body[x]')], 'extra_body[x]', /text, not a file/],
    ['half of JSON', [text('image_config', '{"a":')], 'image_config', /must be JSON.*byte/],
    ['JSON that says a name twice', [text('tools', '[{"a":1,"a":2}]')], 'tools', /must be JSON/],
    ['depth', [text(`a${'[b]'.repeat(9)}`, 'x')], `a${'[b]'.repeat(9)}`, /nests deeper/],
  ])('%s is a 400 naming the field', (_what, parts, param, words) => {
    const error = refusalOf(() => fromForm(parts));
    expect(error).toMatchObject({ failure: 'invalid_request', detail: { param } });
    expect(error.message).toMatch(words);
  });
});
