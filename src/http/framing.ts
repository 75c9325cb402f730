import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.ts';

/*
 * What the parser lets through and two programs on the way may still read differently: whoever stands before this one may
 * have taken the end of such a request, or its host, for another. https://www.rfc-editor.org/rfc/rfc9112
 */

/** Why a request is not answered as what it seems to be, and neither is what follows it on its connection; null: it is whole and plain. */
export function framingFault({ headers, httpVersion, rawHeaders, url = '' }: IncomingMessage): GatewayError | null {
  // Section 2.3: the parser knows others too.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return fault('Only HTTP/1.1 and HTTP/1.0 are served here.');
  const coding = headers['transfer-encoding'];
  // Section 6.1: HTTP/1.0 has no codings, and between two of its readers the body has two ends.
  if (coding !== undefined && httpVersion === '1.0')
    return fault('Transfer-Encoding is not for HTTP/1.0. Send a Content-Length, or HTTP/1.1.');
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return fault('Transfer-Encoding may be "chunked" here and nothing else.');
  const hosts = hostsIn(rawHeaders);
  const [host] = hosts;
  // Section 3.2.
  if (hosts.length > 1) return fault('There is more than one Host header: send one.');
  if (host === undefined)
    return httpVersion === '1.0' ? null : fault('The Host header is missing: HTTP/1.1 requires it.');
  if (!HOST.test(host)) return fault('The Host header is no host: send a name or an address, and perhaps a port.');
  const named = ABSOLUTE.exec(url)?.[1];
  if (named !== undefined && named.toLowerCase() !== host.toLowerCase())
    return fault('The request names one host in its first line and another in its Host header.');
  return null;
}

/** https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2; empty where the target has none. */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-f:.]+\])(?::\d*)?$/i;
const HOST_NAME = 'host';
const ABSOLUTE = /^https?:\/\/([^/?#]*)/i;

/** Names and values by turns. Every request is looked through, so that nothing is made for those that are well. */
function hostsIn(rawHeaders: readonly string[]): readonly string[] {
  const hosts: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === HOST_NAME.length && name.toLowerCase() === HOST_NAME) hosts.push(rawHeaders[index + 1]!);
  }
  return hosts;
}

/** The connection ends with it: nobody knows where the next request on it would begin. */
function fault(message: string): GatewayError {
  return new GatewayError('invalid_request', message, {
    status: 400,
    code: 'bad_request',
    headers: { connection: 'close' },
  });
}
