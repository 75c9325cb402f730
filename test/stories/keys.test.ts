import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';

let gateway: TestGateway;
beforeAll(async () => {
  const keys = [
    { key: 'sk-in-use', expires: '9999-12-31' },
    { key: 'sk-withdrawn', revoked: true },
    { key: 'sk-outlived', expires: '2026-01-31T00:00:00Z' },
  ];
  gateway = await startGateway({ config: { tenants: [{ id: 'acme', keys }] } });
});
afterAll(() => gateway.close());

const askWith = (key: string): Promise<Response> =>
  gateway.post('/v1/images/generations', { prompt: 'a fox in snow', seed: 7 }, { authorization: `Bearer ${key}` });

test.each([
  ['sk-withdrawn', 'This API key was revoked. Use another, or ask whoever runs this gateway for one.'],
  ['sk-outlived', 'This API key expired at 2026-01-31T00:00:00.000Z. Use a newer one.'],
])('whoever sends the key %s is told what became of it, and nothing is drawn', async (key, message) => {
  const refused = await askWith(key);
  expect(refused.status).toBe(401);
  expect((await bodyOf<OpenAIError>(refused)).error).toMatchObject({ code: 'invalid_api_key', message });
  expect(gateway.simulator.calls).toEqual([]);
});

test('a key that is neither draws', async () => {
  expect((await askWith('sk-in-use')).status).toBe(200);
});
