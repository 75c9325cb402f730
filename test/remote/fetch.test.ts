import { describe, expect, test } from 'vitest';
import { createRemotePictures } from '../../src/remote/fetch.ts';
import type { RemoteOptions, RemoteOutcome } from '../../src/remote/fetch.ts';
import { gzipSync } from 'node:zlib';
import { LongString } from '../../src/wire/long-string.ts';
import { decodeBase64 } from '../../src/wire/base64.ts';
import { PUBLIC, redirects, sends, startWeb } from '../support/web.ts';
import type { Answer, TestWeb } from '../support/web.ts';

const PNG = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(5_000, 7)]);
const JPEG = Buffer.concat([Buffer.from('\xff\xd8\xff\xe0', 'latin1'), Buffer.alloc(500, 7)]);
const URL_OF_FOX = 'https://pictures.example.test/fox.png?signature=s3cret';

interface House extends TestWeb {
  readonly outcomes: RemoteOutcome[];
  readonly held: number[];
  fetch(url?: string, owner?: string): Promise<{ readonly mimeType: string; readonly bytes: Buffer }>;
}

async function start(answers: Record<string, Answer>, options: Partial<RemoteOptions> = {}): Promise<House> {
  const web = await startWeb(answers);
  const outcomes: RemoteOutcome[] = [];
  const held: number[] = [];
  const pictures = createRemotePictures({
    hosts: [],
    bytes: 1 << 20,
    timeoutMs: 20_000,
    onEnd: (outcome) => void outcomes.push(outcome),
    resolve: web.resolve,
    web: web.web,
    ...options,
  });
  return {
    ...web,
    outcomes,
    held,
    async fetch(url = URL_OF_FOX, owner = 'acme') {
      const hold = async (bytes: number): Promise<void> => void held.push(bytes);
      const { data, mimeType, remote } = await pictures.fetch(url, 'image', { owner, hold });
      expect(remote).toBe(url);
      expect(data).toBeInstanceOf(LongString);
      return { mimeType, bytes: await decodeBase64(data) };
    },
  };
}

describe('a picture on the web', () => {
  test('is fetched whole, its type read from its bytes, and room is asked for before', async () => {
    const { fetch, requests, lookUps, outcomes, held } = await start({
      '/fox.png': sends(PNG, { 'content-type': 'text/html' }),
    });
    const picture = await fetch();
    expect([picture.mimeType, picture.bytes.equals(PNG)]).toEqual(['image/png', true]);
    expect([lookUps, outcomes]).toEqual([['pictures.example.test'], ['fetched']]);
    expect(held).toEqual([Math.ceil((PNG.length * 7) / 3)]);
    const { headers, url } = requests[0]!;
    expect(url).toBe('/fox.png?signature=s3cret');
    expect(headers.host).toBe('pictures.example.test');
    for (const name of ['authorization', 'cookie', 'x-goog-api-key', 'referer']) expect(headers[name]).toBeUndefined();
  });

  test('is found over three redirects, each of which is looked up and checked anew', async () => {
    const { fetch, requests, lookUps } = await start({
      '/fox.png': redirects('/two', 301),
      '/two': redirects('https://other.test/three', 307),
      '/three': redirects('//example.test/four'),
      '/four': sends(JPEG),
    });
    expect((await fetch()).mimeType).toBe('image/jpeg');
    expect(lookUps).toEqual(['pictures.example.test', 'pictures.example.test', 'other.test', 'example.test']);
    expect(requests.map(({ headers }) => headers.host)).toEqual(lookUps);
  });

  test.each(['*.example.test', 'pictures.example.test'])('is fetched from a host that is allowed: %s', async (host) => {
    const { fetch, lookUps } = await start({ '/fox.png': sends(PNG) }, { hosts: [host] });
    await fetch();
    await expect(fetch('https://other.test/fox.png')).rejects.toThrow(/one of the hosts that are allowed here/);
    await expect(fetch('https://notexample.test/fox.png')).rejects.toThrow(/hosts that are allowed/);
    expect(lookUps).toEqual(['pictures.example.test']);
  });
});

describe('a name that changes its mind', () => {
  test('is asked once, and called where it led then', async () => {
    const { fetch, names, lookUps } = await start({ '/fox.png': sends(PNG) });
    names.set('pictures.example.test', [[PUBLIC], ['127.0.0.1']]);
    await fetch();
    expect(lookUps).toHaveLength(1);
    await expect(fetch()).rejects.toMatchObject({ detail: { code: 'remote_image_refused' } });
  });

  test('is not followed inside by a redirect to itself', async () => {
    const { fetch, names, requests } = await start({
      '/fox.png': redirects('https://pictures.example.test/secret'),
      '/secret': sends(PNG),
    });
    names.set('pictures.example.test', [[PUBLIC], ['10.0.0.1']]);
    await expect(fetch()).rejects.toMatchObject({ detail: { code: 'remote_image_refused' } });
    expect(requests).toHaveLength(1);
  });
});

describe('what comes to nothing says why, and neither the address nor what is inside', () => {
  test.each<[string, Answer, RegExp, RemoteOutcome]>([
    [
      'a redirect inside',
      redirects('https://127.0.0.1/'),
      /redirects to another, which must lead to a public/,
      'refused',
    ],
    ['a redirect to metadata', redirects('https://169.254.169.254/'), /which must lead to a public address/, 'refused'],
    ['a redirect to http', redirects('http://example.test/'), /which must begin with https/, 'refused'],
    ['a redirect to a file', redirects('file:///etc/passwd'), /which must begin with https/, 'refused'],
    ['a redirect with a password', redirects('https://a:b@example.test/'), /must not hold a user name/, 'refused'],
    ['redirects without end', redirects('/fox.png'), /must not redirect more than 3 times/, 'refused'],
    ['a redirect to nowhere', (_, response) => response.writeHead(302).end(), /answered HTTP 302/, 'unreachable'],
    ['a 404', (_, response) => response.writeHead(404).end('x'), /answered HTTP 404/, 'unreachable'],
    ['a 401', (_, response) => response.writeHead(401).end('x'), /answered HTTP 401/, 'unreachable'],
    ['a part of it', (_, response) => response.writeHead(206).end(PNG), /answered HTTP 206/, 'unreachable'],
    [
      'a page',
      sends(Buffer.from('<html>'.padEnd(500, 'x')), { 'content-type': 'image/png' }),
      /must give a picture/,
      'no_picture',
    ],
    ['an SVG', sends(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')), /must give a picture/, 'no_picture'],
    ['nothing', sends(Buffer.alloc(0)), /must give a picture/, 'no_picture'],
    ['gzip', sends(gzipSync(PNG), { 'content-encoding': 'gzip' }), /answered compressed/, 'no_picture'],
    [
      'one that is too large, as it says',
      sends(Buffer.concat([PNG, Buffer.alloc(2 << 20)])),
      /at most 1048576 bytes/,
      'too_large',
    ],
    [
      'one that is too large, and does not say so',
      (_, response) => {
        response.writeHead(200);
        response.write(PNG);
        for (let mib = 0; mib < 3; mib += 1) response.write(Buffer.alloc(1 << 20));
        response.end();
      },
      /at most 1048576 bytes/,
      'too_large',
    ],
    [
      'one that is cut off',
      (_, response) => {
        response.writeHead(200, { 'content-length': '9000' });
        response.write(PNG, () => response.destroy());
      },
      /could not be reached, or broke off/,
      'unreachable',
    ],
  ])('%s', async (_what, answer, message, outcome) => {
    const { fetch, outcomes } = await start({ '/fox.png': answer });
    const failure: unknown = await fetch().catch((error: unknown) => error);
    expect(failure).toMatchObject({ failure: 'invalid_request', message: expect.stringMatching(message) });
    expect((failure as Error).message).not.toMatch(/s3cret|pictures\.example|127\.0\.0\.1/);
    expect(outcomes).toEqual([outcome]);
  });

  test.each<[string, Answer]>([
    ['silent', () => undefined],
    ['slow', (_, response) => void response.writeHead(200).write(PNG)],
  ])('a server that is %s', async (_what, answer) => {
    const { fetch, outcomes } = await start({ '/fox.png': answer }, { timeoutMs: 300 });
    await expect(fetch()).rejects.toThrow(/did not give it within 300 ms/);
    expect(outcomes).toEqual(['late']);
  });

  test('a resolver that is silent', async () => {
    const { fetch, outcomes } = await start({}, { timeoutMs: 200, resolve: () => new Promise(() => undefined) });
    await expect(fetch()).rejects.toThrow(/did not give it within 200 ms/);
    expect(outcomes).toEqual(['late']);
  });

  test('a server whose certificate is not of that name, or of nobody known', async () => {
    const strange = await start({ '/fox.png': sends(PNG) });
    strange.names.set('bank.test', [[PUBLIC]]);
    await expect(strange.fetch('https://bank.test/fox.png')).rejects.toThrow(/could not be reached/);
    const { web } = strange;
    const unknown = await start({}, { web: { ...web, ca: '' } });
    await expect(unknown.fetch()).rejects.toThrow(/could not be reached/);
    expect(strange.requests).toHaveLength(0);
  });

  test('no room is a refusal that may be repeated', async () => {
    const { fetch, outcomes } = await start({ '/fox.png': () => undefined }, { timeoutMs: 2_000 });
    const busy = { failure: 'unavailable', detail: { code: 'remote_image_busy' } };
    const own = Array.from({ length: 16 }, () => fetch().catch(() => null));
    await expect(fetch()).rejects.toMatchObject(busy);
    // Of other tenants there is room for as many, until there is none for anybody.
    const others = Array.from({ length: 48 }, (_, at) => fetch(URL_OF_FOX, `other ${at % 4}`).catch(() => null));
    await expect(fetch(URL_OF_FOX, 'zeta')).rejects.toMatchObject(busy);
    await Promise.all([...own, ...others]);
    expect(outcomes.filter((each) => each === 'busy')).toHaveLength(2);
    await expect(fetch()).rejects.toMatchObject({ detail: { code: 'remote_image_unreachable' } });
  });
});
