import type { Server } from 'node:http';
import { Server as NetServer, Socket } from 'node:net';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';

/** The connections of a server: whether somebody waits on them for an answer, and whether HTTP still comes over them. */
export interface Connections {
  /** A request has come on this one. `fault`: why it is refused for how it is put; then so is all that follows it. */
  serve(socket: Socket, fault: GatewayError | null): Serving;
  /** What comes over it is not HTTP, or does not come in time: no further request can be told from the rest. */
  breakOff(socket: Socket, error: Error & { readonly code?: string }): void;
  /**
   * Ends each of them as soon as nobody waits on it: at once, or with its last answer. Node by itself waits for those
   * that never sent a request, for those that stopped in the middle of one, and for idle ones to time out.
   */
  close(): void;
  /**
   * The same after a while in which those there are may still bring a request, and no others are taken: who has just been
   * let in has perhaps sent its request already. Calls `late` when that is over; resolves when none is left.
   */
  closeAfter(graceMs: number, late: () => void): Promise<void>;
}

export interface Serving {
  /** Aborted, with the GatewayError to answer with, when what is missing of the request can no longer arrive. */
  readonly broken: AbortSignal;
  /** Why it is refused for how it was put, or one before it was. */
  readonly fault: GatewayError | null;
  /** To be called, in turn, when the answer is with the caller or can no longer be. */
  readonly answered: () => void;
}

interface Connection {
  waiting: number;
  fault: GatewayError | null;
  readonly broken: AbortController;
}

/** How long a caller who was refused may go on sending before its connection is cut. */
const LINGER_MS = 5_000;

export function trackConnections(server: Server): Connections {
  const connections = new Map<Socket, Connection>();
  let closing = false;
  const left = Promise.withResolvers<void>();
  let isLast = false;

  function known(socket: Socket): Connection {
    const before = connections.get(socket);
    if (before !== undefined) return before;
    const connection = { waiting: 0, fault: null, broken: new AbortController() };
    if (socket.destroyed) return connection;
    connections.set(socket, connection);
    socket.once('close', () => {
      connections.delete(socket);
      if (isLast && connections.size === 0) left.resolve();
    });
    return connection;
  }

  function endIfDone(socket: Socket, { waiting, broken }: Connection): void {
    if (waiting > 0) return;
    if (broken.signal.aborted) refuse(socket, '');
    else if (closing) socket.destroySoon();
  }

  function close(): void {
    closing = true;
    for (const [socket, connection] of connections) endIfDone(socket, connection);
  }

  server.on('connection', (socket) => endIfDone(socket, known(socket)));
  // Node would close the connection without a word.
  server.on('connect', (_request, socket) => {
    if (socket instanceof Socket && socket.writable)
      refuse(socket, rawReply(405, 'Method Not Allowed', 'This is no proxy: CONNECT is not served here.'));
    else socket.destroy();
  });
  return {
    serve(socket, fault) {
      const connection = known(socket);
      connection.waiting += 1;
      connection.fault ??= fault;
      const answered = (): void => {
        connection.waiting -= 1;
        endIfDone(socket, connection);
      };
      return { broken: connection.broken.signal, fault: connection.fault, answered };
    },

    breakOff(socket, error) {
      const { waiting, broken } = known(socket);
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy();
      } else if (!broken.signal.aborted) {
        // Once is enough: the parser complains again about every chunk that follows.
        const [status, phrase, message] = reasonOf(error.code);
        broken.abort(new GatewayError('invalid_request', message, { status, code: 'bad_request' }, error));
        if (waiting === 0) refuse(socket, rawReply(status, phrase, message));
      }
    },

    close,

    async closeAfter(graceMs, late) {
      // Who waits at the door is let in first: it would be cut off with the door.
      await turn();
      // Of HTTP's own close() the first thing is to end idle connections.
      NetServer.prototype.close.call(server);
      isLast = true;
      if (connections.size === 0) left.resolve();
      await Promise.race([left.promise, sleep(graceMs)]);
      late();
      close();
      await left.promise;
    },
  };
}

/** What the parser says: https://github.com/nodejs/llhttp/blob/main/src/llhttp/constants.ts */
const REASONS = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'The headers are too large: at most 16 KB are read.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'Payload Too Large', 'The extensions of a chunk are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request did not arrive in time.'],
} as const satisfies Record<string, readonly [number, string, string]>;
const ANY_OTHER = [400, 'Bad Request', 'This is not a valid HTTP request.'] as const;

function reasonOf(code: string | undefined): readonly [number, string, string] {
  return Object.entries(REASONS).find(([name]) => name === code)?.[1] ?? ANY_OTHER;
}

/** A connection closed at once, with bytes still coming, is reset, and the reply may be lost with it. */
function refuse(socket: Socket, reply: string): void {
  socket.end(reply);
  const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(cut));
}

/** What never became a request has no path to tell a dialect by: the envelope both SDKs can read. */
function rawReply(status: number, phrase: string, message: string): string {
  const error = {
    message,
    type: 'invalid_request_error',
    param: null,
    code: 'bad_request',
    status: 'INVALID_ARGUMENT',
  };
  const body = JSON.stringify({ error });
  const headers = [
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: private, no-store',
    'connection: close',
  ];
  return `HTTP/1.1 ${status} ${phrase}\r\n${headers.join('\r\n')}\r\n\r\n${body}`;
}
