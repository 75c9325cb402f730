/** What a client was answered. */
export interface Seen {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly shouldRetry: string | null;
}

/**
 * The network for an SDK under test: it may retry as it sees fit, but never waits for it. OpenAI's SDK reads
 * `retry-after-ms` before all else; whether it retries at all is still the gateway's word and its own.
 */
export function impatient(): { readonly fetch: typeof fetch; readonly seen: readonly Seen[] } {
  const seen: Seen[] = [];
  return {
    seen,
    async fetch(...request) {
      const reply = await fetch(...request);
      seen.push({
        status: reply.status,
        retryAfter: reply.headers.get('retry-after'),
        shouldRetry: reply.headers.get('x-should-retry'),
      });
      const headers = new Headers(reply.headers);
      headers.set('retry-after-ms', '1');
      return new Response(reply.body, { status: reply.status, headers });
    },
  };
}
