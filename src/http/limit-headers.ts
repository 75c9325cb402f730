import type { Standing } from '../tenants/rate-limit.ts';

/** A limit of so many a minute, and where its tenant stands. */
export interface Quota extends Standing {
  readonly unit: 'requests' | 'images';
}

const WINDOW_SECONDS = 60;

/**
 * Where a tenant stands with its limits: as OpenAI tells its callers, and as two lists of
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11. No partition key: there is one
 * partition for each tenant, and its callers know who they are.
 */
export function limitHeaders(quotas: readonly Quota[]): Record<string, string> {
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
    headers[`x-ratelimit-limit-${unit}`] = String(limit);
    headers[`x-ratelimit-remaining-${unit}`] = String(remaining);
    headers[`x-ratelimit-reset-${unit}`] = goDuration(resetMs);
  }
  return headers;
}

/** Whole milliseconds as Go writes them: `0s`, `20ms`, `1.5s`, `6m0s`. https://pkg.go.dev/time#Duration.String */
export function goDuration(ms: number): string {
  if (ms > 0 && ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  return minutes === 0 ? seconds : `${minutes}m${seconds}`;
}
