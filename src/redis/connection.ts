import { createClient, ErrorReply, RESP_TYPES } from '@redis/client';
import { RedisFailure } from './failure.ts';

/** What Redis answers, in RESP2: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export type Reply = string | number | Buffer | null | readonly Reply[];

export interface ConnectionOptions {
  readonly url: string;
  /** Its own name at the server, for `CLIENT LIST`. */
  readonly name: string;
  /** Texts in replies are given as bytes. Default: as strings, which they then have to be. */
  readonly inBytes?: boolean;
  /** Told of every connection made, the first included; what was asked of an earlier one may or may not be done. */
  readonly onConnected: () => void;
  /** Told once for each loss, with words that hold no secret. */
  readonly onLost: (reason: string) => void;
}

type Client = ReturnType<typeof make>;

/** How often a connection is asked whether it lives. */
const PROBE_MS = 500;
/**
 * Looks that found the answer missing: a server that is not well, to which nothing else is sent until it comes; and one
 * whose host may be gone, so that the connection is given up for a new one. Counted by looks and not by the clock: while
 * this process itself stood still, nobody looked.
 */
const STALLED_LOOKS = 3;
const GIVE_UP_LOOKS = 10;
const CONNECT_MS = 3_000;
const IN_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
/** Deadlines missed in a row until nothing more is sent before the server has answered again. */
const LATE_IN_A_ROW = 3;
const SLOWEST_RECONNECT_MS = 1_000;

/**
 * One connection that comes back by itself, for ever. A command is answered within its deadline or fails; while the
 * server does not answer at all, it fails at once. Nothing is queued for later.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #watch: NodeJS.Timeout;
  #client: Client;
  #probing = false;
  /** How often in a row it was found not connected, or without an answer to the probe. */
  #silentLooks = 0;
  #lateInARow = 0;
  #connected = false;
  #closed = false;
  #reason = 'not connected yet';

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#client = this.#connect();
    this.#watch = setInterval(() => this.#look(), PROBE_MS).unref();
  }

  /** Why nothing can be asked now; null when it can. */
  get trouble(): string | null {
    if (!this.#connected) return this.#reason;
    if (this.#lateInARow >= LATE_IN_A_ROW || this.#silentLooks >= STALLED_LOOKS) return 'it does not answer in time';
    return null;
  }

  /** Rejects with RedisFailure, and with nothing else. */
  async send(args: readonly (string | Buffer)[], deadlineMs: number): Promise<Reply> {
    const trouble = this.trouble;
    if (trouble !== null) throw new RedisFailure('down', `Redis cannot be asked: ${trouble}.`, false);
    return this.#within(
      deadlineMs,
      this.#client.sendCommand<Reply>(args, this.#options.inBytes === true ? IN_BYTES : undefined),
    );
  }

  /** The client listens, and sends nothing else from then on. It listens again by itself after every loss. */
  async subscribe(channel: string, listener: (message: string) => void, deadlineMs: number): Promise<void> {
    await this.#within(deadlineMs, this.#client.subscribe(channel, listener));
  }

  /** For what this server says of itself: gives the connection up and makes a new one, which may find another server. */
  reconnect(reason: string): void {
    if (this.#closed) return;
    this.#lost(reason);
    destroy(this.#client);
    this.#client = this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#connected = false;
    this.#reason = 'closed';
    clearInterval(this.#watch);
    destroy(this.#client);
  }

  #connect(): Client {
    const { url, name } = this.#options;
    const client = make(url, name);
    this.#probing = false;
    this.#heard();
    client.on('ready', () => {
      if (client !== this.#client || this.#closed) return;
      this.#connected = true;
      this.#heard();
      this.#options.onConnected();
    });
    client.on('error', (error: unknown) => {
      if (client === this.#client && !this.#closed) this.#lost(reasonOf(error));
    });
    // It is settled by `ready` or, closed, by nobody: a strategy that never gives up never rejects.
    client.connect().catch(() => undefined);
    return client;
  }

  async #within(deadlineMs: number, reply: Promise<Reply | void>): Promise<Reply> {
    const late = Promise.withResolvers<never>();
    let last: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => {
      // What has arrived while this process was busy is read first, and was in time.
      last = setImmediate(() => {
        this.#lateInARow += 1;
        if (this.#lateInARow >= LATE_IN_A_ROW) this.#probe();
        late.reject(new RedisFailure('late', `Redis did not answer within ${deadlineMs} ms.`, true));
      });
    }, deadlineMs);
    try {
      const value = await Promise.race([reply, late.promise]);
      this.#heard();
      return value ?? null;
    } catch (error) {
      // A reply that comes after its deadline is nobody's any more.
      reply.catch(() => undefined);
      if (error instanceof RedisFailure) throw error;
      if (error instanceof ErrorReply) {
        this.#heard();
        throw new RedisFailure('refused', error.message, false, error.message.split(' ', 1)[0]);
      }
      const unsent = error instanceof Error && error.constructor.name === 'ClientOfflineError';
      throw new RedisFailure('down', `Redis cannot be asked: ${reasonOf(error)}.`, !unsent);
    } finally {
      clearTimeout(timer);
      clearImmediate(last);
    }
  }

  #heard(): void {
    this.#silentLooks = 0;
    this.#lateInARow = 0;
  }

  #look(): void {
    if (this.#probing || !this.#connected) this.#silentLooks += 1;
    if (this.#silentLooks >= GIVE_UP_LOOKS) this.reconnect(this.#connected ? 'it stopped answering' : this.#reason);
    else this.#probe();
  }

  #probe(): void {
    if (!this.#connected || this.#probing) return;
    const client = this.#client;
    this.#probing = true;
    const end = (): void => {
      if (client !== this.#client) return;
      this.#probing = false;
      this.#heard();
    };
    // An error is an answer; a lost connection is told by its own event.
    client.ping().then(end, end);
  }

  #lost(reason: string): void {
    this.#reason = reason;
    if (!this.#connected) return;
    this.#connected = false;
    this.#probing = false;
    this.#options.onLost(reason);
  }
}

function make(url: string, name: string) {
  return createClient({
    url,
    name,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: {
      connectTimeout: CONNECT_MS,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, SLOWEST_RECONNECT_MS) + Math.random() * 100,
    },
  });
}

function destroy(client: Client): void {
  // It throws where it was never open.
  if (client.isOpen) client.destroy();
}

/** What kind of failure it was, in words of ours or the system's: replies to AUTH and the like are cut to their code. */
function reasonOf(error: unknown): string {
  if (error instanceof ErrorReply) {
    const [code = ''] = error.message.split(' ', 1);
    return code === 'WRONGPASS' || code === 'NOAUTH' ? `it refuses the password (${code})` : `it refuses (${code})`;
  }
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.constructor.name : 'unknown';
}
