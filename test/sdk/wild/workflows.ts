import { BEARER, EDITS, GENERATIONS, get, post, postForm, PREVIEW } from './client.ts';
import { PNG_FILE } from '../recorded/request.ts';
import type { Sent } from './client.ts';

/** The OpenAI node; with an organisation in its credential. */
const N8N = {
  ...BEARER,
  accept: 'application/json',
  'user-agent': 'axios/1.12.0',
  'openai-organization': 'org-plantain',
};
/** The HTTP Request node as it comes names pictures, and likes JSON better. */
const N8N_HTTP = {
  ...BEARER,
  accept: 'application/json,text/html,application/xhtml+xml,application/xml,text/*;q=0.9, image/*;q=0.8, */*;q=0.7',
  'user-agent': 'axios/1.12.0',
};

export const N8N_NODES: readonly Sent[] = [
  get('OpenAI node searches models', '/v1/models', N8N, { models: 'openai' }),
  post(
    'OpenAI node, DALL-E 3 by default',
    GENERATIONS,
    N8N,
    {
      prompt: 'a fox',
      model: 'dall-e-3',
      response_format: 'b64_json',
      quality: 'hd',
      size: '1024x1024',
      style: 'vivid',
    },
    { pictures: 1 },
  ),
  post(
    'OpenAI node, links in place of bytes',
    GENERATIONS,
    N8N,
    { prompt: 'a fox', model: 'dall-e-2', response_format: 'url', n: 2, size: '512x512' },
    { pictures: 2, as: 'link' },
  ),
  post('OpenAI node, GPT Image', GENERATIONS, N8N, { prompt: 'a fox', model: 'gpt-image-1-mini' }, { pictures: 1 }),
  post('HTTP Request node', GENERATIONS, N8N_HTTP, { model: PREVIEW, prompt: 'a fox' }, { pictures: 1 }),
  postForm(
    'OpenAI node, editing',
    EDITS,
    N8N,
    [
      ['image[]', PNG_FILE],
      ['prompt', 'a hat'],
      ['model', 'gpt-image-1'],
      ['n', '1'],
      ['size', '1024x1024'],
      ['output_compression', '100'],
      ['quality', 'auto'],
    ],
    { pictures: 1 },
  ),
];
