import type { IncomingHttpHeaders } from 'node:http';
import type { Answered, Facts } from './exchange.ts';
import { commonHeaders } from './exchange.ts';

// https://fetch.spec.whatwg.org/#http-cors-protocol. Keys travel in headers of a page's own making and never in cookies,
// so no answer allows credentials.

export interface Cors {
  /** For every answer; nothing for a caller that is no page, or not one of those that may. `vary`: the answer's own. */
  headers(request: IncomingHttpHeaders, vary: string): Record<string, string>;
  /** The answer to a preflight of a path served with these methods; null: it is none, or of a page that may not. */
  preflight(request: IncomingHttpHeaders, allow: string, facts: Facts): Answered | null;
}

const PREFLIGHT_SECONDS = 7200;

/** Names of headers, as a browser lists them. Longer lists are nobody's. */
const HEADER_NAMES = /^[a-z0-9!#$%&'*+.^_`|~, -]{1,2000}$/i;

/** `origins`: those of pages that may call; `*` is every one; none: every page is as good as a stranger to a browser. */
export function createCors(origins: readonly string[]): Cors {
  const mayCall = (origin: string | undefined): origin is string =>
    origin !== undefined && (origins.includes('*') || origins.includes(origin.toLowerCase()));

  return {
    headers({ origin }, vary) {
      if (origins.length === 0) return {};
      // Whoever asks, a cache between must not give one origin's answer to another.
      const told = { vary: vary === '' ? 'Origin' : `${vary}, Origin` };
      if (!mayCall(origin)) return told;
      return { ...told, 'access-control-allow-origin': allowed(origins, origin), 'access-control-expose-headers': '*' };
    },
    preflight(request, allow, facts) {
      const asked = request['access-control-request-headers'];
      if (!mayCall(request.origin) || request['access-control-request-method'] === undefined) return null;
      const headers = {
        ...commonHeaders(facts.requestId),
        'access-control-allow-methods': allow,
        ...(asked !== undefined && HEADER_NAMES.test(asked) && { 'access-control-allow-headers': asked }),
        'access-control-max-age': String(PREFLIGHT_SECONDS),
        // https://wicg.github.io/private-network-access: a page on the web, and a gateway on this machine.
        ...(request['access-control-request-private-network'] === 'true' && {
          'access-control-allow-private-network': 'true',
        }),
        vary: 'Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
      };
      return { reply: { status: 204, headers, chunks: [], byteLength: 0 } };
    },
  };
}

function allowed(origins: readonly string[], origin: string): string {
  return origins.includes('*') ? '*' : origin;
}
