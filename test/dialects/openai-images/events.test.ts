import { expect, test } from 'vitest';
import { renderEvents } from '../../../src/dialects/openai-images/events.ts';
import { parseRequest } from '../../../src/dialects/openai-images/request.ts';
import { gemini } from '../../../src/dialects/gemini/dialect.ts';
import type { Delivered } from '../../../src/dialects/dialect.ts';
import { GatewayError } from '../../../src/errors.ts';
import type { Picture } from '../../../src/image/answer.ts';
import { LongString } from '../../../src/wire/long-string.ts';
import { flash, imagesCall } from '../draws.ts';

const data = LongString.fromText('/9j/4AAQ'.repeat(1000));

const pictureOf = (type: 'jpeg' | 'webp', width: number, height: number): Picture => ({
  data,
  info: { type, mimeType: `image/${type}`, width, height, byteLength: 6000, hasProvenance: true },
});

function delivered(picture: Picture, tokens: number): Delivered {
  const answer = gemini.parseAnswer({
    candidates: [{ content: { parts: [{ inlineData: { mimeType: 'image/jpeg', data } }] }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 5, candidatesTokenCount: tokens, totalTokenCount: 5 + tokens },
  });
  const drawn = {
    answer,
    picture: pictureOf('jpeg', picture.info.width, picture.info.height),
    model: flash.id,
    upstream: 'u',
    upstreamModel: flash.id,
    costNanos: 1,
    drawnAt: 1_790_000_000_999,
    drawMs: 5,
  };
  return { drawn, picture };
}

const stream = (over: Record<string, unknown> = {}, prefix: 'image_generation' | 'image_edit' = 'image_generation') =>
  renderEvents(prefix, parseRequest({ prompt: 'x', stream: true, partial_images: 3, ...over }), imagesCall);

test('a draft is a partial image with a number of its own and all the schema asks for', () => {
  const events = stream();
  expect(events.begin()).toEqual([]);
  const told = [pictureOf('jpeg', 512, 512), pictureOf('webp', 1376, 768)].flatMap((each) => events.draft(each));
  expect(told).toEqual([
    {
      name: 'image_generation.partial_image',
      data: {
        type: 'image_generation.partial_image',
        b64_json: data,
        partial_image_index: 0,
        created_at: 1_790_000_000,
        size: '512x512',
        quality: 'low',
        background: 'opaque',
        output_format: 'jpeg',
      },
    },
    {
      name: 'image_generation.partial_image',
      data: expect.objectContaining({
        partial_image_index: 1,
        size: '1376x768',
        quality: 'medium',
        output_format: 'webp',
      }),
    },
  ]);
});

test('each picture is completed with its own usage, and the last with what all of them cost', () => {
  const events = stream({ n: 2, safety_identifier: 'user-17' }, 'image_edit');
  const told = events.finish(
    [delivered(pictureOf('webp', 1024, 1024), 1120), delivered(pictureOf('jpeg', 512, 512), 747)],
    250_000_000,
  );
  expect(told.map(({ name }) => name)).toEqual(['image_edit.completed', 'image_edit.completed']);
  expect(told[0]!.data).toEqual({
    type: 'image_edit.completed',
    b64_json: data,
    created_at: 1_790_000_000,
    size: '1024x1024',
    quality: 'medium',
    background: 'opaque',
    output_format: 'webp',
    model: flash.id,
    safety_identifier: 'user-17',
    usage: {
      total_tokens: 1125,
      input_tokens: 5,
      output_tokens: 1120,
      input_tokens_details: { text_tokens: 5, image_tokens: 0 },
      output_tokens_details: { text_tokens: 0, image_tokens: 1120 },
    },
  });
  expect(told[1]!.data).toMatchObject({ size: '512x512', usage: { total_tokens: 752, cost: 0.25 } });
});

test('a failure is an error event with the envelope of any other', () => {
  const failure = new GatewayError('upstream_failed', 'It broke off.', { code: 'upstream_bad_response' });
  expect(stream().fail(failure)).toEqual([
    {
      name: 'error',
      data: {
        type: 'error',
        error: { type: 'server_error', code: 'upstream_bad_response', message: 'It broke off.', param: null },
      },
    },
  ]);
});

test.each([
  [{ stream: true }, { drafts: 0 }],
  [{ stream: true, partial_images: 2 }, { drafts: 2 }],
  [{ stream: false, partial_images: 0 }, null],
  [{ stream: null, partial_images: null }, null],
])('%j asks for %j', (fields, expected) => {
  expect(parseRequest({ prompt: 'x', ...fields }).delivery.stream).toEqual(expected);
});
