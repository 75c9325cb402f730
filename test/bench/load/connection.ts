import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ReplyReader } from './reply.ts';
import type { Reply } from './reply.ts';

/** What comes is read into it and thrown away, whoever it is for: one at a time is read. */
const BUFFER = Buffer.allocUnsafe(1 << 20);

/** One connection that is kept while its server keeps it; one request at a time. */
export class Connection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | null = null;
  #pending: PromiseWithResolvers<Reply> | null = null;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    [this.#host, this.#port] = [hostname, Number(port)];
  }

  /** Resolves with the reply when all of it is there; rejects when the connection ends before. */
  ask(request: Buffer | readonly Buffer[]): Promise<Reply> {
    const pending = Promise.withResolvers<Reply>();
    this.#pending = pending;
    const socket = (this.#socket ??= this.#open());
    if (Buffer.isBuffer(request)) socket.write(request);
    else for (const part of request) socket.write(part);
    return pending.promise;
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    const reader = new ReplyReader((reply) => {
      if (reply.closes) this.#leave(socket);
      this.#settle((pending) => pending.resolve(reply));
    });
    const socket = connect({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      onread: {
        buffer: BUFFER,
        callback: (length, buffer) => {
          reader.read((buffer as Buffer).subarray(0, length));
          return true;
        },
      },
    });
    socket.once('error', (error) => this.#end(socket, error));
    socket.once('close', () => this.#end(socket, new Error('the connection ended before its reply')));
    return socket;
  }

  #leave(socket: Socket): void {
    socket.destroy();
    if (this.#socket === socket) this.#socket = null;
  }

  #end(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#settle((pending) => pending.reject(error));
  }

  #settle(work: (pending: PromiseWithResolvers<Reply>) => void): void {
    const pending = this.#pending;
    this.#pending = null;
    if (pending !== null) work(pending);
  }
}
