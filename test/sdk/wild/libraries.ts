import { KEY } from '../../support/gateway.ts';
import { PNG, PNG_FILE } from '../recorded/request.ts';
import { BEARER, CHAT, EDITS, GENERATIONS, get, post, postForm, PREVIEW, RESPONSES } from './client.ts';
import type { Sent } from './client.ts';

const OPENAI_JS = { ...BEARER, accept: 'application/json', 'user-agent': 'OpenAI/JS 6.9.0', 'x-stainless-lang': 'js' };
const OPENAI_PYTHON = {
  ...BEARER,
  accept: 'application/json',
  'user-agent': 'OpenAI/Python 2.8.0',
  'x-stainless-lang': 'python',
  'x-stainless-async': 'false',
};
const PICTURE_URL = `data:image/png;base64,${PNG}`;

export const LANGCHAIN: readonly Sent[] = [
  post(
    'JS DallEAPIWrapper as it comes',
    GENERATIONS,
    { ...OPENAI_JS, 'openai-organization': 'org-plantain' },
    {
      model: 'dall-e-3',
      prompt: 'a fox',
      n: 1,
      size: '1024x1024',
      response_format: 'url',
      style: 'vivid',
      quality: 'standard',
    },
    { pictures: 1, as: 'link' },
  ),
  post(
    'Python DallEAPIWrapper',
    GENERATIONS,
    OPENAI_PYTHON,
    { prompt: 'a fox', n: 1, size: '1024x1024', model: 'dall-e-2', quality: 'standard' },
    { pictures: 1, as: 'link' },
  ),
  post(
    'JS ChatOpenAI with a picture, not streamed',
    CHAT,
    OPENAI_JS,
    {
      model: PREVIEW,
      temperature: 1,
      stream: false,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a hat' },
            { type: 'image_url', image_url: { url: PICTURE_URL } },
          ],
        },
      ],
    },
    { pictures: 1 },
  ),
  post(
    'JS ChatOpenAI with the image_generation tool',
    RESPONSES,
    OPENAI_JS,
    {
      model: PREVIEW,
      input: [{ type: 'message', role: 'user', content: 'draw a fox' }],
      stream: false,
      tools: [{ type: 'image_generation', quality: 'high' }],
    },
    { pictures: 1 },
  ),
  post(
    'JS ChatOpenAI with an answer of its own and what came with it',
    RESPONSES,
    OPENAI_JS,
    {
      input: [
        { type: 'message', role: 'user', content: 'draw a fox' },
        {
          id: 'msg_1',
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'Here it is.', annotations: [], logprobs: [] }],
        },
        {
          id: 'ig_1',
          type: 'image_generation_call',
          status: 'completed',
          background: 'opaque',
          output_format: 'png',
          size: '1024x1024',
          quality: 'medium',
          revised_prompt: null,
          result: PNG,
        },
        { type: 'message', role: 'user', content: 'bluer' },
      ],
      model: PREVIEW,
      stream: false,
      tools: [{ type: 'image_generation', quality: 'high', size: '1024x1024' }],
      text: {},
    },
    { pictures: 1 },
  ),
];

export const LITELLM: readonly Sent[] = [
  get(
    'proxy checks the models behind it',
    '/v1/models',
    { ...BEARER, 'user-agent': 'litellm/1.80.0' },
    { models: 'openai' },
  ),
  post(
    'image_generation',
    GENERATIONS,
    { ...OPENAI_PYTHON, 'x-stainless-async': 'async:asyncio' },
    { model: PREVIEW, prompt: 'a fox', n: 1, quality: 'medium', size: '1536x1024', user: 'team-7' },
    { pictures: 1 },
  ),
  post(
    'completion with what only one provider knows at the top',
    CHAT,
    OPENAI_PYTHON,
    {
      model: PREVIEW,
      messages: [{ role: 'user', content: 'draw a fox' }],
      modalities: ['image', 'text'],
      image_config: { aspect_ratio: '16:9' },
    },
    { pictures: 1 },
  ),
  postForm(
    'image_edit',
    EDITS,
    { ...BEARER, accept: '*/*', 'user-agent': 'litellm/1.80.0' },
    [
      ['model', PREVIEW],
      ['prompt', 'a hat'],
      ['image[]', PNG_FILE],
    ],
    { pictures: 1 },
  ),
];

const LOBE = { ...OPENAI_JS, 'http-referer': 'https://lobehub.com', 'x-title': 'LobeHub' };

export const LOBE_CHAT: readonly Sent[] = [
  get('fetches the list of models', '/v1/models', LOBE, { models: 'openai' }),
  post(
    'draws, with the settings of its form at the top',
    GENERATIONS,
    LOBE,
    { model: PREVIEW, n: 1, prompt: 'a fox', aspectRatio: '16:9', imageUrl: undefined, seed: null, size: '1024x1024' },
    { pictures: 1 },
  ),
  post(
    'draws with a model it takes for DALL-E',
    GENERATIONS,
    LOBE,
    { model: 'dall-e-3', n: 1, response_format: 'b64_json', prompt: 'a fox', quality: 'standard', size: '1792x1024' },
    { pictures: 1 },
  ),
  postForm(
    'edits',
    EDITS,
    LOBE,
    [
      ['model', PREVIEW],
      ['n', '1'],
      ['input_fidelity', 'high'],
      ['prompt', 'a hat'],
      ['image', PNG_FILE],
    ],
    { pictures: 1 },
  ),
  post(
    'draws through a chat, for models that end with :image',
    CHAT,
    LOBE,
    {
      messages: [
        {
          content: [
            { text: 'a hat', type: 'text' },
            { image_url: { url: PICTURE_URL }, type: 'image_url' },
          ],
          role: 'user',
        },
      ],
      model: PREVIEW,
      stream: false,
    },
    { pictures: 1 },
  ),
];

const VERCEL = { ...BEARER, accept: '*/*', 'user-agent': 'ai/7.0.173 ai-sdk-provider-utils/5.0.81 node.js/24' };

export const VERCEL_AI: readonly Sent[] = [
  post(
    'openai-compatible image, with options of its user',
    GENERATIONS,
    VERCEL,
    {
      model: PREVIEW,
      prompt: 'a fox',
      n: 1,
      size: '1024x1024',
      quality: 'high',
      user: 'u',
      response_format: 'b64_json',
    },
    { pictures: 1 },
  ),
  post(
    'openai image with seed and ratio, which it leaves out and warns of',
    GENERATIONS,
    VERCEL,
    { model: 'gpt-image-1', prompt: 'a fox', n: 1, size: '1536x1024' },
    { pictures: 1 },
  ),
  post(
    'google image',
    `/v1beta/models/${PREVIEW}:generateContent`,
    { 'x-goog-api-key': KEY, 'user-agent': VERCEL['user-agent'] },
    {
      generationConfig: { responseModalities: ['IMAGE'], imageConfig: { aspectRatio: '16:9' } },
      contents: [{ role: 'user', parts: [{ text: 'a fox' }] }],
    },
    { pictures: 1 },
  ),
  postForm(
    'openai-compatible image, editing',
    EDITS,
    VERCEL,
    [
      ['model', PREVIEW],
      ['prompt', 'a hat'],
      ['image', ['blob', 'image/png']],
      ['n', '1'],
    ],
    { pictures: 1 },
  ),
  post(
    'openai-compatible chat, not streamed',
    CHAT,
    VERCEL,
    { model: PREVIEW, messages: [{ role: 'user', content: 'draw a fox' }] },
    { pictures: 1 },
  ),
];
