import type { IncomingMessage, ServerResponse } from 'node:http';

/** A whole answer, ready to be sent. */
export interface Payload {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly chunks: readonly Uint8Array[];
}

/** One HTTP call and its answer, for faults that spoil the sending of it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly payload: Payload;
  /** Waits as long as a rule says, else for the fault's own time; ends early when the client leaves or the simulator closes. */
  hold(ms: number): Promise<void>;
}

/** The vendor writes its chunks about this large. */
const CHUNK_BYTES = 65_536;

export const JSON_HEADERS = {
  'content-type': 'application/json; charset=UTF-8',
  vary: 'Origin, X-Origin, Referer',
  'x-content-type-options': 'nosniff',
} as const;

export const EVENT_STREAM_HEADERS = { ...JSON_HEADERS, 'content-type': 'text/event-stream' } as const;

/** As the vendor does: chunked, without a Content-Length. */
export function sendChunked(response: ServerResponse, payload: Payload): void {
  response.writeHead(payload.status, payload.headers);
  writeSliced(response, payload.chunks);
  response.end();
}

export function writeSliced(response: ServerResponse, chunks: readonly Uint8Array[]): void {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) response.write(chunk.subarray(at, at + CHUNK_BYTES));
  }
}

export function byteLength(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

/** The first half of a body. */
export function halfOf(chunks: readonly Uint8Array[]): Uint8Array[] {
  let left = Math.floor(byteLength(chunks) / 2);
  return chunks.flatMap((chunk) => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    return part.length > 0 ? [part] : [];
  });
}

/** A response written by hand, for what node:http would never send. */
export function rawHead(status: string, headers: readonly string[]): string {
  return `HTTP/1.1 ${status}\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`;
}
