import { hash } from 'node:crypto';
import type { Fault } from './faults.ts';

/** One call that reached the simulator: every POST to a model, and whatever followed a redirect. */
export interface Call {
  /** Counts from 1 and never starts again. */
  readonly number: number;
  readonly method: string;
  /** Without the query, which may hold a key. */
  readonly path: string;
  readonly model: string | null;
  /** sha256 of the last turn's text, hex; null while the body is not read, or when it is not valid. */
  readonly promptDigest: string | null;
  readonly seed: number | null;
  /** Unix milliseconds. */
  readonly receivedAt: number;
  /** Null while it is in the air. */
  readonly answered: Answered | null;
}

export interface Answered {
  readonly at: number;
  /** The status sent, or the one that would have been sent had the fault not spoilt the sending. */
  readonly status: number;
  readonly fault: Fault | null;
  /** A finishReason, a blockReason, or the vendor's word for its error. */
  readonly reason: string | null;
  readonly pictures: readonly { readonly width: number; readonly height: number; readonly mimeType: string }[];
  readonly nanoUsd: number;
}

export interface Journal {
  /** The newest 10,000. */
  readonly calls: readonly Call[];
  /** All there ever were. */
  readonly count: number;
  open(call: Pick<Call, 'method' | 'path' | 'model' | 'receivedAt'>): OpenCall;
}

export interface OpenCall {
  readonly number: number;
  read(prompt: string, seed: number | null): void;
  answer(answered: Pick<Answered, 'status' | 'reason'> & Partial<Answered>): void;
}

const KEPT_CALLS = 10_000;

export function openJournal(): Journal {
  const calls: Call[] = [];
  let count = 0;
  return {
    calls,
    get count() {
      return count;
    },
    open(fields) {
      count += 1;
      const call: { -readonly [K in keyof Call]: Call[K] } = {
        number: count,
        ...fields,
        promptDigest: null,
        seed: null,
        answered: null,
      };
      calls.push(call);
      if (calls.length > KEPT_CALLS) calls.splice(0, KEPT_CALLS / 10);
      return {
        number: call.number,
        read(prompt, seed) {
          call.promptDigest = hash('sha256', prompt);
          call.seed = seed;
        },
        answer(answered) {
          call.answered = { at: Date.now(), fault: null, pictures: [], nanoUsd: 0, ...answered };
        },
      };
    },
  };
}
