import { Readable } from 'node:stream';
import { errors } from 'undici';
import { GatewayError } from '../errors.ts';
import { isObject, JsonError } from '../wire/json.ts';
import type { Json, Spliced } from '../wire/json.ts';
import { blotted } from './blot.ts';
import { Connections } from './connections.ts';
import { receivePieces, receiveWhole } from './receive.ts';

export interface UpstreamOptions {
  readonly id: string;
  /** Scheme, host and optional path prefix, without a trailing slash. */
  readonly baseUrl: string;
  readonly auth: 'x-goog-api-key' | 'bearer';
  /** None of them is ever told to anybody, whatever the upstream says of it. */
  readonly keys: readonly [string, ...string[]];
  /** The largest reply that is read, in bytes. */
  readonly replyBytes: number;
}

/**
 * What became of one request, told apart by what it may have cost (a reply that was refused is free, one that was lost
 * may be on the bill).
 */
export type Sent =
  | Reply
  | { readonly kind: 'not_sent'; readonly error: GatewayError }
  | { readonly kind: 'lost'; readonly error: GatewayError; readonly reason: LostReason };

interface Reply {
  readonly kind: 'reply';
  readonly status: number;
  readonly words: Json;
  readonly retryAfter: string | null;
}

export type LostReason = 'cancelled' | 'timeout' | 'reset' | 'truncated' | 'too_large' | 'not_json';

export interface Upstream {
  readonly id: string;
  /**
   * Sends one request body to `models/{model}:generateContent` and receives the reply whole; with `onPiece` to
   * `:streamGenerateContent`, and the words of the reply are the list of its pieces. Never throws.
   */
  generate(model: string, body: Spliced, options: SendOptions): Promise<Sent>;
  close(): Promise<void>;
}

export interface SendOptions {
  readonly abandonAfterMs: number;
  /** One of the upstream's keys. */
  readonly key: string;
  /** Called once when a reply begins, before its body is read: back-pressure for bytes in flight. */
  readonly admit: (bytes: number, signal: AbortSignal) => Promise<() => void>;
  /** Copies received bytes to where those of a long reply stay; the words are views on that. */
  readonly keep: (bytes: Uint8Array) => Uint8Array;
  /** Asks for the reply piece by piece, and is told of each as it comes. An upstream that does not stream answers whole. */
  readonly onPiece?: (piece: Json) => void;
  /** Aborted when nobody wants the answer any more. Heeded until the reply begins: from then on it costs the same, read or not. */
  readonly givenUp?: AbortSignal;
}

/** Between two bytes of a reply. */
const IDLE_MS = 30_000;
const CONNECT_MS = 5_000;
/** An error's body is a few KB; more of it is read by nobody. */
const ERROR_BYTES = 1 << 20;
/** What a reply is taken to weigh before it has arrived. */
const USUAL_REPLY_BYTES = 4 << 20;
/** How long an upstream that refuses to stream a model is not asked again. */
const STREAMLESS_MS = 600_000;

interface Sending {
  readonly signal: AbortSignal;
  /** To be called when there is a connection, and the request goes over it: from then on it may cost something. */
  readonly leaves: () => void;
  /** To be called when the answer has begun: from then on nobody can give it up. */
  readonly heard: () => void;
  readonly onPiece: ((piece: Json) => void) | null;
}

/** One pool of connections to one upstream that speaks Gemini's wire. Paths come from the configuration, never from a caller. */
export function createUpstream({ id, baseUrl, auth, keys, replyBytes }: UpstreamOptions): Upstream {
  const base = new URL(baseUrl);
  const prefix = base.pathname.replace(/\/+$/, '');
  const connections = new Connections(base.origin, {
    connect: { timeout: CONNECT_MS },
    // The whole answer has one wall-clock limit, abandonAfterMs: a picture may take minutes before its first byte.
    headersTimeout: 0,
    bodyTimeout: IDLE_MS,
    maxResponseSize: replyBytes,
    pipelining: 1,
    allowH2: false,
  });
  const credential = (key: string): Record<string, string> =>
    auth === 'bearer' ? { authorization: `Bearer ${key}` } : { 'x-goog-api-key': key };

  /** Models that this upstream draws and does not stream, and until when that is believed. */
  const streamless = new Map<string, number>();

  async function generate(model: string, body: Spliced, options: SendOptions): Promise<Sent> {
    const unwanted = new AbortController();
    const giveUp = (): void => unwanted.abort();
    options.givenUp?.addEventListener('abort', giveUp, { once: true });
    const timeout = AbortSignal.timeout(options.abandonAfterMs);
    const signal = AbortSignal.any([timeout, unwanted.signal]);
    const heard = (): void => options.givenUp?.removeEventListener('abort', giveUp);
    const { onPiece = null } = options;
    let hasLeft = false;
    const leaves = (): void => void (hasLeft = true);
    try {
      const streams = onPiece !== null && (streamless.get(model) ?? 0) < performance.now();
      const sent = await send(model, body, options, { signal, leaves, heard, onPiece: streams ? onPiece : null });
      if (!streams || !refusesStreams(sent) || options.givenUp?.aborted === true) return sent;
      // What was refused cost nothing.
      options.givenUp?.addEventListener('abort', giveUp, { once: true });
      hasLeft = false;
      const whole = await send(model, body, options, { signal, leaves, heard, onPiece: null });
      if (whole.status === 200) streamless.set(model, performance.now() + STREAMLESS_MS);
      return whole;
    } catch (error) {
      if (unwanted.signal.aborted && !timeout.aborted) return cancelled(id, error);
      return classify(error, id, { timedOut: timeout.aborted, hasLeft });
    } finally {
      heard();
    }
  }

  async function send(
    model: string,
    body: Spliced,
    { admit, keep, key }: SendOptions,
    { signal, leaves, heard, onPiece }: Sending,
  ): Promise<Reply> {
    let release: (() => void) | undefined;
    try {
      const response = await connections.request({
        path: `${prefix}/v1beta/models/${encodeURIComponent(model)}:${onPiece === null ? 'generateContent' : 'streamGenerateContent?alt=sse'}`,
        method: 'POST',
        headers: {
          ...credential(key),
          'content-type': 'application/json',
          'content-length': String(body.byteLength),
          accept: onPiece === null ? 'application/json' : 'text/event-stream, application/json',
          'accept-encoding': 'identity',
        },
        body: Readable.from(telling(body.chunks, leaves), { objectMode: false }),
        // Between a draft and the picture a stream is silent for as long as the picture takes.
        ...(onPiece !== null && { bodyTimeout: 0 }),
        signal,
      });
      // A body that is let go of before its end says so by an error, which would end the process if nobody listened.
      response.body.on('error', () => undefined);
      const good = response.statusCode === 200;
      heard();
      const declared = Number(response.headers['content-length']) || USUAL_REPLY_BYTES;
      const makeRoom = async (): Promise<void> => {
        release = await admit(Math.min(declared, replyBytes), signal);
      };
      if (good && onPiece === null) await makeRoom();
      let words: Json = null;
      try {
        if (response.headers['content-encoding'] !== undefined && response.headers['content-encoding'] !== 'identity') {
          response.body.destroy();
          throw new JsonError('syntax', 0, 'the reply is compressed although identity was asked for');
        }
        const received = response.body as AsyncIterable<Uint8Array>;
        if (!good) words = await receiveWhole(received, { bytes: ERROR_BYTES, keep });
        else if (onPiece === null) words = await receiveWhole(received, { bytes: replyBytes, keep });
        // A stream takes its room when it needs it: until then it is open for long, and next to empty.
        else words = await receivePieces(received, { bytes: replyBytes, keep, onLong: makeRoom }, onPiece);
        // Some vendors refuse in a 200.
        if (!good || isRefusal(words)) words = blotted(words, keys);
      } catch (error) {
        // A refusal is a refusal whatever its body says, be it HTML or cut short: nothing was drawn.
        if (good || !(error instanceof JsonError)) throw error;
      }
      return { kind: 'reply', status: response.statusCode, words, retryAfter: header(response.headers['retry-after']) };
    } finally {
      release?.();
    }
  }

  return { id, generate, close: () => connections.close() };
}

/** A body is asked for when there is a connection to write it to. */
function* telling(chunks: readonly Uint8Array[], begins: () => void): Generator<Uint8Array> {
  begins();
  yield* chunks;
}

/** Whether it is the method that is refused and not the request: for free, since nothing was begun. */
function refusesStreams({ status, words }: Reply): boolean {
  if (status === 404 || status === 405 || status === 501) return true;
  if (status !== 400 || !isObject(words) || !isObject(words.error)) return false;
  return typeof words.error.message === 'string' && /stream/i.test(words.error.message);
}

/** Of a reply in pieces the first says it, or none. */
function isRefusal(words: Json): boolean {
  const first = Array.isArray(words) ? (words[0] ?? null) : words;
  return isObject(first) && first.error !== undefined;
}

function header(value: string | string[] | undefined): string | null {
  return Array.isArray(value) ? (value[0] ?? null) : (value ?? null);
}

const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const isTlsError = (code: string): boolean =>
  /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/.test(code);

/** What was sent may have been drawn: Google takes nothing off the bill for a call that is broken off. */
function cancelled(upstream: string, cause: unknown): Sent {
  const message = `The picture was cancelled while the upstream "${upstream}" drew it. It may have been paid for.`;
  const error = new GatewayError('upstream_failed', message, { retry: false, code: 'cancelled' }, cause);
  return { kind: 'lost', reason: 'cancelled', error };
}

/** undici's errors by their codes, as measured; some carry only a name. */
function classify(
  error: unknown,
  upstream: string,
  { timedOut, hasLeft }: { readonly timedOut: boolean; readonly hasLeft: boolean },
): Sent {
  const name = error instanceof Error ? error.name : '';
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : name;
  if (!timedOut && !hasLeft && (NEVER_CONNECTED.has(code) || isTlsError(code))) {
    const message = `The upstream "${upstream}" cannot be reached right now. Nothing was drawn and nothing was paid.`;
    return { kind: 'not_sent', error: new GatewayError('unavailable', message, { retryAfterSeconds: 5 }, error) };
  }
  const lost = (reason: LostReason, what: string): Sent => {
    const failure = reason === 'timeout' ? 'upstream_timeout' : 'upstream_failed';
    const message = `The upstream "${upstream}" ${what}. The picture may have been paid for, so it is not asked for again by itself.`;
    return { kind: 'lost', reason, error: new GatewayError(failure, message, { retry: false }, error) };
  };
  if (timedOut) return lost('timeout', 'did not finish its answer in the time allowed');
  if (error instanceof errors.BodyTimeoutError || error instanceof errors.HeadersTimeoutError)
    return lost('timeout', 'stopped in the middle of its answer');
  if (error instanceof errors.ResponseExceededMaxSizeError)
    return lost('too_large', 'sent an answer larger than allowed');
  if (error instanceof JsonError) {
    if (error.reason === 'syntax' || error.reason === 'encoding')
      return lost('not_json', 'sent an answer that is not whole JSON');
    return lost('too_large', 'sent an answer larger or deeper than allowed');
  }
  if (code === 'UND_ERR_SOCKET') return lost('truncated', 'closed the connection before its answer was whole');
  return lost('reset', 'broke off its answer');
}
