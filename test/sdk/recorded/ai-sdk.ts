import { KEY } from '../../support/gateway.ts';
import {
  JSON_TYPE,
  UNDICI,
  KEEP_ALIVE,
  BEARER,
  form,
  PNG,
  BLOB_FILE,
  pictures,
  refused,
  noModel,
  GENERATIONS,
  EDITS,
  CHAT,
  flash,
  NATIVE_STREAM,
} from './request.ts';
import type { Recorded, Headers } from './request.ts';

function aiSdk(credential: Headers[number], type: Headers[number] = JSON_TYPE): Headers {
  const agent = ['user-agent', 'ai/7.0.173 ai-sdk-provider-utils/5.0.81 node.js/24'] as const;
  const order = credential[0] === 'authorization' ? [credential, type, agent] : [type, agent, credential];
  return [KEEP_ALIVE, ...order, ['accept', '*/*'], ...UNDICI];
}
const GOOGLE_KEY = ['x-goog-api-key', KEY] as const;

const aiFormOne = form('----formdata-undici-023870122362', [
  ['model', 'gpt-image-1'],
  ['prompt', 'hat'],
  ['image', BLOB_FILE],
  ['n', '1'],
]);
const aiForm = form('----formdata-undici-040602752058', [
  ['model', 'gpt-image-1'],
  ['prompt', 'hat'],
  ['image[]', BLOB_FILE],
  ['image[]', BLOB_FILE],
  ['mask', BLOB_FILE],
  ['n', '1'],
]);

export const AI_SDK: readonly Recorded[] = [
  {
    name: 'AI SDK openai.image of a model it knows, transparent',
    line: GENERATIONS,
    headers: aiSdk(BEARER),
    body: '{"model":"gpt-image-1","prompt":"x","n":2,"size":"1024x1024","quality":"high","background":"transparent"}',
    expected: refused('openai', /background/),
  },
  {
    name: 'AI SDK openai.image, as it retries',
    line: GENERATIONS,
    headers: aiSdk(BEARER),
    body: '{"model":"gpt-image-1","prompt":"x","n":1}',
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'AI SDK openai.image of a model it does not know',
    line: GENERATIONS,
    headers: aiSdk(BEARER),
    body: '{"model":"gemini-3.1-flash-image-preview","prompt":"x","n":1,"size":"1024x1024","response_format":"b64_json"}',
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'AI SDK openai-compatible image',
    line: GENERATIONS,
    headers: aiSdk(BEARER),
    body: '{"model":"m","prompt":"x","n":1,"size":"1024x1024"}',
    expected: noModel,
  },
  {
    name: 'AI SDK openai.image from one picture',
    line: EDITS,
    headers: aiSdk(BEARER, aiFormOne.type),
    body: aiFormOne.body,
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'AI SDK openai.image from several and a mask',
    line: EDITS,
    headers: aiSdk(BEARER, aiForm.type),
    body: aiForm.body,
    expected: refused('openai', /^mask/),
  },
  {
    name: 'AI SDK openai-compatible chat',
    line: CHAT,
    headers: aiSdk(BEARER),
    body: '{"model":"nano-banana-2","messages":[{"role":"user","content":"draw"}]}',
    expected: pictures('openai', '1024x1024'),
  },
  {
    name: 'AI SDK google.image with seed and size',
    line: flash('generateContent', '/v1beta'),
    headers: aiSdk(GOOGLE_KEY),
    body: '{"generationConfig":{"seed":5,"responseModalities":["IMAGE"],"imageConfig":{"aspectRatio":"16:9","imageSize":"2K"}},"contents":[{"role":"user","parts":[{"text":"x"}]}]}',
    expected: pictures('gemini', '2752x1536'),
  },
  {
    name: 'AI SDK google.image, one call of two',
    line: flash('generateContent', '/v1beta'),
    headers: aiSdk(GOOGLE_KEY),
    body: '{"generationConfig":{"responseModalities":["IMAGE"]},"contents":[{"role":"user","parts":[{"text":"x"}]}]}',
    expected: pictures('gemini', '1024x1024'),
  },
  {
    name: 'AI SDK google.image from a picture',
    line: 'POST /v1beta/models/gemini-3-pro-image-preview:generateContent',
    headers: aiSdk(GOOGLE_KEY),
    body: `{"generationConfig":{"responseModalities":["IMAGE"]},"contents":[{"role":"user","parts":[{"text":"hat"},{"inlineData":{"mimeType":"image/png","data":"${PNG}"}}]}]}`,
    expected: pictures('gemini', '1024x1024'),
  },
  {
    name: 'AI SDK generateText with pictures',
    line: flash('generateContent', '/v1beta'),
    headers: aiSdk(GOOGLE_KEY),
    body: '{"generationConfig":{"responseModalities":["TEXT","IMAGE"],"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"high"},"imageConfig":{"aspectRatio":"16:9","imageSize":"512"}},"contents":[{"role":"user","parts":[{"text":"draw"}]}]}',
    expected: pictures('gemini', '688x384'),
  },
  {
    name: 'AI SDK streamText with pictures',
    line: flash(NATIVE_STREAM, '/v1beta'),
    headers: aiSdk(GOOGLE_KEY),
    body: '{"generationConfig":{"responseModalities":["TEXT","IMAGE"]},"contents":[{"role":"user","parts":[{"text":"draw"}]}]}',
    expected: pictures('gemini', '1024x1024'),
  },
];
