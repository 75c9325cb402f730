import { KEY } from '../../support/gateway.ts';
import { PNG, pictures, listed, noMethod, uploading, flash, NATIVE_STREAM } from './request.ts';
import type { Recorded, Headers } from './request.ts';

function genaiPython(extra: Headers = []): Headers {
  const agent = 'google-genai-sdk/2.25.0 gl-python/3.11.7';
  return [
    ['Accept', '*/*'],
    ['Accept-Encoding', 'gzip, deflate'],
    ['Connection', 'keep-alive'],
    ['Content-Type', 'application/json'],
    ['x-goog-api-key', KEY],
    ['user-agent', agent],
    ['x-goog-api-client', agent],
    ...extra,
  ];
}

export const GENAI_PYTHON: readonly Recorded[] = [
  {
    name: 'genai Python with both spellings in one body',
    line: flash('generateContent', '/v1beta'),
    headers: genaiPython(),
    body: `{"contents": [{"parts": [{"text": "draw"}, {"inlineData": {"data": "${PNG.replaceAll('+', '-').replaceAll('/', '_')}", "mime_type": "image/png"}}], "role": "user"}], "tools": [{"googleSearch": {"searchTypes": {"web_search": {}, "image_search": {}}}}], "generationConfig": {"seed": 3, "responseModalities": ["TEXT", "IMAGE"], "thinkingConfig": {"include_thoughts": true, "thinking_level": "HIGH"}, "imageConfig": {"aspectRatio": "16:9", "imageSize": "512"}}}`,
    expected: pictures('gemini', '688x384'),
  },
  {
    name: 'genai Python with a modality in mixed case',
    line: flash('generateContent', '/v1beta'),
    headers: genaiPython(),
    body: '{"contents": [{"parts": [{"text": "x"}], "role": "user"}], "systemInstruction": {"parts": [{"text": "s"}], "role": "user"}, "tools": [{"googleSearch": {}}], "generationConfig": {"responseModalities": ["Image"]}}',
    expected: pictures('gemini', '1024x1024'),
  },
  {
    name: 'genai Python as a stream',
    line: flash(NATIVE_STREAM, '/v1beta'),
    headers: genaiPython(),
    body: '{"contents": [{"parts": [{"text": "x"}], "role": "user"}]}',
    expected: pictures('gemini', '1024x1024'),
  },
  {
    name: 'genai Python batches.create',
    line: flash('batchGenerateContent', '/v1beta'),
    headers: genaiPython(),
    body: '{"batch": {"inputConfig": {"requests": {"requests": [{"request": {"contents": [{"parts": [{"text": "a"}], "role": "user"}], "generationConfig": {"responseModalities": ["IMAGE"]}}}]}}, "displayName": "d"}}',
    expected: noMethod,
  },
  {
    name: 'genai Python files.upload, its beginning',
    line: 'POST /upload/v1beta/files',
    headers: genaiPython([
      ['X-Goog-Upload-Protocol', 'resumable'],
      ['X-Goog-Upload-Command', 'start'],
      ['X-Goog-Upload-Header-Content-Length', '70'],
      ['X-Goog-Upload-Header-Content-Type', 'image/png'],
      ['X-Goog-Upload-File-Name', 'x.png'],
    ]),
    body: '{"file": {"mime_type": "image/png", "size_bytes": 70}}',
    expected: uploading,
  },
  {
    name: 'genai Python models.list',
    line: 'GET /v1beta/models',
    headers: genaiPython(),
    expected: listed('gemini', 3),
  },
];
