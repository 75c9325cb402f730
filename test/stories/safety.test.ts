import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCapturingUpstream } from '../support/capturing-upstream.ts';
import type { CapturingUpstream } from '../support/capturing-upstream.ts';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const FLOOR = 'BLOCK_MEDIUM_AND_ABOVE';
const harassment = (threshold: string) => [{ category: 'HARM_CATEGORY_HARASSMENT', threshold }];

let upstream: CapturingUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await startCapturingUpstream();
  gateway = await startGateway({
    upstream: { baseUrl: upstream.url },
    config: {
      tenants: [
        { id: 'acme', keys: [{ key: KEY }], safety: { floor: FLOOR }, cache: { scope: 'both' } },
        { id: 'globex', keys: [{ key: OTHER_KEY }], cache: { scope: 'both' } },
      ],
    },
  });
});
afterAll(async () => {
  await gateway.close();
  upstream.close();
});

const native = (text: string, safetySettings?: unknown) => ({
  contents: [{ parts: [{ text }] }],
  ...(safetySettings !== undefined && { safetySettings }),
});
function sentSafety(): unknown {
  return (JSON.parse(String(upstream.captured.at(-1)?.body)) as { safetySettings?: unknown }).safetySettings;
}

test('under a floor what is left open goes up with it, from both dialects, and what is stricter stays', async () => {
  expect((await gateway.post(IMAGES, { prompt: 'open' })).status).toBe(200);
  expect(sentSafety()).toEqual(expect.arrayContaining(harassment(FLOOR)));
  expect(sentSafety()).toHaveLength(4);
  const strict = harassment('BLOCK_LOW_AND_ABOVE');
  expect((await gateway.post(NATIVE, native('strict', strict))).status).toBe(200);
  expect(sentSafety()).toEqual(expect.arrayContaining(strict));
  expect(sentSafety()).toHaveLength(4);
});

test('what is laxer is a 400 that names the category and what is allowed, and nothing is sent', async () => {
  const before = upstream.captured.length;
  const images = await gateway.post(IMAGES, { prompt: 'lax', safety_settings: harassment('BLOCK_NONE') });
  expect(images.status).toBe(400);
  expect((await bodyOf<OpenAIError>(images)).error).toMatchObject({
    param: 'safety_settings[0].threshold',
    code: 'safety_floor',
    message: expect.stringMatching(/HARM_CATEGORY_HARASSMENT.*BLOCK_MEDIUM_AND_ABOVE, BLOCK_LOW_AND_ABOVE/),
  });
  const snake = { safety_settings: [{ category: 'harm_category_harassment', threshold: 'off' }] };
  const lax = await gateway.post(NATIVE, { ...native('lax'), ...snake });
  expect((await bodyOf<GoogleError>(lax)).error).toMatchObject({ code: 400, status: 'INVALID_ARGUMENT' });
  expect(upstream.captured).toHaveLength(before);
});

test('moderation low means as little as the floor lets, with a warning; without a floor it is none', async () => {
  const floored = await gateway.post(IMAGES, { prompt: 'low', moderation: 'low' });
  expect(floored.headers.get('x-plantain-warning')).toContain(FLOOR);
  expect(sentSafety()).toEqual(expect.arrayContaining(harassment(FLOOR)));
  const free = await gateway.post(
    IMAGES,
    { prompt: 'low', moderation: 'low' },
    { authorization: `Bearer ${OTHER_KEY}` },
  );
  expect(free.headers.get('x-plantain-warning')).toBeNull();
  expect(sentSafety()).toEqual(expect.arrayContaining(harassment('BLOCK_NONE')));
});

test('a picture drawn without the floor is no hit under it, in a scope that both tenants share', async () => {
  const ask = (key: string) => gateway.post(IMAGES, { prompt: 'shared', seed: 1 }, { authorization: `Bearer ${key}` });
  await ask(OTHER_KEY);
  expect((await ask(OTHER_KEY)).headers.get('cache-status')).toMatch(/hit/);
  expect((await ask(KEY)).headers.get('cache-status')).toMatch(/fwd=miss/);
});
