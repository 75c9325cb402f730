import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import type { Expired } from './embedded-books.ts';
import type { Operation, Told } from './embedded-ledger.ts';
import { openLedgerThread } from './embedded-thread.ts';
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
  const thread = await openLedgerThread({ file, at: now(), mirror: false });
  const { ask } = thread;
  const patient = new Set<Promise<void>>();
  const closing = new AbortController();
  let events: StateEvents | null = null;

  async function askUntilDone(operation: Operation): Promise<Told> {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const lastTry = closing.signal.aborted;
      try {
        return await ask(operation);
      } catch (error) {
        const passing = error instanceof GatewayError && error.failure === 'unavailable';
        if (!passing || lastTry || thread.trouble() !== null) throw error;
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
    expired: thread.expired,
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
    trouble: () => thread.trouble(),
    async close() {
      closing.abort();
      clearInterval(sweeping);
      await Promise.allSettled(patient);
      await thread.close();
    },
  };
}
