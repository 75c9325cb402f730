import type { Standing } from '../tenants/rate-limit.ts';

/** A limit of so many a minute, and where its tenant stands. */
export interface Quota extends Standing {
  readonly unit: 'requests' | 'images';
}

const WINDOW_SECONDS = 60;

/** Which vendor's callers read the headers, and so the form they know. */
export type LimitReader = 'openai' | { readonly claudeAt: number };

/**
 * Where a tenant stands with its limits: as OpenAI tells its callers or, at `claudeAt` (unix ms), as Claude tells its own
 * (https://docs.claude.com/en/api/rate-limits#response-headers), and to both as two lists of
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11. No partition key: there is one
 * partition for each tenant, and its callers know who they are.
 */
export function limitHeaders(quotas: readonly Quota[], reader: LimitReader): Record<string, string> {
  if (quotas.length === 0) return {};
  const headers: Record<string, string> = {
    'ratelimit-policy': quotas
      .map(({ unit, limit }) => `"${unit}";q=${limit};w=${WINDOW_SECONDS};qu="${unit}"`)
      .join(', '),
    ratelimit: quotas
      .map(({ unit, remaining, resetMs }) => `"${unit}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`)
      .join(', '),
  };
  for (const { unit, limit, remaining, resetMs } of quotas) {
    const isClaude = typeof reader === 'object';
    const name = (what: string): string =>
      isClaude ? `anthropic-ratelimit-${unit}-${what}` : `x-ratelimit-${what}-${unit}`;
    headers[name('limit')] = String(limit);
    headers[name('remaining')] = String(remaining);
    headers[name('reset')] = isClaude ? rfc3339(reader.claudeAt + resetMs) : goDuration(resetMs);
  }
  return headers;
}

/** A time (unix ms) in whole seconds, and never before it is over: `2026-11-27T12:00:01Z`. */
function rfc3339(at: number): string {
  return new Date(Math.ceil(at / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

/** Whole milliseconds as Go writes them: `0s`, `20ms`, `1.5s`, `6m0s`. https://pkg.go.dev/time#Duration.String */
export function goDuration(ms: number): string {
  if (ms > 0 && ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  return minutes === 0 ? seconds : `${minutes}m${seconds}`;
}
