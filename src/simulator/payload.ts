import type { VendorError } from './errors.ts';
import { JSON_HEADERS } from './exchange.ts';
import type { Payload } from './exchange.ts';
import { writeJson } from './words.ts';

/** How a reply is framed: whole, as server-sent events, or as one JSON array that is written piece by piece. */
export type Framing = 'whole' | 'events' | 'array';

/** Pretty-printed, as the vendor writes it. */
export function jsonPayload(status: number, body: unknown): Payload {
  return { status, headers: JSON_HEADERS, chunks: [...writeJson(body, 2), Buffer.from('\n')] };
}

/** An error before the first byte of a stream is a whole answer; in the array framing it is the array's one element. */
export function errorPayload(error: VendorError, framing: Framing): Payload {
  return jsonPayload(error.status, framing === 'array' ? [error.body] : error.body);
}

export function htmlPayload(status: number, title: string, text: string): Payload {
  const page = `<!DOCTYPE html>\n<html lang=en>\n<title>${title}</title>\n<p>${text}\n`;
  return { status, headers: { 'content-type': 'text/html; charset=UTF-8' }, chunks: [Buffer.from(page)] };
}

/**
 * A piece of a reply in its frame. Events are https://html.spec.whatwg.org/multipage/server-sent-events.html with CRLF,
 * without a name and without a [DONE].
 */
export function framePiece(json: readonly Uint8Array[], framing: Framing, index: number, count: number): Uint8Array[] {
  if (framing === 'events') return [Buffer.from('data: '), ...json, Buffer.from('\r\n\r\n')];
  if (framing === 'whole') return [...json, Buffer.from('\n')];
  return [Buffer.from(index === 0 ? '[' : ',\r\n'), ...json, Buffer.from(index === count - 1 ? '\n]\n' : '\n')];
}
