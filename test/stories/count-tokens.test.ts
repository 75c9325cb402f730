import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { spentNanos } from '../support/scrape.ts';
import type { GoogleError } from '../support/wire.ts';
import { createClient, SDKS } from '../sdk/genai.ts';

const FLASH = 'gemini-3.1-flash-image';
const contents = [
  { role: 'user', parts: [{ text: 'a fox in the snow' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }] },
];
const COUNTED = {
  totalTokens: 1124,
  promptTokensDetails: [
    { modality: 'TEXT', tokenCount: 4 },
    { modality: 'IMAGE', tokenCount: 1120 },
  ],
};

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }], models: [FLASH] },
      ],
    },
  });
});
afterAll(async () => {
  expect(gateway.simulator.calls).toHaveLength(0);
  expect(await spentNanos(gateway)).toBe(0);
  await gateway.close();
});

const count = (body: unknown, path = `/v1beta/models/${FLASH}:countTokens`, headers = {}): Promise<Response> =>
  gateway.post(path, body, headers);

describe('the tokens of a request', () => {
  test.each(['/v1beta', '/v1', ''])('are counted under "%s", in either form of the request', async (version) => {
    const path = `${version}/models/${FLASH}:countTokens`;
    const whole = { model: `models/${FLASH}`, contents };
    for (const body of [{ contents }, { generateContentRequest: whole }, { generate_content_request: whole }]) {
      const reply = await count(body, path);
      expect([reply.status, await reply.json()]).toEqual([200, COUNTED]);
      expect(reply.headers.get('x-plantain-warning')).toBe('the count is an estimate of this gateway');
    }
  });

  test('have those of the system instruction among them, and no modality that is not there', async () => {
    const body = {
      generateContentRequest: {
        contents: [{ parts: [{ text: 'a fox' }] }],
        systemInstruction: { parts: [{ text: 'Draw in ink.' }] },
      },
    };
    expect(await (await count(body)).json()).toEqual({
      totalTokens: 4,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 4 }],
    });
  });

  test.each(SDKS)('are had by the SDK: $name', async ({ sdk }) => {
    const counted = await createClient(sdk, gateway.url).models.countTokens({ model: FLASH, contents });
    expect(counted.totalTokens).toBe(COUNTED.totalTokens);
  });

  test('of a model by whatever name, auto too', async () => {
    const reply = await count({ contents }, '/v1beta/models/auto:countTokens');
    expect([reply.status, reply.headers.get('x-plantain-model')]).toEqual([200, FLASH]);
  });
});

describe('what cannot be counted is refused in Google’s envelope', () => {
  test.each([
    [{ contents, generateContentRequest: { contents } }, 'contents and generateContentRequest say different things'],
    [{}, 'contents is missing'],
    [{ generateContentRequest: {} }, 'generateContentRequest.contents is missing'],
    [{ generateContentRequest: 7 }, 'generateContentRequest must be an object'],
    [
      { generateContentRequest: { contents, generationConfig: { seed: 'x' } } },
      'generateContentRequest.generationConfig.seed must be',
    ],
    [
      { contents, systemInstruction: { parts: [{ text: 'x' }] } },
      'systemInstruction: it counts within a generateContentRequest',
    ],
    [{ contents, model: 'models/gemini-3-pro-image' }, "the path's model and model say different things"],
    [{ generateContentRequest: { contents }, model: 'other' }, "the path's model and model say different things"],
  ])('%j', async (body, says) => {
    const reply = await count(body);
    const { error } = (await reply.json()) as GoogleError;
    expect(error).toMatchObject({ code: 400, status: 'INVALID_ARGUMENT' });
    expect(error.message).toContain(says);
  });

  test('for want of a key, of a model, and of leave to use it', async () => {
    const statusOf = async (path: string, headers = {}): Promise<unknown> => {
      const reply = await count({ contents }, path, headers);
      return [reply.status, ((await reply.json()) as GoogleError).error.status];
    };
    expect(await statusOf(`/v1beta/models/${FLASH}:countTokens`, { authorization: 'Bearer no' })).toEqual([
      401,
      'UNAUTHENTICATED',
    ]);
    expect(await statusOf('/v1beta/models/nobody:countTokens')).toEqual([404, 'NOT_FOUND']);
    const asOther = { authorization: `Bearer ${OTHER_KEY}` };
    expect(await statusOf('/v1beta/models/gemini-3-pro-image:countTokens', asOther)).toEqual([
      403,
      'PERMISSION_DENIED',
    ]);
  });

  test('for want of the right method; and a quote of a count is none', async () => {
    const got = await fetch(`${gateway.url}/v1beta/models/${FLASH}:countTokens`, {
      headers: { 'x-goog-api-key': KEY },
    });
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
    const quoted = await count({ contents }, `/v1/quote?for=/v1beta/models/${FLASH}:countTokens`);
    expect(quoted.status).toBe(404);
  });
});
