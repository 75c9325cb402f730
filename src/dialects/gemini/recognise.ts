import type { Asked } from '../dialect.ts';

/** OpenAI's paths, wherever a base URL puts them: none of them is anybody else's. */
const OPENAI_PATH =
  /^(?:\/v1beta\/openai(?:\/|$)|(?:\/v1|\/v1beta)?\/(?:images|chat|responses|completions|embeddings|audio)(?:\/|$))/;
const GOOGLE_PATH = /^\/(?:v1beta|v1alpha|upload|download)(?:\/|$)|\/models\/[^/]+(?::|%3a)[a-z]+$/i;

/**
 * Google's SDKs since 3.0 use `/v1` as OpenAI's do: there, only what they send along tells them apart.
 * `x-goog-api-client` is the mark of Google's, `x-stainless-lang` that of OpenAI's, whatever keys their users add.
 */
export function recognises({ path, query, headers }: Asked): boolean {
  if (headers['x-goog-api-client'] !== undefined) return true;
  if (OPENAI_PATH.test(path)) return false;
  if (GOOGLE_PATH.test(path)) return true;
  if (headers['x-stainless-lang'] !== undefined) return false;
  return headers['x-goog-api-key'] !== undefined || /(^|&)key=/.test(query);
}
