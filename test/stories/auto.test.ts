import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

const FLASH = 'gemini-3.1-flash-image';
const PRO = 'gemini-3-pro-image';
const IMAGES = '/v1/images/generations';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      images: { defaultModel: 'auto' },
      tenants: [
        { id: 'acme', keys: [{ key: KEY }, { key: 'sk-flash-alone', models: [FLASH] }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }], models: [FLASH] },
      ],
    },
  });
});
afterAll(() => gateway.close());

const modelOf = (reply: Response): string => `${reply.status} ${reply.headers.get('x-plantain-model')}`;

test('auto draws with the model its rules choose, and says which', async () => {
  expect(modelOf(await gateway.post(IMAGES, { model: 'auto', prompt: 'a fox' }))).toBe(`200 ${FLASH}`);
  expect(modelOf(await gateway.post(IMAGES, { prompt: 'a fox', quality: 'high' }))).toBe(`200 ${PRO}`);
  const native = { contents: [{ parts: [{ text: 'a family at breakfast' }] }] };
  expect(modelOf(await gateway.post('/v1beta/models/auto:generateContent', native))).toBe(`200 ${PRO}`);
});

test('what auto drew is what the model by its own name is asked for, and a quote knows it', async () => {
  const body = { prompt: 'a hare', seed: 3, quality: 'high' };
  await gateway.post(IMAGES, { ...body, model: 'auto' });
  const named = await gateway.post(IMAGES, { ...body, model: PRO });
  expect(named.headers.get('cache-status')).toContain('Plantain; hit');
  const quoted = await gateway.post(`/v1/quote?for=${IMAGES}`, { ...body, model: 'auto' });
  expect(await quoted.json()).toMatchObject({ model: PRO, hits: 1 });
});

test('auto keeps to the models of a tenant, and of a key', async () => {
  const asFlash = { authorization: 'Bearer sk-flash-alone' };
  const drawn = await gateway.post(IMAGES, { model: 'auto', prompt: 'a fox', quality: 'high' }, asFlash);
  expect(modelOf(drawn)).toBe(`200 ${FLASH}`);
  const asOther = { authorization: `Bearer ${OTHER_KEY}` };
  const reply = await gateway.post(IMAGES, { model: 'auto', prompt: 'a fox', quality: 'high' }, asOther);
  expect(modelOf(reply)).toBe(`200 ${FLASH}`);
});

test('auto is a 403 with words where it may choose none', async () => {
  const other = await startGateway({
    config: {
      auto: [{ model: PRO }],
      tenants: [{ id: 'acme', keys: [{ key: KEY }], models: [FLASH] }],
    },
  });
  try {
    const says = `auto chooses among ${PRO}, and this key may use none of them. It may use: ${FLASH}.`;
    const images = await other.post(IMAGES, { model: 'auto', prompt: 'a fox' });
    expect([images.status, await images.json()]).toEqual([
      403,
      { error: { message: says, type: 'invalid_request_error', param: 'model', code: 'model_not_allowed' } },
    ]);
    const native = { contents: [{ parts: [{ text: 'a fox' }] }] };
    const gemini = await other.post('/v1beta/models/auto:generateContent', native);
    expect([gemini.status, await gemini.json()]).toMatchObject([403, { error: { message: says } }]);
    const headers = { authorization: `Bearer ${KEY}` };
    expect((await fetch(`${other.url}/v1/models/auto`, { headers })).status).toBe(403);
    expect(await (await fetch(`${other.url}/v1/models`, { headers })).json()).toMatchObject({ data: [{ id: FLASH }] });
    expect(other.simulator.calls).toHaveLength(0);
  } finally {
    await other.close();
  }
});

test('without rules there is no auto', async () => {
  const other = await startGateway({ config: { auto: [] } });
  try {
    expect((await other.post(IMAGES, { model: 'auto', prompt: 'a fox' })).status).toBe(404);
  } finally {
    await other.close();
  }
});

test('auto is in every list of models, and one of them', async () => {
  const ids = async (path: string, headers: Record<string, string>): Promise<unknown> => {
    const reply = await fetch(`${gateway.url}${path}`, { headers });
    return reply.json();
  };
  expect(await ids('/v1/models', { authorization: `Bearer ${KEY}` })).toMatchObject({
    data: [{ id: FLASH }, { id: PRO }, { id: 'auto', object: 'model' }],
  });
  expect(await ids('/v1beta/models', { 'x-goog-api-key': KEY })).toMatchObject({
    models: [{}, {}, { name: 'models/auto' }],
  });
  expect(await ids('/v1/models/auto', { authorization: `Bearer ${KEY}` })).toMatchObject({ id: 'auto' });
});
