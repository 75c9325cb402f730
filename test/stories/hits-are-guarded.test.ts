import { expect, onTestFinished, test } from 'vitest';
import { admin } from '../support/admin.ts';
import { startGateway } from '../support/gateway.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const PICTURE = { prompt: 'a fox', seed: 1, image_size: '512' };
const CLOCK = { now: Date.UTC(2026, 10, 28, 12) };
const ENDS_AT = '2026-11-28T13:00:00Z';

/** All share what the first has drawn: what stands between a caller and a stored picture is its own rights alone. */
const shared = (id: string, key: string, more: object = {}, ofKey: object = {}) => ({
  id,
  keys: [{ key, ...ofKey }],
  cache: { scope: 'shared' },
  ...more,
});

test('a stored picture is for those alone who could have asked for it now', async () => {
  const gateway = await startGateway({
    admin: true,
    now: () => CLOCK.now,
    simulator: { signatureBytes: 64 },
    config: {
      tenants: [
        shared('first', 'sk-test-first'),
        shared('revoked', 'sk-test-revoked', {}, { revoked: true }),
        shared('ended', 'sk-test-ended', {}, { expires: ENDS_AT }),
        shared('withdrawn', 'sk-test-withdrawn'),
        shared('pro', 'sk-test-pro', { models: ['gemini-3-pro-image'] }),
        shared('slow', 'sk-test-slow', { limits: { requestsPerMinute: 1 } }),
        shared('broke', 'sk-test-broke', { budgets: [{ limitUsd: 0.000_001, per: 'total' }] }),
        shared('strict', 'sk-test-strict', { safety: { floor: 'BLOCK_LOW_AND_ABOVE' } }),
      ],
    },
  });
  onTestFinished(() => gateway.close());
  const ask = (key: string): Promise<Response> => gateway.post(IMAGES, PICTURE, { authorization: `Bearer ${key}` });
  const refusal = async (key: string): Promise<readonly unknown[]> => {
    const reply = await ask(key);
    expect(reply.headers.has('cache-status')).toBe(false);
    return [reply.status, (await bodyOf<OpenAIError>(reply)).error.code];
  };
  expect((await ask('sk-test-first')).status).toBe(200);
  for (const key of ['sk-test-ended', 'sk-test-withdrawn', 'sk-test-slow', 'sk-test-broke'])
    expect((await ask(key)).headers.get('cache-status'), key).toMatch(/; hit/);

  CLOCK.now = Date.parse(ENDS_AT);
  const keys = await admin(gateway.adminUrl, 'GET', '/admin/keys?tenant=withdrawn');
  const [{ id }] = keys.body['keys'] as [{ id: string }];
  await admin(gateway.adminUrl, 'POST', `/admin/keys/${id}/revoke`);

  expect(await refusal('sk-test-nobody')).toEqual([401, 'invalid_api_key']);
  expect(await refusal('sk-test-revoked')).toEqual([401, 'invalid_api_key']);
  expect(await refusal('sk-test-ended')).toEqual([401, 'invalid_api_key']);
  expect(await refusal('sk-test-withdrawn')).toEqual([401, 'invalid_api_key']);
  expect((await refusal('sk-test-pro'))[0]).toBe(403);
  expect(await refusal('sk-test-slow')).toEqual([429, 'rate_limit_exceeded']);
  // It costs nothing, so no budget stands in its way.
  expect((await ask('sk-test-broke')).headers.get('cache-status')).toMatch(/; hit/);
  // What was drawn without a floor is no picture of who has one.
  const drawn = await ask('sk-test-strict');
  expect([drawn.status, drawn.headers.get('cache-status')]).toEqual([200, expect.stringMatching(/fwd=miss/)]);
  expect(gateway.simulator.calls).toHaveLength(2);
});
