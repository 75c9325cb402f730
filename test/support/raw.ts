import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** Bytes on a socket, for what no HTTP client would send. */
export interface RawCaller {
  readonly socket: Socket;
  /** All that was heard so far. */
  readonly heard: () => string;
  say(words: string | Uint8Array): void;
  /** Resolves when the other side has closed. */
  readonly closed: Promise<void>;
}

const open = new Set<Socket>();

export async function callRaw(url: string): Promise<RawCaller> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  open.add(socket);
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      open.delete(socket);
      resolve();
    });
    socket.once('end', resolve);
  });
  await once(socket, 'connect');
  return { socket, heard: () => heard, say: (words) => void socket.write(words), closed };
}

/** Ends every connection made here that is still open. */
export function hangUpAll(): void {
  for (const socket of open) socket.destroy();
}

/** What one caller hears who says all of it at once, until the other side closes. */
export async function talk(url: string, ...words: readonly (string | Uint8Array)[]): Promise<RawReply[]> {
  const caller = await callRaw(url);
  for (const each of words) caller.say(each);
  await caller.closed;
  caller.socket.destroy();
  return repliesIn(caller.heard());
}

export interface RawReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Replies with a Content-Length, one behind the other; a 100 has no body. */
export function repliesIn(heard: string): RawReply[] {
  const replies: RawReply[] = [];
  for (let rest = heard; rest.includes('\r\n\r\n');) {
    const [head = ''] = rest.split('\r\n\r\n', 1);
    const [line = '', ...lines] = head.split('\r\n');
    const headers = Object.fromEntries(
      lines.map((each) => [each.split(':', 1)[0]!.toLowerCase(), each.replace(/^.*?: */, '')]),
    );
    const start = head.length + 4;
    const length = Number(headers['content-length'] ?? 0);
    replies.push({ status: Number(line.split(' ')[1]), headers, body: rest.slice(start, start + length) });
    rest = rest.slice(start + length);
  }
  return replies;
}
