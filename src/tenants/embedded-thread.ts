import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { GatewayError } from '../errors.ts';
import type { Expired } from './embedded-books.ts';
import type { Told } from './embedded-ledger.ts';
import type { Answers, Opening, PlainError, Question, Questions, Start } from './embedded-worker.ts';

/** A ledger's file in a thread of its own: every commit waits for the disk. */
export interface LedgerThread {
  /** What a dead run had left held, and was charged in full when this was opened. */
  readonly expired: Expired;
  /** All that is asked while one commit is written is the next one. Rejects with GatewayError. */
  ask(operation: Question['operation']): Promise<Told>;
  /** Why it will never answer again; null while all is well. */
  trouble(): string | null;
  close(): Promise<void>;
}

/** Throws GatewayError `unavailable`: another process has the directory, or the file cannot be used, and why. */
export async function openLedgerThread(start: Start): Promise<LedgerThread> {
  // The same file beside this one, whether it runs as TypeScript or was emitted as JavaScript.
  const script = new URL(`./embedded-worker${extname(import.meta.filename)}`, import.meta.url);
  const worker = new Worker(script, { name: 'ledger', workerData: start });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const [opening] = (await once(worker, 'message')) as [Opening];
  if ('failed' in opening) {
    await ended;
    throw revived(opening.failed);
  }

  const asked = new Map<number, PromiseWithResolvers<Told>>();
  let lost: GatewayError | null = null;
  let number = 0;

  worker.on('message', (answers: Answers) => {
    for (const answer of answers) {
      const promise = asked.get(answer.number);
      asked.delete(answer.number);
      if ('failed' in answer.outcome) promise?.reject(revived(answer.outcome.failed));
      else promise?.resolve(answer.outcome.value);
    }
  });
  worker.on('error', (error) => lose(error));
  worker.on('exit', () => lose());

  function lose(cause?: unknown): void {
    lost ??= new GatewayError('unavailable', 'The ledger is closed: nothing that costs money can be done.', {}, cause);
    for (const { reject } of asked.values()) reject(lost);
    asked.clear();
  }

  /** Asked in this turn of the event loop: a message for each would cost the thread more than the question itself. */
  let waiting: Question[] = [];

  function send(): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    if (waiting.length > 0) worker.postMessage(waiting satisfies Questions);
    waiting = [];
  }

  async function ask(operation: Question['operation']): Promise<Told> {
    if (lost !== null) throw lost;
    number += 1;
    const promise = Promise.withResolvers<Told>();
    asked.set(number, promise);
    if (waiting.push({ number, operation }) === 1) setImmediate(send);
    return promise.promise;
  }

  return {
    expired: opening.value,
    ask,
    trouble: () => lost?.message ?? null,
    async close() {
      send();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      if (lost === null) worker.postMessage('close' satisfies Questions);
      await ended;
    },
  };
}

function revived({ failure, message, detail, cause }: PlainError): GatewayError {
  return new GatewayError(failure, message, detail, cause ?? undefined);
}
