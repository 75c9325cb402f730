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

/** Written at once; below it a chunk is gathered with its neighbours. */
const BURST_BYTES = 1 << 20;
/** A near reader takes a whole picture as fast as it is written: after so much of it others have their turn. */
const TURN_BYTES = 4 * BURST_BYTES;

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
  // What came in one piece with the headers is still being parsed.
  if (!raw.req.complete) await giveWay();
  if (raw.destroyed) return false;
  const gone = once(raw, 'close').then(
    () => raw.writableFinished,
    () => false,
  );
  // What is pipelined behind this reply may take longer to come.
  raw.setTimeout(stallMs, () => raw.destroy()).prependOnceListener('finish', () => raw.setTimeout(0));
  const isEarly = !raw.req.complete;
  raw.writeHead(reply.status, {
    'content-length': String(reply.byteLength),
    ...reply.headers,
    ...(isEarly && { connection: 'close' }),
  });
  let burst = 0;
  let turn = 0;
  raw.cork();
  for (const chunk of inBursts(reply.chunks)) {
    const room = raw.write(chunk);
    burst += chunk.byteLength;
    if (room && burst < BURST_BYTES) continue;
    raw.uncork();
    turn += burst;
    burst = 0;
    if (raw.writableNeedDrain) await Promise.race([once(raw, 'drain').catch(() => undefined), gone]);
    if (turn >= TURN_BYTES) {
      await nextTurn();
      turn = 0;
    }
    if (raw.destroyed) return false;
    raw.cork();
  }
  raw.uncork();
  if (isEarly) {
    void passOver(raw.req).then(() => raw.end());
    return true;
  }
  raw.end();
  return gone;
}

function* inBursts(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength; at += BURST_BYTES) yield chunk.subarray(at, at + BURST_BYTES);
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
