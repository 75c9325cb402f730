import { Client } from 'undici';
import type { Dispatcher } from 'undici';

/**
 * How long a connection is left alone after an answer: what comes on it then was asked for by nobody, and the connection is
 * closed. Pictures take seconds; the price is some more connections.
 */
const REST_MS = 50;

interface Resting {
  readonly client: Client;
  /** By the clock of `performance.now()`. */
  readonly since: number;
}

/**
 * Connections to one origin, each with one call at a time. HTTP/1.1 tells answers apart by their order alone: on a connection
 * that is used again at once, a second answer that nobody asked for (of a proxy that lost count, or that was tricked) is
 * taken for that to the next call, and from then on each caller gets the picture of the one before him.
 */
export class Connections {
  readonly #origin: string;
  readonly #options: Client.Options;
  readonly #restMs: number;
  /** Those that were used last are at the end. */
  readonly #resting: Resting[] = [];
  readonly #clients = new Set<Client>();

  constructor(origin: string, options: Client.Options, restMs = REST_MS) {
    this.#origin = origin;
    this.#options = options;
    this.#restMs = restMs;
  }

  async request(options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
    const client = this.#take();
    try {
      const response = await client.request(options);
      response.body.once('close', () => this.#rest(client));
      return response;
    } catch (error) {
      this.#drop(client);
      throw error;
    }
  }

  /** Resolves when every call has ended. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients].map((client) => client.close()));
  }

  #take(): Client {
    const restedBy = performance.now() - this.#restMs;
    const index = this.#resting.findLastIndex(({ since }) => since <= restedBy);
    const [rested] = index < 0 ? [] : this.#resting.splice(index, 1);
    if (rested !== undefined) return rested.client;
    const client = new Client(this.#origin, this.#options);
    this.#clients.add(client);
    // One that was closed while it rested, by whichever side, is no longer any use.
    client.on('disconnect', () => {
      if (this.#resting.some((resting) => resting.client === client)) this.#drop(client);
    });
    return client;
  }

  #rest(client: Client): void {
    if (client.closed || client.destroyed || !this.#clients.has(client)) return;
    // An answer that was let go of before its end took its connection with it.
    if (client.stats.connected) this.#resting.push({ client, since: performance.now() });
    else this.#drop(client);
  }

  #drop(client: Client): void {
    this.#clients.delete(client);
    const index = this.#resting.findIndex((resting) => resting.client === client);
    if (index >= 0) this.#resting.splice(index, 1);
    void client.destroy();
  }
}
