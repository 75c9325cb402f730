import type { IncomingHttpHeaders } from 'node:http';
import type { Patience } from '../gateway.ts';

/**
 * How long SDKs say they wait, in seconds. OpenAI's and Anthropic's of JavaScript round down, those of Python may say
 * `NOT_GIVEN`; Google's round up, so that nearly a second of theirs may not be there.
 */
const HEADERS = [
  { name: 'x-stainless-timeout', tooMuchMs: 0 },
  { name: 'x-stainless-read-timeout', tooMuchMs: 0 },
  { name: 'x-server-timeout', tooMuchMs: 1_000 },
] as const;

/** For the way there and back, and for what is done to a picture that has just come: a fifth of it, and no more than that. */
const MARGIN_MS = 1_000;
const MARGIN_SHARE = 0.2;

/** Until when its client waits for an answer to what was asked at `now`, by a clock that is never set. */
export function readPatience(headers: IncomingHttpHeaders, now: number): Patience {
  const waits = HEADERS.flatMap(({ name, tooMuchMs }) => {
    const value = headers[name];
    const ms = typeof value === 'string' && /^\d{1,7}(?:\.\d{1,9})?$/.test(value.trim()) ? Number(value) * 1000 : 0;
    return ms > 0 ? [ms - Math.min(tooMuchMs, ms / 2)] : [];
  });
  const leastMs = Math.min(...waits, Infinity);
  const ms = leastMs === Infinity ? Infinity : leastMs - Math.min(MARGIN_MS, leastMs * MARGIN_SHARE);
  return { ms, until: now + ms };
}
