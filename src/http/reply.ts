import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
}

/** Written at once; below it a chunk is gathered with its neighbours. */
const BURST_BYTES = 1 << 20;

/**
 * Sends a whole reply with its true length, at the pace of the reader, and tells whether all of it was taken. A reader
 * that hangs up ends the sending; nothing is thrown.
 */
export async function sendReply(raw: ServerResponse, reply: Reply): Promise<boolean> {
  if (raw.destroyed) return false;
  const gone = once(raw, 'close').then(
    () => raw.writableFinished,
    () => false,
  );
  raw.writeHead(reply.status, { ...reply.headers, 'content-length': String(reply.byteLength) });
  let burst = 0;
  raw.cork();
  for (const chunk of reply.chunks) {
    const room = raw.write(chunk);
    burst += chunk.byteLength;
    if (room && burst < BURST_BYTES) continue;
    raw.uncork();
    burst = 0;
    if (raw.writableNeedDrain) await Promise.race([once(raw, 'drain').catch(() => undefined), gone]);
    if (raw.destroyed) return false;
    raw.cork();
  }
  raw.uncork();
  raw.end();
  return gone;
}
