import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { GatewayError } from '../errors.ts';
import type { Expired } from './embedded-books.ts';
import type { Operation, Told } from './embedded-ledger.ts';
import type { SavedBatch } from './embedded-saved.ts';
import type { Answers, Opening, PlainError, Question, Start } from './embedded-worker.ts';
import type { RegistryRecord, RegistryStore } from './registry-store.ts';
import { savedTally } from './saved-tally.ts';
import type { Made, SpendState } from './state.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
const SWEEP_EVERY_MS = 15_000;
const SAVE_EVERY_MS = 1_000;
/** Holds of one step of forgetting: some milliseconds, in which reserves wait. */
const FORGET_AT_ONCE = 200;
/** Reports and audits read for seconds; a scrub waits for them. */
const SCRUB_TRIES = 60;
const SCRUB_PAUSE_MS = 500;
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
 * `now` is in unix ms: it dates the rows. Leases are measured by `clock`, in ms, which nobody sets: were they dated, a
 * clock put forward would charge every picture in the air in full, and one put back would keep lost ones held for ever.
 * `file` may be ':memory:', which forgets everything at the end.
 * Throws GatewayError `unavailable`: another process has the directory, or the file cannot be used, and why.
 */
export async function openEmbeddedState(options: {
  readonly file: string;
  readonly now: () => number;
  readonly clock?: () => number;
}): Promise<EmbeddedState> {
  const { file, now, clock = () => performance.now() } = options;
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

  async function ask(operation: Question['operation']): Promise<Told> {
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
    const { expired } = await ask({ verb: 'expire', at: now(), clock: clock() });
    if (expired === undefined || expired.holds === 0) return { holds: 0, nanos: 0 };
    events?.expired(expired);
    return expired;
  }
  // What cannot be written now is found again by the next one.
  const sweeping = setInterval(() => void sweep().catch(() => undefined), SWEEP_EVERY_MS).unref();

  const tally = savedTally();
  const source = randomUUID();
  let batch: SavedBatch = { source, number: 0, sums: [] };
  let saving: Promise<void> | null = null;

  /** One batch at a time; one that could not be written is sent again before the next. */
  async function writeSaved(): Promise<void> {
    if (batch.sums.length === 0) batch = { source, number: batch.number + 1, sums: tally.take() };
    if (batch.sums.length === 0) return;
    await ask({ verb: 'save', batch, at: now() });
    batch = { ...batch, sums: [] };
  }
  const flush = (): Promise<void> => (saving ??= writeSaved().finally(() => (saving = null)));
  const flushing = setInterval(() => void flush().catch(() => undefined), SAVE_EVERY_MS).unref();

  async function scrub(): Promise<void> {
    for (let tries = 0; tries < SCRUB_TRIES; tries += 1) {
      if ((await ask({ verb: 'scrub' })).scrubbed === true) return;
      await sleep(SCRUB_PAUSE_MS, undefined, { signal: closing.signal }).catch(() => undefined);
    }
    const message = 'The tenant is forgotten, but somebody reads the ledger and keeps its old bytes: ask again later.';
    throw new GatewayError('unavailable', message);
  }

  return {
    expired: opening.value,
    sweep,
    watch(listener) {
      events = listener;
    },
    async reserve(holds) {
      await ask({ verb: 'reserve', holds, at: now(), clock: clock() });
    },
    settle: (id, nanos, outcome, made = UNCOUNTED) =>
      patiently({ verb: 'settle', id, ended: { nanos, outcome, ...made }, at: now() }),
    release: (id, outcome = 'released') => patiently({ verb: 'release', id, outcome, at: now() }),
    async spent(accountKeys) {
      const { balances = [] } = await ask({ verb: 'spent', accountKeys });
      return balances;
    },
    save: (each) => tally.add(each, now()),
    async adjust(adjustment, asked = null) {
      const { adjustedNanos = 0 } = await ask({ verb: 'adjust', adjustment, at: now(), ask: asked });
      return adjustedNanos;
    },
    async refund(ids, asked = null) {
      const { refunds = [] } = await ask({ verb: 'refund', ids, at: now(), ask: asked });
      return refunds;
    },
    async rollUp(which, most) {
      const { rolled } = await ask({ verb: 'rollUp', which, most, at: now() });
      return rolled?.more === true;
    },
    async forget(tenant) {
      // Twice: what is being written may be older than what is in memory.
      await flush();
      await flush();
      for (let more = true; more;) {
        const { rolled } = await ask({ verb: 'forget', tenant, most: FORGET_AT_ONCE, at: now() });
        more = rolled?.more === true;
      }
      await scrub();
    },
    trouble: () => lost?.message ?? null,
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
      clearInterval(flushing);
      await Promise.allSettled(patient);
      await Promise.allSettled([flush()]).then(() => Promise.allSettled([flush()]));
      if (lost === null) send('close');
      await ended;
    },
  };
}

function revived({ failure, message, detail, cause }: PlainError): GatewayError {
  return new GatewayError(failure, message, detail, cause ?? undefined);
}
