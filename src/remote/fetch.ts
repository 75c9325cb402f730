import { lookup as lookUp } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import type { Dispatcher } from 'undici';
import { GatewayError } from '../errors.ts';
import { MIME_TYPES, sniff } from '../image/picture.ts';
import type { PicturePart } from '../image/request.ts';
import { encodeBase64 } from '../wire/base64.ts';
import { isPublicAddress } from './address.ts';
import { NOT_PUBLIC, readRemoteUrl } from './url.ts';
import type { RemoteUrl } from './url.ts';

/** What became of a picture that was to be fetched: a metric's label. */
export type RemoteOutcome = 'fetched' | 'refused' | 'unreachable' | 'too_large' | 'no_picture' | 'late' | 'busy';

export interface RemoteOptions {
  /** Names of hosts, `*.` before one for all below it; empty: every public one. */
  readonly hosts: readonly string[];
  /** The largest picture that is fetched. */
  readonly bytes: number;
  /** For all of one picture, redirects and names included. */
  readonly timeoutMs: number;
  readonly onEnd: (outcome: RemoteOutcome) => void;
  /** All addresses of a name. Absent: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Where an address that was found good is called, and who is trusted there; absent: at itself, on port 443. For tests. */
  readonly web?: { readonly address: string; readonly port: number; readonly ca: string };
}

export interface RemotePictures {
  /**
   * The picture at an address, of whatever type its bytes say. `path`: the field that names it, for errors, which never
   * say the address: it may hold a credential. `owner`: the tenant that asks. `hold` waits until there is room for so many
   * bytes. Throws GatewayError.
   */
  fetch(url: string, path: string, { owner, hold }: FetchOptions): Promise<PicturePart>;
}

export interface FetchOptions {
  readonly owner: string;
  readonly hold: (bytes: number) => Promise<void>;
}

const MOST_REDIRECTS = 3;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Beyond these whoever comes is told to come back: slow servers must not gather callers without a bound. */
const MOST_IN_THE_AIR = 64;
/** Of one tenant, so that its slow servers are nobody else's. */
const MOST_OF_ONE = 16;
/** Enough of a picture to tell what it is. */
const HEAD_BYTES = 64;

/** Why one did not come, in words that fit behind the name of its field. */
class Failed extends Error {
  readonly outcome: RemoteOutcome;

  constructor(outcome: RemoteOutcome, message: string) {
    super(message);
    this.outcome = outcome;
  }
}

/**
 * Fetches pictures that requests only name. Whoever may name an address may try to have this machine call what only it can
 * reach; so a name is resolved once, all of its addresses must be public, the one that was checked is the one that is
 * called, and each redirect begins anew. No credentials, no cookies and no proxy of the environment are used.
 * https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
 */
export function createRemotePictures(options: RemoteOptions): RemotePictures {
  const { hosts, bytes, timeoutMs, onEnd, resolve = systemResolve, web } = options;
  let inTheAir = 0;
  /** By owner. */
  const ofEach = new Map<string, number>();
  const count = (owner: string, more: 1 | -1): void => {
    inTheAir += more;
    const own = (ofEach.get(owner) ?? 0) + more;
    if (own === 0) ofEach.delete(owner);
    else ofEach.set(owner, own);
  };

  async function follow(first: string, hold: (bytes: number) => Promise<void>, signal: AbortSignal): Promise<Buffer> {
    let text = first;
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const remote = readRemoteUrl(text, hosts);
      const refused = (problem: string): Failed => new Failed('refused', redirects === 0 ? problem : ledTo(problem));
      if ('problem' in remote) throw refused(remote.problem);
      const address = await publicAddressOf(remote, signal);
      if (address === null) throw refused(NOT_PUBLIC);
      const agent = agentFor(address);
      try {
        const response = await call(agent, remote, signal);
        const { statusCode, headers } = response;
        if (!REDIRECTS.has(statusCode)) return await read(response, hold);
        const location = typeof headers.location === 'string' ? URL.parse(headers.location, remote.url.href) : null;
        if (location === null) throw new Failed('unreachable', `answered HTTP ${statusCode} and not where to`);
        text = location.href;
      } finally {
        // Nothing of it is wanted any more, and a connection is never used for another address.
        void agent.destroy();
      }
    }
    throw new Failed('refused', `must not redirect more than ${MOST_REDIRECTS} times`);
  }

  /** Null: it has none, or one of them is inside. */
  async function publicAddressOf({ host }: RemoteUrl, signal: AbortSignal): Promise<string | null> {
    const addresses = isIP(host) === 0 ? await within(signal, resolve(host).catch(none)) : [host];
    return addresses.every(isPublicAddress) ? (addresses[0] ?? null) : null;
  }

  function agentFor(address: string): Agent {
    const connect = buildConnector({
      lookup: always(web?.address ?? address),
      timeout: timeoutMs,
      allowH2: false,
      autoSelectFamily: false,
      ...(web !== undefined && { ca: web.ca }),
    });
    return new Agent({
      connect: (target, done) => connect(web === undefined ? target : { ...target, port: String(web.port) }, done),
      connections: 1,
      pipelining: 1,
      allowH2: false,
      maxResponseSize: bytes,
    });
  }

  async function read(
    { statusCode, headers, body }: Response,
    hold: (bytes: number) => Promise<void>,
  ): Promise<Buffer> {
    if (statusCode !== 200) throw new Failed('unreachable', `answered HTTP ${statusCode} and no picture`);
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding !== 'identity') throw new Failed('no_picture', 'answered compressed, though that was not asked for');
    const length = headers['content-length'];
    const declared = typeof length === 'string' && /^\d{1,15}$/.test(length) ? Number(length) : null;
    if (declared !== null && declared > bytes) throw tooLarge(bytes);
    // It is kept as base64, and for a moment as both.
    await hold(Math.ceil(((declared ?? bytes) * 7) / 3));
    const chunks: Buffer[] = [];
    let byteLength = 0;
    let isKnown = false;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      byteLength += chunk.length;
      if (byteLength > bytes) throw tooLarge(bytes);
      if (isKnown || byteLength < HEAD_BYTES) continue;
      isKnown = true;
      if (sniff(Buffer.concat(chunks)) === null) throw noPicture();
    }
    return Buffer.concat(chunks);
  }

  return {
    async fetch(url, path, { owner, hold }) {
      if (inTheAir >= MOST_IN_THE_AIR || (ofEach.get(owner) ?? 0) >= MOST_OF_ONE) {
        onEnd('busy');
        throw new GatewayError('unavailable', 'Too many pictures are being fetched right now. Try again shortly.', {
          code: 'remote_image_busy',
          retryAfterSeconds: 1,
        });
      }
      count(owner, 1);
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const picture = await follow(url, hold, signal);
        const type = sniff(picture);
        if (type === null) throw noPicture();
        const data = await encodeBase64(picture);
        onEnd('fetched');
        const mimeType = MIME_TYPES[type];
        return { kind: 'picture', data, mimeType, thought: false, signature: null, more: {}, named: path, remote: url };
      } catch (error) {
        if (error instanceof GatewayError) throw error;
        const failed = error instanceof Failed ? error : asFailed(error, signal.aborted, timeoutMs, bytes);
        onEnd(failed.outcome);
        const message = `${path}: the picture could not be fetched. The address ${failed.message}. Or send the picture itself, as a data URL or in base64.`;
        throw new GatewayError('invalid_request', message, { param: path, code: CODES[failed.outcome] }, error);
      } finally {
        count(owner, -1);
      }
    },
  };
}

const CODES: Readonly<Record<RemoteOutcome, string>> = {
  fetched: 'internal',
  refused: 'remote_image_refused',
  unreachable: 'remote_image_unreachable',
  too_large: 'remote_image_too_large',
  no_picture: 'invalid_image_file',
  late: 'remote_image_unreachable',
  busy: 'remote_image_busy',
};

type Response = Dispatcher.ResponseData;

async function call(agent: Agent, { url }: RemoteUrl, signal: AbortSignal): Promise<Response> {
  const response = await agent.request({
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method: 'GET',
    headers: { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': 'Plantain' },
    signal,
  });
  // A body that is let go of before its end says so by an error, which would end the process if nobody listened.
  response.body.on('error', () => undefined);
  return response;
}

async function systemResolve(host: string): Promise<readonly string[]> {
  const found = await lookUp(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

/** A resolver that knows one answer: the one that was checked. */
function always(address: string): LookupFunction {
  const family = isIP(address);
  return (_host, options, done) =>
    options.all === true ? done(null, [{ address, family }]) : done(null, address, family);
}

/** A resolver cannot be broken off: it is no longer waited for. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(signal.reason);
  signal.addEventListener('abort', late, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', late));
}

function asFailed(error: unknown, isLate: boolean, timeoutMs: number, bytes: number): Failed {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return tooLarge(bytes);
  if (isLate) return new Failed('late', `did not give it within ${timeoutMs} ms`);
  // Of what is there nothing is told but that it gave no picture.
  return new Failed('unreachable', 'could not be reached, or broke off its answer');
}

const none = (): readonly string[] => [];

function tooLarge(bytes: number): Failed {
  return new Failed('too_large', `must give at most ${bytes} bytes`);
}

function noPicture(): Failed {
  return new Failed('no_picture', 'must give a picture, such as a PNG, JPEG or WebP');
}

function ledTo(problem: string): string {
  return `redirects to another, which ${problem}`;
}
