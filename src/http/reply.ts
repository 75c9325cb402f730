import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as giveWay } from 'node:timers/promises';
import { nextTurn } from '../wire/turns.ts';

export interface Reply {
  readonly status: number;
  /** A `content-length` among them stands for a body that is not sent: of HEAD and of 304. */
  readonly headers: Readonly<Record<string, string>>;
  /** Each is asked for when the reader has taken those before it. */
  readonly chunks: Iterable<Uint8Array>;
  readonly byteLength: number;
}

/** A reply that is made while it is sent. */
export interface StreamedReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Each is asked for when the reader has taken those before it, and all of them even if nobody reads any more. Throws nothing. */
  readonly pieces: AsyncIterable<readonly Uint8Array[]>;
  /** The fields announced in the header `trailer`: https://www.rfc-editor.org/rfc/rfc9110#section-6.5 */
  readonly trailers: () => Readonly<Record<string, string>>;
  /** When all of it was there to be sent, by the clock of `performance.now()`; Infinity before. */
  readonly readyAt: () => number;
}

/** Below it a chunk is gathered with its neighbours. */
const BURST_BYTES = 1 << 20;
/** A near reader takes a whole picture as fast as it is written: after so much of it others have their turn. */
const TURN_BYTES = 4 << 20;
/** Who takes a piece no faster gets small ones: within one, progress is seen only by steps of the system's buffers. */
const SLOW_MS = 1_000;

/** A reader that takes nothing for so long is taken for gone: it would hold its picture in memory for ever. */
const STALL_MS = 60_000;

/** A caller who was answered before it had sent everything: how long it may go on, and how long it may pause. */
const LINGER_MS = 30_000;
const LINGER_PAUSE_MS = 2_000;

/**
 * Sends a whole reply with its true length, at the pace of the reader, and tells whether all of it was taken. A reader
 * that hangs up or stops reading ends the sending; nothing is thrown. Where the request has not come whole, the
 * connection ends with the reply.
 */
export async function sendReply(raw: ServerResponse, reply: Reply, stallMs = STALL_MS): Promise<boolean> {
  const headers = { 'content-length': String(reply.byteLength), ...reply.headers };
  const opened = await open(raw, reply.status, headers, stallMs);
  if (opened === null || !(await write(raw, reply.chunks, opened))) return false;
  return close(raw, opened);
}

/** The same for a reply that is made while it is sent. `byteLength`: what was written of it. */
export async function sendStream(
  raw: ServerResponse,
  reply: StreamedReply,
  stallMs = STALL_MS,
): Promise<{ readonly arrived: boolean; readonly byteLength: number }> {
  const { trailer, ...headers } = reply.headers;
  // Only a body in chunks has room for trailers, and HTTP/1.0 knows no chunks.
  const hasTrailers = trailer !== undefined && raw.req.httpVersion === '1.1';
  const opened = await open(raw, reply.status, { ...headers, ...(hasTrailers && { trailer }) }, stallMs);
  let isOn = opened !== null;
  let byteLength = 0;
  for await (const chunks of reply.pieces) {
    // Whether or not anybody reads it: what is drawn is settled at its end.
    if (opened === null || !isOn) continue;
    isOn = await write(raw, chunks, opened);
    if (isOn) for (const chunk of chunks) byteLength += chunk.byteLength;
  }
  if (opened === null || !isOn || raw.destroyed) return { arrived: false, byteLength };
  if (hasTrailers) raw.addTrailers(reply.trailers());
  return { arrived: await close(raw, opened), byteLength };
}

interface Opened {
  /** Resolves when the connection is closed: whether all was taken before. */
  readonly gone: Promise<boolean>;
  readonly isEarly: boolean;
}

/** Null: the caller has gone already. */
async function open(
  raw: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  stallMs: number,
): Promise<Opened | null> {
  // What came in one piece with the headers is still being parsed.
  if (!raw.req.complete) await giveWay();
  if (raw.destroyed) return null;
  const gone = once(raw, 'close').then(
    () => raw.writableFinished,
    () => false,
  );
  // What is pipelined behind this reply may take longer to come.
  raw.setTimeout(stallMs, () => raw.destroy()).prependOnceListener('finish', () => raw.setTimeout(0));
  const isEarly = !raw.req.complete;
  raw.writeHead(status, { ...headers, ...(isEarly && { connection: 'close' }) });
  return { gone, isEarly };
}

/** Whether the reader is still there. */
async function write(raw: ServerResponse, chunks: Iterable<Uint8Array>, { gone }: Opened): Promise<boolean> {
  let burst = 0;
  let turn = 0;
  let piece = TURN_BYTES;
  raw.cork();
  for (const chunk of inPieces(chunks, () => piece)) {
    const room = raw.write(chunk);
    burst += chunk.byteLength;
    if (room && burst < BURST_BYTES) continue;
    raw.uncork();
    turn += burst;
    burst = 0;
    if (raw.writableNeedDrain) {
      const writtenAt = performance.now();
      await Promise.race([once(raw, 'drain').catch(() => undefined), gone]);
      if (performance.now() - writtenAt > SLOW_MS) piece = BURST_BYTES;
    }
    if (turn >= TURN_BYTES) {
      await nextTurn();
      turn = 0;
    }
    if (raw.destroyed) return false;
    raw.cork();
  }
  raw.uncork();
  return !raw.destroyed;
}

async function close(raw: ServerResponse, { gone, isEarly }: Opened): Promise<boolean> {
  if (isEarly) {
    void passOver(raw.req).then(() => raw.end());
    return true;
  }
  raw.end();
  return gone;
}

function* inPieces(chunks: Iterable<Uint8Array>, most: () => number): Generator<Uint8Array> {
  for (const chunk of chunks)
    for (let at = 0; at < chunk.byteLength;) {
      const piece = chunk.subarray(at, at + most());
      at += piece.byteLength;
      yield piece;
    }
}

/**
 * Lets a caller who is still sending hear the reply: a connection closed with unread bytes is reset, and what was sent
 * over it may be lost. https://www.rfc-editor.org/rfc/rfc9112#section-9.6
 */
function passOver(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(end);
      clearTimeout(pause);
      resolve();
    };
    const end = setTimeout(done, LINGER_MS);
    const pause = setTimeout(done, LINGER_PAUSE_MS);
    request.on('data', () => pause.refresh()).once('close', done);
    request.resume();
  });
}
