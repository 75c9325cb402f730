import { beforeAll, describe, expect, test } from 'vitest';
import { parseEdit, parseRequest, parseVariation } from '../../../src/dialects/openai-images/request.ts';
import { checkParts } from '../../../src/image/limits.ts';
import type { PicturePart } from '../../../src/image/request.ts';
import { resolveShape } from '../../../src/image/size.ts';
import type { Json, JsonObject } from '../../../src/wire/json.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { samples } from '../../image/samples.ts';
import type { Sample } from '../../image/samples.ts';
import { flash, refusalOf } from '../draws.ts';

let all: ReadonlyMap<string, Sample>;
let png = '';
beforeAll(async () => {
  all = await samples();
  png = all.get('png')!.bytes.toString('base64');
});

const PNG_HEAD = 'iVBORw0KGgoAAAA';
const parse = (fields: JsonObject) => parseEdit({ prompt: 'a hat', ...fields });
const picturesOf = (request: ReturnType<typeof parse>): readonly PicturePart[] =>
  request.turns.flatMap(({ parts }) => parts.filter((part) => part.kind === 'picture'));
const dataUrl = (base64: string, type = 'image/png') => `data:${type};base64,${base64}`;

describe('an edit', () => {
  test('is its prompt, then its pictures in their order, and leaves the shape to the first of them', () => {
    const jpeg = all.get('jpeg')!.bytes.toString('base64');
    const request = parse({ images: [{ image_url: dataUrl(png) }, { image_url: dataUrl(jpeg, 'image/png') }] });
    const more = { thought: false, signature: null, more: {} };
    expect(request.turns).toEqual([
      {
        role: 'user',
        parts: [
          { kind: 'text', text: 'a hat', ...more },
          { kind: 'picture', data: png, mimeType: 'image/png', named: 'images[0].image_url', ...more },
          // What the bytes are, whatever they were called.
          { kind: 'picture', data: jpeg, mimeType: 'image/jpeg', named: 'images[1].image_url', ...more },
        ],
        more: {},
      },
    ]);
    expect(request).toMatchObject({ modalities: ['IMAGE'], shape: { ratio: null, tier: null, pixels: null } });
  });

  test.each<[string, (base64: string) => Json]>([
    ['image: a data URL', (base64) => ({ image: dataUrl(base64) })],
    ['image: bare base64', (base64) => ({ image: base64 })],
    ['image: a list of both', (base64) => ({ image: [base64] })],
    ['image: an object', (base64) => ({ image: { image_url: dataUrl(base64) } })],
    ['images: a list of data URLs', (base64) => ({ images: [dataUrl(base64)] })],
    ['images: one', (base64) => ({ images: { image_url: dataUrl(base64) } })],
    ['an octet stream', (base64) => ({ images: [{ image_url: dataUrl(base64, 'application/octet-stream') }] })],
    [
      'null beside it',
      (base64) => ({ images: [{ image_url: dataUrl(base64), file_id: null }], image: null, mask: null }),
    ],
  ])('takes %s', (_what, fields) => {
    expect(picturesOf(parse(fields(png) as JsonObject))).toMatchObject([{ data: png, mimeType: 'image/png' }]);
  });

  test('knows every type it takes by its bytes, in either alphabet, escaped or not', () => {
    for (const { bytes, type } of all.values())
      for (const data of [
        bytes.toString('base64'),
        bytes.toString('base64url'),
        LongString.fromText(bytes.toString('base64')),
        LongString.fromJson([Buffer.from(bytes.toString('base64').replaceAll('/', '\\/'))], true),
        LongString.fromJson([Buffer.from(bytes.toString('base64').replaceAll('+', '\\u002b'))], true),
      ])
        expect(picturesOf(parse({ image: data }))).toMatchObject([{ mimeType: `image/${type}` }]);
  });

  test('an address is a picture that has still to be fetched', () => {
    const first = 'https://x.example/a.png';
    const second = 'HTTP://x.example/b.png';
    expect(picturesOf(parse({ images: [{ image_url: first }] }))).toMatchObject([
      { data: '', remote: first, named: 'images[0].image_url' },
    ]);
    expect(picturesOf(parse({ image: second }))).toMatchObject([{ data: '', remote: second, named: 'image' }]);
  });

  test.each<[string, JsonObject, string, RegExp]>([
    ['nothing', {}, 'image', /image is missing/],
    ['an empty list', { images: [] }, 'images', /images is missing/],
    ['an empty picture', { image: '' }, 'image', /image is empty/],
    ['a data URL of nothing', { image: ['data:image/png;base64,'] }, 'image[0]', /is empty/],
    ['what is no picture', { image: [Buffer.from('%PDF-1.7').toString('base64')] }, 'image[0]', /is no picture/],
    ['text', { image: 'a fox' }, 'image', /is no picture/],
    ['a number', { image: 5 }, 'image', /must be an object/],
    ['a bucket', { image: 'gs://b/a.png' }, 'image', /not fetched/],
    ['a file that is named by a number', { images: [{ file_id: 1 }] }, 'images[0].file_id', /the id of a file/],
    ['a file and a URL', { images: [{ file_id: 'f', image_url: 'data:' }] }, 'images[0].file_id', /different things/],
    ['neither', { images: [{}] }, 'images[0].image_url', /data URL/],
    ['bare base64 as a URL', { images: [{ image_url: 'iVBORw0KGgo' }] }, 'images[0].image_url', /data URL/],
    ['a data URL of text', { image: 'data:image/png,abc' }, 'image', /data URL/],
    ['another member', { images: [{ image_url: 'data:', detail: 'high' }] }, 'images[0].detail', /left out/],
    ['a mask that is no PNG', { image: PNG_HEAD, mask: '/9j/4AAQSkZJRg' }, 'mask', /PNG with transparent/],
    ['a mask of nothing', { image: PNG_HEAD, mask: '' }, 'mask', /is empty/],
    [
      'a ratio with a mask',
      { image: PNG_HEAD, mask: PNG_HEAD, aspect_ratio: '16:9' },
      'aspect_ratio',
      /keeps the shape/,
    ],
    [
      'pixels exactly with a mask',
      { image: PNG_HEAD, mask: PNG_HEAD, fit: 'exact', size: '99x99' },
      'fit',
      /has the pixels/,
    ],
    ['a markup', { image: PNG_HEAD, markup: PNG_HEAD }, 'markup', /No Gemini model|no Gemini model/],
    ['no prompt', { image: PNG_HEAD, prompt: null }, 'prompt', /missing/],
  ])('of %s is a 400 naming the field', (_what, fields, param, words) => {
    const error = refusalOf(() => parse(fields));
    expect(error).toMatchObject({ detail: { param } });
    expect(error.message).toMatch(words);
  });

  test('of image and images is a 400: they are two names of one thing', () => {
    expect(refusalOf(() => parse({ image: png, images: [{ image_url: dataUrl(png) }] }))).toMatchObject({
      detail: { code: 'conflicting_parameters', param: 'images' },
    });
  });

  test('has no more pictures than OpenAI takes, and no more than the model reads', () => {
    const many = (count: number) => parse({ image: Array.from({ length: count }, () => png) });
    expect(refusalOf(() => many(17))).toMatchObject({ detail: { param: 'image', code: 'too_many_images' } });
    expect(refusalOf(() => checkParts(many(16), flash))).toMatchObject({
      detail: { param: 'image[15]', code: 'too_many_images' },
    });
    checkParts(many(14), flash);
  });

  test('of a type the model cannot read names the field', () => {
    const request = parse({ image: [png, all.get('avif')!.bytes.toString('base64')] });
    expect(refusalOf(() => checkParts(request, flash))).toMatchObject({ detail: { param: 'image[1]' } });
  });

  test('with a mask sends it up as the last picture, and keeps the shape of the first whatever size is asked for', () => {
    const request = parse({
      images: [{ image_url: dataUrl(png) }],
      mask: { image_url: dataUrl(png) },
      size: '1920x1080',
    });
    const [prompt, picture, mask, words, ...others] = request.turns[0]!.parts;
    expect([prompt, picture, mask]).toMatchObject([
      { text: 'a hat' },
      { data: png, named: 'images[0].image_url' },
      { data: png, named: 'mask.image_url' },
    ]);
    expect(words).toMatchObject({ kind: 'text', text: expect.stringMatching(/only where the mask is transparent/) });
    expect(others).toEqual([]);
    expect(resolveShape(request.shape, flash)).toEqual({ ratio: null, tier: '2K' });
    expect(request.delivery).toMatchObject({
      masked: { picture, mask },
      warnings: [/how finely/].map((words) => expect.stringMatching(words)),
    });
  });

  test('takes what a generation takes', () => {
    const request = parse({
      image: png,
      n: 2,
      size: '1536x1024',
      quality: 'high',
      output_format: 'webp',
      output_compression: 50,
      response_format: 'url',
      background: 'opaque',
      user: 'u',
      safety_identifier: 's',
      seed: 5,
      input_fidelity: 'high',
    });
    expect(request).toMatchObject({
      count: 2,
      seed: 5,
      user: 's',
      shape: { pixels: { width: 1536, height: 1024 }, quality: 'high' },
      delivery: { format: 'webp', compression: 50, link: 'asked', warnings: ['input_fidelity is not honoured.'] },
    });
    expect(refusalOf(() => parse({ image: png, background: 'transparent' }))).toMatchObject({
      detail: { param: 'background' },
    });
  });
});

describe('a variation', () => {
  test('is one picture with words of our own', () => {
    const request = parseVariation({ image: [png], n: 3, size: '512x512', response_format: 'b64_json', user: 'u' });
    const [text, picture, ...others] = request.turns[0]!.parts;
    expect(text).toMatchObject({ kind: 'text', text: expect.stringMatching(/another version/) });
    expect(picture).toMatchObject({ kind: 'picture', mimeType: 'image/png' });
    expect(others).toEqual([]);
    expect(request).toMatchObject({ count: 3, user: 'u', shape: { pixels: { width: 512, height: 512 } } });
  });

  test.each<[JsonObject, string]>([
    [{}, 'image'],
    [{ image: PNG_HEAD, prompt: 'x' }, 'prompt'],
    [{ image: [PNG_HEAD, PNG_HEAD] }, 'image'],
    [{ image: PNG_HEAD, mask: 'x' }, 'mask'],
  ])('%j is a 400 naming %s', (fields, param) => {
    expect(refusalOf(() => parseVariation(fields))).toMatchObject({ detail: { param } });
  });
});

describe('fit', () => {
  test('exact asks for the pixels of size, and changes nothing of what is drawn', () => {
    const { delivery: exactly, ...fitted } = parseRequest({ prompt: 'x', size: '1200x630', fit: 'exact' });
    const { delivery, ...plain } = parseRequest({ prompt: 'x', size: '1200x630' });
    expect(exactly).toEqual({ ...delivery, exact: { width: 1200, height: 630 } });
    expect(fitted).toEqual(plain);
  });

  test.each<[JsonObject, RegExp]>([
    [{ fit: 'exact' }, /needs the pixels/],
    [{ fit: 'exact', size: 'auto' }, /needs the pixels/],
    [{ fit: 'exact', size: '16:9' }, /needs the pixels/],
    [{ fit: 'exact', size: '16000x16000' }, /at most/],
    [{ fit: 'cover', size: '1200x630' }, /one of exact/],
  ])('%j is a 400 naming fit', (fields, words) => {
    const error = refusalOf(() => parseRequest({ prompt: 'x', ...fields }));
    expect(error).toMatchObject({ detail: { param: 'fit' } });
    expect(error.message).toMatch(words);
  });
});
