import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** Of `example.test` and all below it, and of `other.test`. It is no secret: it stands for the web in tests, and signs itself. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMwTefn93abe8wdGY
z9KpS3c04cV52REkKl9Yx66vvXuhRANCAASwvsTWf1sLoBXE+hZ52WD245GQgN5L
X+2FLhNCKM4VZ/YzAWH6tqz+EFP883bd1TAi3/qdxOO9BmtdyHinQvWP
-----END PRIVATE KEY-----
`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBxjCCAWygAwIBAgIUGQDyPHsnL5UXe/lY0EYocKUDI0QwCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRcGljdHVyZXMgb2YgdGVzdHMwIBcNMjYxMTI4MDExNTU0WhgP
MjEyNjExMDQwMTE1NTRaMBwxGjAYBgNVBAMMEXBpY3R1cmVzIG9mIHRlc3RzMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsL7E1n9bC6AVxPoWedlg9uORkIDeS1/t
hS4TQijOFWf2MwFh+ras/hBT/PN23dUwIt/6ncTjvQZrXch4p0L1j6OBiTCBhjAd
BgNVHQ4EFgQUkKkuWWgCCGsHCKgHIDLG4KU1UO0wHwYDVR0jBBgwFoAUkKkuWWgC
CGsHCKgHIDLG4KU1UO0wMwYDVR0RBCwwKoIMZXhhbXBsZS50ZXN0gg4qLmV4YW1w
bGUudGVzdIIKb3RoZXIudGVzdDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMC
A0gAMEUCIQClqwNTVXkG86gXb3KiVCWxlK/8/2KAi9aPO396+qdpVAIgDEeYuno5
IekSkDpfH08u8mqE36EWivr4SWZfboVsnks=
-----END CERTIFICATE-----
`;

/** An address of the public internet, as far as anybody can tell from it. Nothing is ever sent there. */
export const PUBLIC = '93.184.215.14';

export interface TestWeb {
  /** Where all that is found good is called, as the gateway's options have it. */
  readonly web: { readonly address: string; readonly port: number; readonly ca: string };
  /** Names and their addresses, asked in turn where there are several. A name that is not there is unknown. */
  readonly names: Map<string, readonly (readonly string[])[]>;
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Names that were looked up, and requests that came. */
  readonly lookUps: string[];
  readonly requests: IncomingMessage[];
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A web of one server, which answers by path. Closed when the test is done. */
export async function startWeb(answers: Readonly<Record<string, Answer>>): Promise<TestWeb> {
  const requests: IncomingMessage[] = [];
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
    requests.push(request);
    const answer = answers[new URL(request.url ?? '/', 'https://x').pathname];
    if (answer !== undefined) return answer(request, response);
    response.writeHead(404).end('no such thing');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const names = new Map<string, readonly (readonly string[])[]>([
    ['example.test', [[PUBLIC]]],
    ['pictures.example.test', [[PUBLIC]]],
    ['other.test', [[PUBLIC]]],
  ]);
  const lookUps: string[] = [];
  return {
    web: { address: '127.0.0.1', port: (server.address() as AddressInfo).port, ca: CERTIFICATE },
    names,
    lookUps,
    requests,
    async resolve(host) {
      const earlier = lookUps.filter((each) => each === host).length;
      lookUps.push(host);
      const known = names.get(host);
      if (known === undefined) throw new Error(`unknown name ${host}`);
      return known[Math.min(earlier, known.length - 1)]!;
    },
  };
}

/** Whole, with its length. */
export function sends(bytes: Uint8Array, headers: Record<string, string> = {}): Answer {
  return (_request, response) =>
    response.writeHead(200, { 'content-length': String(bytes.length), ...headers }).end(bytes);
}

export function redirects(location: string, status = 302): Answer {
  return (_request, response) => response.writeHead(status, { location }).end();
}
