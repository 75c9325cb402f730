import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCapturingUpstream } from '../support/capturing-upstream.ts';
import type { CapturingUpstream } from '../support/capturing-upstream.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

const GENERATE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const price = {
  perMillionTokensUsd: { input: 0.5, text: 3, image: 60 },
  perSearchUsd: 0,
  ceiling: { thinkingTokens: 0, textTokens: 0, pictures: 1 },
};
/** A picture of 512 and a few words: 747 tokens of $60 a million. A full context would be 131,072 of $0.50 besides. */
const LIMIT_USD = 0.05;

let upstream: CapturingUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await startCapturingUpstream();
  const id = 'gemini-3.1-flash-image';
  gateway = await startGateway({
    upstream: { baseUrl: upstream.url },
    config: {
      models: [{ id, targets: [{ upstream: 'vendor', model: id, price }] }],
      tenants: [{ id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: LIMIT_USD, per: 'total' }] }],
    },
  });
});
afterAll(async () => {
  await gateway.close();
  upstream.close();
});

const ask = (parts: readonly unknown[], more: Record<string, unknown> = {}): Promise<Response> =>
  gateway.post(GENERATE, { contents: [{ parts }], generationConfig: { imageConfig: { imageSize: '512' } }, ...more });
const words = { text: 'as it says there' };

test.each([
  ['a document', [words, { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0xLjcK' } }], {}],
  [
    'a file of the vendor’s',
    [
      words,
      { fileData: { mimeType: 'image/png', fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/x' } },
    ],
    {},
  ],
  ['a search', [words], { tools: [{ googleSearch: {} }] }],
  ['a cached conversation', [words], { cachedContent: 'cachedContents/abc' }],
])('for %s as much is set aside as the model can read', async (_, parts, more) => {
  const reply = await ask(parts, more);
  expect(reply.status).toBe(429);
  expect(await reply.text()).toMatch(/this may cost up to \$0\.1[12]/);
  expect(upstream.captured).toHaveLength(0);
});

test('for words no more is set aside than they may come to', async () => {
  expect((await ask([words])).status).toBe(200);
  expect(upstream.captured).toHaveLength(1);
});
