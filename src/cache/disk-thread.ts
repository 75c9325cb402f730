import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { DiskAnswer, DiskOperation, DiskQuestion, DiskStart, DiskTold } from './disk-worker.ts';
import { StoreDown } from './store.ts';
import type { EvictionReason } from './store.ts';

/** A thread whose disk hangs is not waited for longer. */
const CLOSE_MS = 5_000;

export interface ThreadEvents {
  readonly onEvict: (reason: EvictionReason) => void;
  /** The catalogue was made anew, since the one there was could not be read or is gone. */
  readonly onNew: () => void;
}

/** The thread that keeps the catalogue of a disk store. One that ends is started again when it is next asked. */
export class DiskThread {
  readonly #start: DiskStart;
  readonly #events: ThreadEvents;
  readonly #asked = new Map<number, PromiseWithResolvers<DiskTold>>();
  #worker: Worker | null = null;
  #number = 0;
  #bytes = 0;
  #closed = false;

  constructor(start: DiskStart, events: ThreadEvents) {
    this.#start = start;
    this.#events = events;
  }

  /** What the store held when the thread last answered. */
  get bytes(): number {
    return this.#bytes;
  }

  /** In the order asked. Rejects with StoreDown: the code of the cause is in its message. */
  async ask(operation: DiskOperation): Promise<DiskTold> {
    if (this.#closed) throw new StoreDown('the store is closed');
    this.#worker ??= this.#begin();
    this.#number += 1;
    const promise = Promise.withResolvers<DiskTold>();
    this.#asked.set(this.#number, promise);
    const question: DiskQuestion = { number: this.#number, operation };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(question);
    return promise.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    if (worker === null) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage('close');
    const tooLong = new AbortController();
    await Promise.race([ended, sleep(CLOSE_MS, undefined, { signal: tooLong.signal }).then(() => worker.terminate())]);
    tooLong.abort();
  }

  #begin(): Worker {
    // The same file beside this one, whether it runs as TypeScript or was emitted as JavaScript.
    const script = new URL(`./disk-worker${extname(import.meta.filename)}`, import.meta.url);
    const worker = new Worker(script, { name: 'cache', workerData: this.#start });
    worker.on('message', (answer: DiskAnswer) => this.#hear(answer));
    worker.on('error', (error) => this.#lose(worker, error.message));
    worker.on('exit', () => this.#lose(worker, 'its thread ended'));
    return worker;
  }

  #hear({ number, outcome, bytes, evicted, isNew }: DiskAnswer): void {
    this.#bytes = bytes;
    evicted.forEach(this.#events.onEvict);
    if (isNew) this.#events.onNew();
    const promise = this.#asked.get(number);
    this.#asked.delete(number);
    if ('told' in outcome) promise?.resolve(outcome.told);
    else {
      const { message, code } = outcome.failed;
      promise?.reject(new StoreDown(code === null || message.includes(code) ? message : `${code}: ${message}`));
    }
  }

  #lose(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    for (const { reject } of this.#asked.values()) reject(new StoreDown(why));
    this.#asked.clear();
  }
}
