import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCapturingUpstream } from '../support/capturing-upstream.ts';
import type { CapturingUpstream } from '../support/capturing-upstream.ts';
import { expectEnvelope } from '../support/envelope.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { damage, PICTURE, spoiled, stepOf } from '../support/spoil.ts';
import type { Value } from '../support/spoil.ts';

const IS_LONG = process.env.PLANTAIN_TEST_LONG !== undefined;
const RUNS = IS_LONG ? 100_000 : 2_000;
const TIMEOUT_MS = 30_000 + RUNS * 20;
/** The same inputs each time; a long run looks where nobody has been. */
const SEED = IS_LONG ? Date.now() : 20_261_122;

let upstream: CapturingUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await startCapturingUpstream();
  gateway = await startGateway({ upstream: { baseUrl: upstream.url } });
});
afterAll(async () => {
  await gateway.close();
  upstream.close();
});

const IMAGES: readonly Value[] = [
  { prompt: 'a fox', n: 2, size: '1536x1024', quality: 'high', seed: 7, user: 'u', output_format: 'png' },
  {
    prompt: 'p'.repeat(5000),
    model: 'gpt-image-2',
    extra_body: { google: { image_config: { aspect_ratio: '16:9' } } },
  },
  {
    prompt: 'x',
    google: { thinking_config: { thinking_level: 'low' }, tools: [{ google_search: {} }] },
    image_size: '512',
  },
  { prompt: 'x', moderation: 'low', background: 'opaque', response_format: 'b64_json', output_compression: 100, n: 1 },
];
const DATA_URL = `data:image/png;base64,${PICTURE}`;
const CHAT: readonly Value[] = [
  {
    model: 'nano-banana-2',
    messages: [
      { role: 'system', content: 'be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a fox' },
          { type: 'image_url', image_url: { url: DATA_URL } },
        ],
      },
      { role: 'assistant', content: 'there', images: [{ type: 'image_url', image_url: { url: DATA_URL } }] },
      { role: 'user', content: 'bluer' },
    ],
    image_config: { aspect_ratio: '16:9' },
    stop: ['x'],
    n: 2,
  },
  {
    messages: [
      { role: 'assistant', content: `one ![a](${DATA_URL} "b") two ![](${DATA_URL})` },
      { role: 'tool', content: 'x' },
    ],
    tools: [{ type: 'function', function: { name: 'f' } }, { google_search: {} }, { type: 'web_search' }],
    plugins: [{ id: 'web' }],
    reasoning: { effort: 'high', exclude: true },
    response_format: { type: 'text' },
    images_in: 'content',
    max_tokens: 9000,
  },
];
const OPENROUTER: readonly Value[] = [
  {
    model: 'google/gemini-3.1-flash-image',
    prompt: 'a fox',
    input_references: [{ type: 'image_url', image_url: { url: DATA_URL } }],
    resolution: '1K',
    aspect_ratio: '16:9',
    provider: { order: ['x'] },
  },
];
const RESPONSES: readonly Value[] = [
  {
    model: 'nano-banana-2',
    instructions: 'be brief',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'a fox' },
          { type: 'input_image', image_url: DATA_URL, detail: 'auto' },
        ],
      },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }] },
      { type: 'image_generation_call', id: 'ig_1', status: 'completed', result: PICTURE },
      { type: 'function_call_output', call_id: 'c', output: 'x' },
      { type: 'message', role: 'user', content: 'bluer' },
    ],
    tools: [{ type: 'image_generation', size: '1024x1024', quality: 'low', action: 'auto', partial_images: 0 }],
    tool_choice: { type: 'image_generation' },
    metadata: { a: 'b' },
  },
  {
    input: 'a fox',
    tools: [{ type: 'web_search' }, { type: 'function', name: 'f' }, { google_search: {} }],
    tool_choice: 'auto',
    reasoning: { effort: 'high', summary: 'auto' },
    text: { format: { type: 'text' }, verbosity: 'low' },
    max_output_tokens: 9000,
    include: ['reasoning.encrypted_content'],
    store: false,
    truncation: 'auto',
  },
];
const BLOCK: Value = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PICTURE } };
const CLAUDE: readonly Value[] = [
  {
    model: 'nano-banana-2',
    max_tokens: 1024,
    system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'a fox' }, BLOCK] },
      { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: '' }, BLOCK] },
      { role: 'user', content: 'bluer' },
    ],
    image_config: { aspect_ratio: '16:9' },
    stop_sequences: ['x'],
    metadata: { user_id: 'u' },
  },
  {
    max_tokens: 9000,
    messages: [
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [BLOCK] }] },
      { role: 'user', content: [{ type: 'document', source: { type: 'content', content: `![a](${DATA_URL})` } }] },
    ],
    tools: [
      { name: 'f', input_schema: {} },
      { type: 'web_search_20250305', name: 'web_search', max_uses: 1 },
    ],
    tool_choice: { type: 'auto' },
    thinking: { type: 'enabled', budget_tokens: 1024 },
    output_config: { effort: 'low' },
  },
];
const NATIVE: readonly Value[] = [
  {
    contents: [{ role: 'user', parts: [{ text: 'a fox' }, { inlineData: { mimeType: 'image/png', data: PICTURE } }] }],
  },
  {
    contents: { parts: { text: 'x', thoughtSignature: PICTURE } },
    generation_config: { seed: 1, temperature: 0, response_modalities: ['IMAGE'], image_config: { image_size: '1K' } },
  },
  {
    systemInstruction: { parts: [{ text: 'y' }] },
    contents: [
      { parts: [{ text: 'x' }] },
      {
        role: 'model',
        parts: [{ thought: true, text: 'hm' }, { inline_data: { mime_type: 'image/png', data: 'AAAA' } }],
      },
      {
        parts: [{ fileData: { fileUri: 'files/x', mimeType: 'image/png' } }, { functionCall: { name: 'f', args: {} } }],
      },
    ],
    tools: [{ googleSearch: {} }, { functionDeclarations: [{ name: 'f', parameters: { type: 'OBJECT' } }] }],
    safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'OFF' }],
    generationConfig: { candidateCount: 1, responseFormat: { image: { aspectRatio: '1:1', imageSize: '2K' } } },
    labels: { a: 'b' },
  },
];
const NAMES = [
  'prompt n size seed google extra_body image_config imageConfig aspect_ratio image_size response_format',
  'messages content images image_url url type source media_type data system',
  'contents parts text inlineData data generationConfig tools model role __proto__ constructor toJSON then Prompt ü 0 ',
].flatMap((names) => names.split(' '));

const step = stepOf(NAMES);

const input = fc
  .tuple(
    fc.constantFrom(
      ...IMAGES.map((body) => ['images', body] as const),
      ...IMAGES.map((body) => ['openrouter', body] as const),
      ...OPENROUTER.map((body) => ['openrouter', body] as const),
      ...CHAT.map((body) => ['chat', body] as const),
      ...RESPONSES.map((body) => ['responses', body] as const),
      ...CLAUDE.map((body) => ['claude', body] as const),
      ...NATIVE.map((body) => ['native', body] as const),
    ),
    fc.array(step, { maxLength: 5 }),
    fc.option(damage, { freq: 3 }),
  )
  .map(([[dialect, body], steps, spoil]) => {
    return { dialect, bytes: spoiled(body, steps, spoil) };
  });

const PATHS = {
  images: '/v1/images/generations',
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
  claude: '/v1/messages',
  native: '/v1beta/models/gemini-3.1-flash-image:generateContent',
  openrouter: '/api/v1/images',
} as const;

const ENVELOPES = {
  images: 'openai',
  chat: 'openai',
  responses: 'openai',
  claude: 'claude',
  native: 'google',
} as const;

test('whatever body is sent, it is answered, and not with a fault of ours', { timeout: TIMEOUT_MS }, async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(input, async ({ dialect, bytes }) => {
      const reply = await gateway.post(PATHS[dialect], bytes, { 'cache-control': 'no-store' });
      const body = await reply.text();
      statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
      if (reply.status === 200) return;
      // 403: a file that nobody has sent, as Google says it.
      expect([400, 403, 404, 413]).toContain(reply.status);
      if (dialect === 'openrouter')
        expect(JSON.parse(body)).toMatchObject({
          error: { code: reply.status, message: expect.stringMatching(/\w{3}/) },
        });
      else expectEnvelope({ status: reply.status, headers: reply.headers, body }, ENVELOPES[dialect]);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  // The inputs are neither all good nor all bad.
  expect(statuses.get(200)).toBeGreaterThan(RUNS / 20);
  expect(statuses.get(400)).toBeGreaterThan(RUNS / 5);
  expect(gateway.logged()).not.toContain('"level":50');
  expect(gateway.logged()).not.toContain(KEY);
});

test('after it the labels of every metric are still of closed sets', async () => {
  const metrics = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
  const series = metrics.split('\n').filter((line) => line.startsWith('plantain_'));
  // Six routes, a dozen ends of each, and the buckets of their times.
  expect(series.length).toBeLessThan(1_200);
  const values = new Map<string, Set<string>>();
  for (const line of series)
    for (const [, label = '', value = ''] of line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
      values.set(label, (values.get(label) ?? new Set()).add(value));
  const { route, method, model, tenant, ...others } = Object.fromEntries(values);
  expect([...route!].sort()).toEqual([
    '/api/v1/images',
    '/v1/chat/completions',
    '/v1/images/generations',
    '/v1/messages',
    '/v1/responses',
    '/v1beta/models/{model}:generateContent',
  ]);
  expect([...method!]).toEqual(['POST']);
  for (const each of model ?? []) expect(['gemini-3.1-flash-image', 'gemini-3-pro-image']).toContain(each);
  for (const each of tenant ?? []) expect(['acme', 'globex']).toContain(each);
  for (const [label, told] of Object.entries(others))
    for (const each of told)
      expect(each, label).toMatch(
        label === 'version' || label === 'node' || label === 'le' ? /./ : /^[a-z0-9_-]{1,24}$/,
      );
});
