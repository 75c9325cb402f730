import { once } from 'node:events';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { GatewayError } from '../errors.ts';
import type { Expired } from './embedded-books.ts';
import type { Ask, Operation, Told } from './embedded-ledger.ts';
import type { Answers, Opening, PlainError, Question, Start } from './embedded-worker.ts';
import type { RegistryRecord, RegistryStore } from './registry-store.ts';
import type { Made, SpendState } from './state.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
const SWEEP_EVERY_MS = 15_000;
const UNCOUNTED: Made = { pictures: 0, tokens: 0 };

/** `expired` is what a dead run had left held: it was charged in full when this was opened. */
export interface EmbeddedState extends SpendState {
  readonly expired: Expired;
  /** Charges what is held past its lease. It is done every 15 s by itself. */
  sweep(): Promise<Expired>;
  /** From now on `events` hears what happens by the way. */
  watch(events: StateEvents): void;
  /** Tenants and keys of the run time, in the same file. */
  readonly registry: RegistryStore;
  /**
   * Gives back what these holds were charged as unknown, and says so in the audit trail, in one step: the nano-dollars of
   * each, 0 where nothing was charged as unknown.
   */
  refund(holds: readonly string[], ask: Ask): Promise<readonly number[]>;
}

/** For those who count what happens by the way. */
export interface StateEvents {
  /** Holds outlived their lease while the process ran, and were charged in full as unknown. */
  expired(expired: Expired): void;
  /** The true cost of such a hold came in after all. */
  settledLate(): void;
}

/**
 * The state of a single process, in a SQLite file with a thread of its own. The process has the file's directory to
 * itself until it closes the state or ends, however it ends.
 * `now` is in unix ms. `file` may be ':memory:', which forgets everything at the end.
 * Throws GatewayError `unavailable`: another process has the directory, or the file cannot be used, and why.
 */
export async function openEmbeddedState(options: {
  readonly file: string;
  readonly now: () => number;
}): Promise<EmbeddedState> {
  const { file, now } = options;
  // The same file beside this one, whether it runs as TypeScript or was emitted as JavaScript.
  const script = new URL(`./embedded-worker${extname(import.meta.filename)}`, import.meta.url);
  const worker = new Worker(script, { name: 'ledger', workerData: { file, at: now() } satisfies Start });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const [opening] = (await once(worker, 'message')) as [Opening];
  if ('failed' in opening) {
    await ended;
    throw revived(opening.failed);
  }

  const asked = new Map<number, PromiseWithResolvers<Told>>();
  const patient = new Set<Promise<void>>();
  const closing = new AbortController();
  let lost: GatewayError | null = null;
  let number = 0;
  let events: StateEvents | null = null;

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

  function send(message: Question | 'close'): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage(message);
  }

  async function ask(operation: Operation): Promise<Told> {
    if (lost !== null) throw lost;
    number += 1;
    const promise = Promise.withResolvers<Told>();
    asked.set(number, promise);
    send({ number, operation });
    return promise.promise;
  }

  async function askUntilDone(operation: Operation): Promise<Told> {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const lastTry = closing.signal.aborted;
      try {
        return await ask(operation);
      } catch (error) {
        const passing = error instanceof GatewayError && error.failure === 'unavailable';
        if (!passing || lastTry || lost !== null) throw error;
        // Closing wakes it early, for the last try.
        await sleep(pause, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  function patiently(operation: Operation): Promise<void> {
    const done = (async () => {
      const { late } = await askUntilDone(operation);
      if (late === true) events?.settledLate();
    })();
    patient.add(done);
    return done.finally(() => patient.delete(done));
  }

  async function sweep(): Promise<Expired> {
    const { expired } = await ask({ verb: 'expire', at: now() });
    if (expired === undefined || expired.holds === 0) return { holds: 0, nanos: 0 };
    events?.expired(expired);
    return expired;
  }
  // What cannot be written now is found again by the next one.
  const sweeping = setInterval(() => void sweep().catch(() => undefined), SWEEP_EVERY_MS).unref();

  return {
    expired: opening.value,
    sweep,
    watch(listener) {
      events = listener;
    },
    async reserve(holds) {
      await ask({ verb: 'reserve', holds, at: now() });
    },
    settle: (id, nanos, outcome, made = UNCOUNTED) =>
      patiently({ verb: 'settle', id, ended: { nanos, outcome, ...made }, at: now() }),
    release: (id, outcome = 'released') => patiently({ verb: 'release', id, outcome, at: now() }),
    async spent(accountKeys) {
      const { balances = [] } = await ask({ verb: 'spent', accountKeys });
      return balances;
    },
    trouble: () => lost?.message ?? null,
    async refund(holds, asked) {
      const { refunds = [] } = await ask({ verb: 'refund', ids: holds, at: now(), ask: asked });
      return refunds;
    },
    registry: {
      async load(since) {
        const { registry = { revision: 0, rows: [] } } = await ask({ verb: 'registry', since });
        const { revision, rows } = registry;
        return {
          revision,
          records: rows.map((row) => ({ revision: row.revision, record: JSON.parse(row.body) as RegistryRecord })),
        };
      },
      async write(change) {
        const { revision = null } = await ask({ verb: 'change', change });
        return revision;
      },
      async audit(query) {
        const { audit = [] } = await ask({ verb: 'audit', query });
        return audit;
      },
      // The directory is this process's alone: nobody else changes anything.
      watch: () => () => undefined,
    },
    async close() {
      closing.abort();
      clearInterval(sweeping);
      await Promise.allSettled(patient);
      if (lost === null) send('close');
      await ended;
    },
  };
}

function revived({ failure, message, detail, cause }: PlainError): GatewayError {
  return new GatewayError(failure, message, detail, cause ?? undefined);
}
