import { KEY } from '../../support/gateway.ts';
import { JSON_TYPE, form, pictures, refused, GENERATIONS, EDITS, VARIATIONS, CHAT } from './request.ts';
import type { Recorded, Headers } from './request.ts';

function openaiPython(type: Headers[number] = JSON_TYPE): Headers {
  return [
    ['Accept-Encoding', 'gzip, deflate'],
    ['Connection', 'keep-alive'],
    ['authorization', `Bearer ${KEY}`],
    ['accept', 'application/json'],
    type,
    ['user-agent', 'OpenAI/Python 3.22.1'],
    ['x-stainless-lang', 'python'],
    ['x-stainless-package-version', '3.22.1'],
    ['x-stainless-os', 'Linux'],
    ['x-stainless-arch', 'x64'],
    ['x-stainless-runtime', 'CPython'],
    ['x-stainless-runtime-version', '3.11.7'],
    ['x-stainless-async', 'false'],
    ['x-stainless-retry-count', '0'],
    ['x-stainless-read-timeout', '600'],
  ];
}

const pythonForm = form('73b98e1e333a302abe40b858c9c2de90', [
  ['prompt', 'hat'],
  ['model', 'gpt-image-1'],
  ['image', ['x.png', 'image/png']],
  ['mask', ['x.png', 'image/png']],
]);
const pythonFormRaw = form('35c9358f376843fa6c2f0efc75377997', [
  ['n', '1'],
  ['image', ['upload', 'application/octet-stream']],
]);
export const OPENAI_PYTHON: readonly Recorded[] = [
  {
    name: 'openai-python images.generate with extra_body merged in',
    line: GENERATIONS,
    headers: openaiPython(),
    body: '{"prompt":"otter","model":"gpt-image-1","n":1,"size":"1024x1024","aspect_ratio":"16:9","google":{"image_config":{"image_size":"2K"}}}',
    expected: pictures('openai', '2752x1536'),
  },
  {
    name: 'openai-python images.generate as a stream',
    line: GENERATIONS,
    headers: openaiPython(),
    body: '{"prompt":"otter","model":"gpt-image-1","partial_images":1,"stream":true}',
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'openai-python images.edit',
    line: EDITS,
    headers: openaiPython(pythonForm.type),
    body: pythonForm.body,
    expected: refused('openai', /^mask/),
  },
  {
    name: 'openai-python images.create_variation of raw bytes',
    line: VARIATIONS,
    headers: openaiPython(pythonFormRaw.type),
    body: pythonFormRaw.body,
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'openai-python chat with extra_body',
    line: CHAT,
    headers: openaiPython(),
    body: '{"messages":[{"role":"user","content":"draw"}],"model":"nano-banana-2","modalities":["image","text"],"image_config":{"aspect_ratio":"16:9"},"extra_body":{"google":{"thinking_config":{"include_thoughts":true}}}}',
    expected: pictures('openai', '1376x768'),
  },
];
