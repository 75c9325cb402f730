import type { Asked } from '../dialect.ts';

/** OpenAI's paths, wherever a base URL puts them. */
const OPENAI_PATH = /^\/+v1beta\/+(?:openai|images|chat|responses)(?:\/|$)/;

/**
 * Google's SDKs since 3.0 use `/v1` as OpenAI's do: there, only what they send along tells them apart. `x-stainless-lang`
 * is the mark of OpenAI's SDKs, whatever keys their users add.
 */
export function recognises({ path, query, headers }: Asked): boolean {
  if (OPENAI_PATH.test(path)) return false;
  if (/^\/+(v1beta|v1alpha|upload|download)(\/|$)/.test(path) || /\/models\/[^/]+(:|%3a)[a-z]+\/?$/i.test(path))
    return true;
  if (headers['x-goog-api-client'] !== undefined) return true;
  if (headers['x-stainless-lang'] !== undefined) return false;
  return headers['x-goog-api-key'] !== undefined || /(^|&)key=/.test(query);
}
