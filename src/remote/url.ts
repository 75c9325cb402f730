import { isIP } from 'node:net';

/** Signed addresses of object stores have some two thousand. */
const LONGEST_URL = 8_192;

export interface RemoteUrl {
  readonly url: URL;
  /** A name in lower case without a dot at its end, or an address without brackets. */
  readonly host: string;
}

/**
 * An address that may be asked for a picture, or in words what it must be. WHATWG's parser has read every spelling of a
 * number (octal, hexadecimal, one for all four) by then, and nothing but its result is used afterwards: what is checked
 * is what is called. https://url.spec.whatwg.org/#concept-ipv4-parser
 */
export function readRemoteUrl(text: string, hosts: readonly string[]): RemoteUrl | { readonly problem: string } {
  const written = text.trim();
  // A parser passes over some of these, and takes others for what they are not.
  if (/[\s\\\p{C}]/u.test(written)) return { problem: 'must be an address without blanks and backslashes' };
  if (written.length > LONGEST_URL) return { problem: `must be an address of at most ${LONGEST_URL} characters` };
  const url = URL.parse(written);
  if (url === null) return { problem: 'must be an address such as https://example.com/fox.png' };
  if (url.protocol !== 'https:') return { problem: 'must begin with https://' };
  if (url.port !== '') return { problem: 'must not name a port: pictures are fetched from port 443' };
  if (url.username !== '' || url.password !== '') return { problem: 'must not hold a user name or a password' };
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  // A name without a dot is one of the local network.
  if (isIP(host) === 0 && !/^[^.]+(\.[^.]+)+$/.test(host)) return { problem: NOT_PUBLIC };
  if (hosts.length > 0 && !hosts.some((each) => covers(each, host)))
    return { problem: `must be on one of the hosts that are allowed here: ${hosts.join(', ')}` };
  return { url, host };
}

/** Said alike of a name that nobody knows and of one that leads inside: whoever asks learns nothing of what is inside. */
export const NOT_PUBLIC = 'must lead to a public address';

function covers(allowed: string, host: string): boolean {
  return allowed.startsWith('*.') ? host.endsWith(allowed.slice(1)) : host === allowed;
}
