import { parentPort, workerData } from 'node:worker_threads';
import { GatewayError } from '../errors.ts';
import type { Failure, FailureDetail } from '../errors.ts';
import type { Expired } from './embedded-books.ts';
import { openEmbeddedLedger } from './embedded-ledger.ts';
import type { EmbeddedLedger, Operation, Told } from './embedded-ledger.ts';

/** What the thread is started with. */
export interface Start {
  readonly file: string;
  /** Unix ms. */
  readonly at: number;
  /** It follows a Redis. */
  readonly mirror: boolean;
}

/** Its first message: what was charged when the ledger was opened, or why it is not open. */
export type Opening = Outcome<Expired>;

/** What it is asked afterwards, and its answers: all those of one commit in one message. */
export interface Question {
  readonly number: number;
  /** To scrub is no commit: the file is written anew. */
  readonly operation: Operation | { readonly verb: 'scrub' };
}
export type Questions = readonly Question[] | 'close';
export type Answers = readonly { readonly number: number; readonly outcome: Outcome<Told> }[];

export type Outcome<T> = { readonly value: T } | { readonly failed: PlainError };

/** A GatewayError in plain values: an error that crosses threads loses its class and its fields. */
export interface PlainError {
  readonly failure: Failure;
  readonly message: string;
  readonly detail: FailureDetail;
  readonly cause: string | null;
}

const port = parentPort!;
const { file, at, mirror } = workerData as Start;
const ledger = open();
if (ledger !== null) answer(ledger);

function open(): EmbeddedLedger | null {
  try {
    const opened = openEmbeddedLedger(file, at, mirror);
    port.postMessage({ value: opened.expired } satisfies Opening);
    return opened;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    port.postMessage({ failed: plain(error) } satisfies Opening);
    return null;
  }
}

function answer(ledger: EmbeddedLedger): void {
  const waiting: { readonly number: number; readonly operation: Operation }[] = [];

  // While a commit waits for the disk, questions queue up at the port. They are all read before the next turn of the
  // event loop gets to its immediates, so together they are the next commit.
  port.on('message', (questions: Questions) => {
    if (questions === 'close') {
      answerWaiting();
      ledger.close();
      port.close();
      return;
    }
    for (const { number, operation } of questions)
      if (operation.verb === 'scrub') {
        answerWaiting();
        scrub(number);
      } else if (waiting.push({ number, operation }) === 1) setImmediate(answerWaiting);
  });

  function scrub(number: number): void {
    let outcome: Outcome<Told>;
    try {
      outcome = { value: { scrubbed: ledger.scrub() } };
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      outcome = { failed: plain(error) };
    }
    port.postMessage([{ number, outcome }] satisfies Answers);
  }

  function answerWaiting(): void {
    const questions = waiting.splice(0);
    if (questions.length === 0) return;
    const results = ledger.commit(questions.map(({ operation }) => operation));
    const answers: Answers = results.map((result, index) => ({
      number: questions[index]!.number,
      outcome: 'failed' in result ? { failed: plain(result.failed) } : { value: result.told },
    }));
    port.postMessage(answers);
  }
}

function plain({ failure, message, detail, cause }: GatewayError): PlainError {
  return { failure, message, detail, cause: cause instanceof Error ? cause.message : null };
}
