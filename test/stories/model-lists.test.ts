import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import type { GoogleError } from '../support/wire.ts';
import { createClient, SDKS } from '../sdk/genai.ts';

const FLASH = 'gemini-3.1-flash-image';
const PRO = 'gemini-3-pro-image';
const BEARER = { authorization: `Bearer ${KEY}` };
const GOOGLE = { 'x-goog-api-key': KEY };

interface Page {
  readonly models: readonly { readonly name: string }[];
  readonly nextPageToken?: string;
}

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const ask = (path: string, headers: Record<string, string>): Promise<Response> =>
  fetch(`${gateway.url}${path}`, { headers });

async function page(query: string): Promise<readonly [readonly string[], string | null]> {
  const { models, nextPageToken } = (await (await ask(`/v1beta/models${query}`, GOOGLE)).json()) as Page;
  return [models.map(({ name }) => name), nextPageToken ?? null];
}

describe('Google’s list of models', () => {
  test('comes in pages', async () => {
    const [first, token] = await page('?pageSize=2');
    expect(first).toEqual([`models/${FLASH}`, `models/${PRO}`]);
    expect(token).not.toBeNull();
    expect(await page(`?pageSize=2&pageToken=${token}`)).toEqual([['models/auto'], null]);
    expect(await page(`?page_size=2&page_token=${token}`)).toEqual([['models/auto'], null]);
  });

  test.each(['', '?pageSize=', '?pageSize=0', '?pageSize=3', '?pageSize=100000', '?pageToken='])(
    'is whole with "%s"',
    async (query) => {
      expect(await page(query)).toEqual([[`models/${FLASH}`, `models/${PRO}`, 'models/auto'], null]);
    },
  );

  test.each(['?pageSize=-1', '?pageSize=two', '?pageSize=1.5', '?pageToken=nobody'])('refuses "%s"', async (query) => {
    const reply = await ask(`/v1beta/models${query}`, GOOGLE);
    const { error } = (await reply.json()) as GoogleError;
    expect([reply.status, error.status]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(error.message).toMatch(/^page(Size|Token) must be/);
  });

  test.each(SDKS)('is paged through by the SDK: $name', async ({ sdk }) => {
    const names: (string | undefined)[] = [];
    for await (const model of await createClient(sdk, gateway.url).models.list({ config: { pageSize: 1 } }))
      names.push(model.name);
    expect(names).toEqual([`models/${FLASH}`, `models/${PRO}`, 'models/auto']);
  });
});

describe('/v1/models, which two vendors share', () => {
  test.each([
    ['x-goog-api-key', '', GOOGLE],
    ['x-goog-api-client beside any key', '', { ...BEARER, 'x-goog-api-client': 'google-genai-sdk/3.1.0 gl-node/v24' }],
    ['?key=', `?key=${KEY}`, {}],
  ])('is Google’s for %s, list and model', async (_mark, query, headers) => {
    for (const path of ['/v1/models', '/models']) {
      expect(await (await ask(`${path}${query}`, headers)).json()).toHaveProperty('models');
      expect(await (await ask(`${path}/${PRO}${query}`, headers)).json()).toMatchObject({ name: `models/${PRO}` });
    }
  });

  test.each([
    ['a Bearer token', BEARER],
    ['x-api-key', { 'x-api-key': KEY }],
    ['the mark of OpenAI’s SDKs, whatever key comes with it', { ...GOOGLE, 'x-stainless-lang': 'js' }],
  ])('is OpenAI’s for %s, list and model', async (_mark, headers) => {
    expect(await (await ask('/v1/models', headers)).json()).toMatchObject({ object: 'list' });
    expect(await (await ask(`/v1/models/${PRO}`, headers)).json()).toMatchObject({ id: PRO, object: 'model' });
    expect((await ask('/v1/models/nobody', headers)).status).toBe(404);
  });
});
