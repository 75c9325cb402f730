import type { Asked } from '../dialect.ts';

/** Its own path, wherever a base URL puts it. */
const CLAUDE_PATH = /^(?:\/v1|\/v1beta)*\/messages(?:\/|$)/;

/** Every call of Claude's SDKs has the header, and no call of another vendor's: what else they send tells nothing. */
export function recognises({ path, headers }: Asked): boolean {
  return CLAUDE_PATH.test(path) || headers['anthropic-version'] !== undefined;
}
