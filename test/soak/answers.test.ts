import { beforeAll, describe, expect, test } from 'vitest';
import { judgeAnswer } from './load/answers.ts';
import type { Dialect, Shape } from './load/answers.ts';
import { makeSamples } from './load/samples.ts';

const ID = `req_${'a'.repeat(32)}`;
const HEADERS = { 'x-request-id': ID, 'content-type': 'application/json', 'x-should-retry': 'false' };

let png: string;
beforeAll(async () => {
  png = (await makeSamples()).png.toString('base64');
});

interface Around {
  readonly status?: number;
  readonly dialect?: Dialect;
  readonly headers?: Readonly<Record<string, string>>;
}

const judge = (body: unknown, shape: Shape, { status = 200, dialect = 'openai', headers = {} }: Around = {}) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return judgeAnswer({ status, headers: { ...HEADERS, ...headers }, body: Buffer.from(text) }, dialect, shape, 's1');
};
const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;

describe('a 200', () => {
  test('is a whole picture, in whatever words', async () => {
    const url = `data:image/png;base64,${png}`;
    const inlineData = { mimeType: 'image/png', data: png };
    const whole: readonly (readonly [unknown, Shape])[] = [
      [{ data: [{ b64_json: png }] }, 'images'],
      [{ choices: [{ message: { images: [{ image_url: { url } }] } }] }, 'chat'],
      [{ output: [{ type: 'image_generation_call', result: png }] }, 'responses'],
      [{ content: [{ type: 'image', source: { media_type: 'image/png', data: png } }] }, 'claude'],
      [{ candidates: [{ content: { parts: [{ inlineData }] } }] }, 'gemini'],
      [event({ type: 'image_generation.completed', b64_json: png }), 'images stream'],
      [event({ candidates: [{ content: { parts: [{ inlineData }] }, finishReason: 'STOP' }] }), 'gemini events'],
      [[{ candidates: [{ content: { parts: [{ inlineData }] }, finishReason: 'STOP' }] }], 'gemini array'],
      [
        event({ choices: [{ delta: { images: [{ image_url: { url } }] }, finish_reason: 'stop' }] }) +
          'data: [DONE]\n\n',
        'chat stream',
      ],
      [
        event({ type: 'content_block_start', content_block: { source: { media_type: 'image/png', data: png } } }) +
          event({ type: 'message_stop' }),
        'claude stream',
      ],
      [
        event({
          type: 'response.completed',
          response: { output: [{ type: 'image_generation_call', result: png }], error: null },
        }),
        'responses stream',
      ],
    ];
    for (const [body, shape] of whole)
      expect(await judge(body, shape), shape).toMatchObject({ outcome: 'pictures', pictures: 1, faults: [] });
  });

  test('may be a refusal, where the dialect has words for one, or a failure in a stream that had begun', async () => {
    const refused = { choices: [{ finish_reason: 'content_filter', message: { content: null } }] };
    expect(await judge(refused, 'chat')).toMatchObject({ outcome: 'refusal', faults: [] });
    expect(await judge({ promptFeedback: { blockReason: 'SAFETY' } }, 'gemini')).toMatchObject({ outcome: 'refusal' });
    const failed = event({ type: 'error', error: { message: 'no' } });
    expect(await judge(failed, 'images stream')).toMatchObject({ outcome: 'failure in the stream', faults: [] });
  });

  test.each<[string, (png: string) => unknown, Shape]>([
    ['half a picture', (png) => ({ data: [{ b64_json: png.slice(0, png.length / 2) }] }), 'images'],
    ['no picture', () => ({ data: [] }), 'images'],
    ['no JSON', () => '{"data": [', 'images'],
    ['half an event', (png) => `data: {"b64_json": "${png}`, 'images stream'],
    ['drafts alone', (png) => event({ type: 'image_generation.partial_image', b64_json: png }), 'images stream'],
    [
      'a chat without its end',
      (png) => event({ choices: [{ delta: { url: `data:image/png;base64,${png}` } }] }),
      'chat stream',
    ],
    ['a message without its end', () => event({ type: 'message_start' }), 'claude stream'],
    ['an array without its end', () => [{ candidates: [{ content: { parts: [] } }] }], 'gemini array'],
    ['no links', () => ({ data: [{}] }), 'link'],
    ['no words for why there is no picture', () => ({ candidates: [] }), 'gemini'],
    ['an answer where an error is due', () => ({ data: [] }), 'error'],
    ['a task that is in no state', () => ({ id: 'task_1', status: 'lost' }), 'task'],
  ])('is found to be %s', async (_, body, shape) => {
    expect((await judge(body(png), shape)).faults).not.toEqual([]);
  });

  test('is found to be what another asked for', async () => {
    const answer = (id: string) => ({ data: [{ b64_json: png, text: `Here it is: “soak x: ${id}, a fox”` }] });
    expect((await judge(answer('s1'), 'images')).faults).toEqual([]);
    expect((await judge(answer('s11'), 'images')).faults).toHaveLength(1);
  });

  test('is found to lack its request id, or bytes', async () => {
    const body = { data: [{ b64_json: png }] };
    expect((await judge(body, 'images', { headers: { 'x-request-id': 'x' } })).faults).toHaveLength(1);
    expect((await judge(body, 'images', { headers: { 'content-length': '7' } })).faults).toHaveLength(1);
  });
});

describe('an error', () => {
  const ENVELOPES = {
    openai: { error: { message: 'no', type: 'api_error', code: 'x', param: null } },
    openrouter: { error: { code: 502, message: 'no', metadata: { reason: 'upstream_failed' } } },
    google: { error: { code: 502, message: 'no', status: 'UNAVAILABLE' } },
    claude: { type: 'error', error: { type: 'api_error', message: 'no' } },
  } as const satisfies Record<Dialect, unknown>;
  const error = (body: unknown, dialect: Dialect, headers: Record<string, string> = {}) =>
    judge(body, 'images', { status: 502, dialect, headers: { 'request-id': ID, ...headers } });

  test.each(Object.entries(ENVELOPES) as [Dialect, unknown][])('has the envelope of %s', async (dialect, body) => {
    expect(await error(body, dialect)).toMatchObject({ outcome: 'error', faults: [] });
    for (const other of Object.keys(ENVELOPES) as Dialect[])
      if (other !== dialect) expect((await error(body, other)).faults, other).not.toEqual([]);
  });

  test.each<[string, unknown, Record<string, string>]>([
    ['no JSON', 'Bad Gateway', {}],
    ['another type', ENVELOPES.openai, { 'content-type': 'text/html' }],
    ['nothing for SDKs', ENVELOPES.openai, { 'x-should-retry': '' }],
    ['our inside', { error: { ...ENVELOPES.openai.error, message: 'at send (src/draw.ts:7)' } }, {}],
  ])('is found to have %s', async (_, body, headers) => {
    expect((await error(body, 'openai', headers)).faults).not.toEqual([]);
  });
});
