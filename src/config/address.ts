import { isIPv4 } from 'node:net';

/** An IP address or a host name, without brackets. */
export const HOST_PATTERN = '^[A-Za-z0-9._:-]+$';

/** `base` has no trailing slash. */
export type Base = { readonly base: string } | { readonly problem: string };

/** An address that paths are appended to. */
export function parseBase(text: string): Base {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    return { problem: 'must be an address that begins with http:// or https://' };
  if (url.username !== '' || url.password !== '') return { problem: 'must not hold a user name or password' };
  if (text.includes('?') || text.includes('#')) return { problem: 'must not hold a query or a fragment' };
  return { base: `${url.origin}${url.pathname.replace(/\/+$/, '')}` };
}

/** Only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Where somebody on this machine reaches what listens there. */
export function localUrl(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

const THIS_MACHINE = ['localhost', '127.0.0.1', '::1'];
const EVERY_ADDRESS = ['0.0.0.0', '::'];

/** Whether `base` is what listens at `host` and `port`. Other names that lead there are not looked up. */
export function leadsTo(base: string, { host, port }: { readonly host: string; readonly port: number }): boolean {
  const url = new URL(base);
  if (Number(url.port || (url.protocol === 'https:' ? 443 : 80)) !== port) return false;
  const named = url.hostname.replace(/^\[|\]$/g, '');
  return named === host || (THIS_MACHINE.includes(named) && [...THIS_MACHINE, ...EVERY_ADDRESS].includes(host));
}
