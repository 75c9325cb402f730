import { KEY } from '../../support/gateway.ts';
import {
  JSON_TYPE,
  UNDICI,
  KEEP_ALIVE,
  form,
  PNG,
  PNG_FILE,
  pictures,
  listed,
  refused,
  noModel,
  GENERATIONS,
  EDITS,
  VARIATIONS,
  CHAT,
} from './request.ts';
import type { Recorded, Headers } from './request.ts';

function openaiNode(type: Headers[number] | null = JSON_TYPE, retry = '0', extra: Headers = []): Headers {
  return [
    KEEP_ALIVE,
    ['accept', 'application/json'],
    ['user-agent', 'OpenAI/JS 7.57.0'],
    ['x-stainless-retry-count', retry],
    ['x-stainless-lang', 'js'],
    ['x-stainless-package-version', '7.57.0'],
    ['x-stainless-os', 'Linux'],
    ['x-stainless-arch', 'x64'],
    ['x-stainless-runtime', 'node'],
    ['x-stainless-runtime-version', 'v24.21.0'],
    ['authorization', `Bearer ${KEY}`],
    ...(type === null ? [] : [type]),
    ...extra,
    ...UNDICI,
  ];
}

const nodeForm = form('----formdata-undici-091313480600', [
  ['model', 'gpt-image-1'],
  ['prompt', 'hat'],
  ['image', PNG_FILE],
  ['mask', ['m.png', 'image/png']],
  ['n', '1'],
  ['size', '1536x1024'],
  ['input_fidelity', 'high'],
]);
const nodeFormArray = form('----formdata-undici-070925799354', [
  ['model', 'gpt-image-1'],
  ['prompt', 'hat'],
  ['image[]', PNG_FILE],
  ['image[]', ['b.png', 'image/png']],
]);
const nodeFormStream = form('----formdata-undici-012284705373', [
  ['model', 'gpt-image-1'],
  ['prompt', 'hat'],
  ['image', PNG_FILE],
  ['stream', 'true'],
  ['partial_images', '1'],
]);
const nodeFormVariation = form('----formdata-undici-028483631205', [
  ['image', PNG_FILE],
  ['n', '1'],
  ['size', '256x256'],
  ['model', 'dall-e-2'],
]);
export const OPENAI_NODE: readonly Recorded[] = [
  {
    name: 'openai-node images.generate with every option',
    line: GENERATIONS,
    headers: openaiNode(),
    body: '{"model":"gpt-image-1","prompt":"otter","n":2,"size":"1024x1024","quality":"high","output_format":"png","background":"auto","response_format":"b64_json","user":"u1"}',
    expected: pictures('openai', '1024x1024', '1024x1024'),
  },
  {
    name: 'openai-node images.generate with a literal extra_body and the same at top level',
    line: GENERATIONS,
    headers: openaiNode(),
    body: '{"model":"gpt-image-1","prompt":"x","seed":5,"extra_body":{"aspect_ratio":"16:9"},"aspect_ratio":"16:9"}',
    expected: pictures('openai', '1376x768'),
  },
  {
    name: 'openai-node images.generate with a header of its caller’s and a model nobody has',
    line: GENERATIONS,
    headers: openaiNode(JSON_TYPE, '0', [['x-extra', '1']]),
    body: '{"model":"m","prompt":"x"}',
    expected: noModel,
  },
  {
    name: 'openai-node images.generate, the second retry',
    line: GENERATIONS,
    headers: openaiNode(JSON_TYPE, '2'),
    body: '{"model":"dall-e-3","prompt":"x"}',
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'openai-node images.generate as a stream',
    line: GENERATIONS,
    headers: openaiNode(),
    body: '{"model":"gpt-image-1","prompt":"otter","stream":true,"partial_images":2}',
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'openai-node images.edit, one file',
    line: EDITS,
    headers: openaiNode(nodeForm.type),
    body: nodeForm.body,
    expected: refused('openai', /^mask/),
  },
  {
    name: 'openai-node images.edit, a list',
    line: EDITS,
    headers: openaiNode(nodeFormArray.type),
    body: nodeFormArray.body,
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'openai-node images.edit as a stream',
    line: EDITS,
    headers: openaiNode(nodeFormStream.type),
    body: nodeFormStream.body,
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'openai-node images.createVariation',
    line: VARIATIONS,
    headers: openaiNode(nodeFormVariation.type),
    body: nodeFormVariation.body,
    expected: pictures('openai', '512x512'),
  },
  { name: 'openai-node models.list', line: 'GET /v1/models', headers: openaiNode(null), expected: listed('openai', 3) },
  {
    name: 'openai-node models.retrieve of a name with a slash',
    line: 'GET /v1/models/google%2Fgemini-3-pro-image-preview',
    headers: openaiNode(null),
    expected: listed('openai', 1),
  },
  {
    name: 'openai-node chat with a picture',
    line: CHAT,
    headers: openaiNode(),
    body: `{"model":"nano-banana-2","modalities":["image","text"],"image_config":{"aspect_ratio":"16:9"},"extra_body":{"google":{}},"messages":[{"role":"user","content":[{"type":"text","text":"draw"},{"type":"image_url","image_url":{"url":"data:image/png;base64,${PNG}"}}]}]}`,
    expected: pictures('openai', '1376x768'),
  },
  {
    name: 'openai-node chat as a stream',
    line: CHAT,
    headers: openaiNode(),
    body: '{"model":"m","stream":true,"stream_options":{"include_usage":true},"modalities":["image","text"],"messages":[{"role":"user","content":"draw"}]}',
    expected: noModel,
  },
  {
    name: 'openai-node responses with the image tool',
    line: 'POST /v1/responses',
    headers: openaiNode(),
    body: '{"model":"m","input":"draw","tools":[{"type":"image_generation","size":"1024x1024"}]}',
    expected: noModel,
  },
];
