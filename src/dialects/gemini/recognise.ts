import type { Asked } from '../dialect.ts';

/**
 * Google's SDKs since 3.0 use `/v1` as OpenAI's do: there, only what they send along tells them apart.
 */
export function recognises({ path, query, headers }: Asked): boolean {
  if (/^\/v1beta\/openai(\/|$)/.test(path)) return false;
  if (/^\/+(v1beta|v1alpha|upload|download)(\/|$)/.test(path) || /\/models\/[^/]+(:|%3a)[a-z]+\/?$/i.test(path))
    return true;
  return (
    headers['x-goog-api-key'] !== undefined || headers['x-goog-api-client'] !== undefined || /(^|&)key=/.test(query)
  );
}
