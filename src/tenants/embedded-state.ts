import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import type { Expired } from './embedded-books.ts';
import type { Operation, Told } from './embedded-ledger.ts';
import { forgetTenant, scrub } from './embedded-forget.ts';
import { watchDisk } from './embedded-disk.ts';
import { openLedgerThread } from './embedded-thread.ts';
import type { RegistryRecord, RegistryStore } from './registry-store.ts';
import { savedWriter } from './saved-writer.ts';
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
}

/** For those who count what happens by the way. */
export interface StateEvents {
  /** Holds outlived their lease while the process ran, and were charged in full as unknown. */
  expired(expired: Expired): void;
  /** The true cost of such a hold came in after all. */
  settledLate(): void;
  /** From now on nothing can be written, and why; null: it can again. */
  disk(trouble: GatewayError | null): void;
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
  const thread = await openLedgerThread({ file, at: now(), mirror: false });
  const disk = watchDisk(thread, (trouble) => events?.disk(trouble));
  const { ask } = disk;
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
    const { expired } = await ask({ verb: 'expire', at: now(), clock: clock() });
    if (expired === undefined || expired.holds === 0) return { holds: 0, nanos: 0 };
    events?.expired(expired);
    return expired;
  }
  // What cannot be written now is found again by the next one.
  const sweeping = setInterval(() => void sweep().catch(() => undefined), SWEEP_EVERY_MS).unref();

  const saved = savedWriter(now, async (batch) => void (await ask({ verb: 'save', batch, at: now() })));

  return {
    expired: thread.expired,
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
    save: saved.add,
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
      await saved.flush();
      await forgetTenant(thread, tenant, now());
      await scrub(thread, closing.signal);
    },
    trouble: () => thread.trouble() ?? disk.trouble(),
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
      disk.close();
      await Promise.allSettled(patient);
      await saved.close();
      await thread.close();
    },
  };
}
