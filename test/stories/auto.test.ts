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
        { id: 'acme', keys: [{ key: KEY }] },
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

test('auto keeps to the models of a key', async () => {
  const asOther = { authorization: `Bearer ${OTHER_KEY}` };
  const reply = await gateway.post(IMAGES, { model: 'auto', prompt: 'a fox', quality: 'high' }, asOther);
  expect(modelOf(reply)).toBe(`200 ${FLASH}`);
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
