import { KEY } from '../../support/gateway.ts';
import { PNG, PNG_FILE } from '../recorded/request.ts';
import { BEARER, CHAT, EDITS, GENERATIONS, get, post, postForm, PREVIEW } from './client.ts';
import type { Sent } from './client.ts';

const AGENT = { accept: '*/*', 'user-agent': 'Python/3.11 aiohttp/3.13.2' };
/** With ENABLE_FORWARD_USER_INFO_HEADERS. */
const USER = {
  'x-openwebui-user-name': 'Ada%20Lovelace',
  'x-openwebui-user-id': '7d0f2a5e-0000-4000-8000-000000000001',
  'x-openwebui-user-email': 'ada@example.com',
  'x-openwebui-user-role': 'admin',
};
const OPENAI = { ...AGENT, ...BEARER };
const GOOGLE = { ...AGENT, 'x-goog-api-key': KEY };
const NATIVE = `/v1beta/models/${PREVIEW}:generateContent`;

export const OPEN_WEBUI: readonly Sent[] = [
  get('lists the models of a connection', '/v1/models', { ...OPENAI, ...USER }, { models: 'openai' }),
  post(
    'engine openai, size set',
    GENERATIONS,
    { ...OPENAI, ...USER },
    { model: PREVIEW, prompt: 'a fox', n: 1, size: '512x512', response_format: 'b64_json' },
    { pictures: 1 },
  ),
  post(
    'engine openai, a model it takes for GPT Image',
    GENERATIONS,
    OPENAI,
    { model: 'gpt-image-1', prompt: 'a fox', n: 2, size: 'auto' },
    { pictures: 2 },
  ),
  post(
    'engine openai, with an API version for Azure and parameters of its user',
    `${GENERATIONS}?api-version=2025-04-01-preview`,
    OPENAI,
    { model: PREVIEW, prompt: 'a fox', n: 1, response_format: 'b64_json', quality: 'low', output_format: 'webp' },
    { pictures: 1 },
  ),
  post('engine gemini', NATIVE, GOOGLE, { contents: [{ parts: [{ text: 'a fox' }] }] }, { pictures: 1 }),
  post(
    'engine gemini, editing two pictures',
    NATIVE,
    GOOGLE,
    {
      contents: [
        {
          parts: [
            { text: 'a hat on each' },
            { inline_data: { mime_type: 'image/png', data: PNG } },
            { inline_data: { mime_type: 'image/png', data: PNG } },
          ],
        },
      ],
    },
    { pictures: 1 },
  ),
  postForm(
    'engine openai, editing one picture',
    EDITS,
    OPENAI,
    [
      ['model', PREVIEW],
      ['prompt', 'a hat'],
      ['n', '1'],
      ['size', '1024x1024'],
      ['response_format', 'b64_json'],
      ['image', PNG_FILE],
    ],
    { pictures: 1 },
  ),
  postForm(
    'engine openai, editing several',
    EDITS,
    OPENAI,
    [
      ['model', 'gpt-image-1'],
      ['prompt', 'a hat'],
      ['image[]', PNG_FILE],
      ['image[]', PNG_FILE],
    ],
    { pictures: 1 },
  ),
  post(
    'a chat with the model, not streamed',
    CHAT,
    { ...OPENAI, ...USER },
    { stream: false, model: PREVIEW, messages: [{ role: 'user', content: 'draw a fox' }] },
    { pictures: 1 },
  ),
];
