import type { IncomingMessage } from 'node:http';
import { invalidKey, invalidToken, missingKey } from './errors.ts';

/** Key in the header, then in the query, then a Bearer token. `keys` absent: any that is not empty will do. */
export function authenticate(request: IncomingMessage, query: URLSearchParams, keys?: readonly string[]): void {
  const header = request.headers['x-goog-api-key'];
  const key = (typeof header === 'string' ? header : '') || query.get('key') || query.get('$key') || '';
  const token = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const accepted = (given: string): boolean => keys === undefined || keys.includes(given);
  if (key) {
    if (!accepted(key)) throw invalidKey();
  } else if (!token) throw missingKey();
  else if (!accepted(token)) throw invalidToken();
}
