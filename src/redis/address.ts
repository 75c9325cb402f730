/** Where a Redis is. `url` may hold a password; `shown` never does. */
export type RedisAddress = { readonly url: string; readonly shown: string } | { readonly problem: string };

const NEEDED =
  'must be redis://host:6379 (rediss:// for TLS), with :password@ before the host and /number behind it where need be';

/** Reads `redis[s]://[[user]:password@]host[:port][/database]`: https://www.iana.org/assignments/uri-schemes/prov/redis */
export function parseRedisAddress(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '') return { problem: NEEDED };
  if (!/^\/?\d*$/.test(url.pathname)) return { problem: 'must name its database by a number: redis://host:6379/0' };
  if (url.search !== '' || url.hash !== '') return { problem: 'must not hold a query or a fragment' };
  if (url.username !== '' && url.password === '')
    return { problem: 'must name a password beside the user: redis://user:password@host, or redis://:password@host' };
  const secret = url.password === '' ? '' : `${url.username}:***@`;
  return { url: text, shown: `${url.protocol}//${secret}${url.host}${url.pathname === '/' ? '' : url.pathname}` };
}
