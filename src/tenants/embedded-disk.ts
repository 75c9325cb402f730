import { GatewayError } from '../errors.ts';
import type { Operation, Told } from './embedded-ledger.ts';
import type { LedgerThread } from './embedded-thread.ts';

export interface LedgerDisk {
  /** As that of the thread; what it comes to says how the disk is. */
  ask(operation: Operation): Promise<Told>;
  /** Why nothing can be written now; null while all is well. */
  trouble(): string | null;
  close(): void;
}

const PROBE_EVERY_MS = 1_000;

/**
 * Whether the ledger's disk takes what is written. From the first commit that fails it is in trouble, and something small
 * is written every second until that goes well: who is not ready is sent no requests, and would never find out by them.
 */
export function watchDisk(
  thread: Pick<LedgerThread, 'ask' | 'trouble'>,
  onChange: (trouble: GatewayError | null) => void,
): LedgerDisk {
  let trouble: GatewayError | null = null;
  let probing: NodeJS.Timeout | null = null;

  function set(next: GatewayError | null): void {
    const wasWell = trouble === null;
    trouble = next;
    if (wasWell === (next === null)) return;
    if (probing !== null) clearInterval(probing);
    probing =
      next === null
        ? null
        : setInterval(() => void ask({ verb: 'probe' }).catch(() => undefined), PROBE_EVERY_MS).unref();
    onChange(next);
  }

  async function ask(operation: Operation): Promise<Told> {
    try {
      const told = await thread.ask(operation);
      if (WRITES.has(operation.verb)) set(null);
      return told;
    } catch (error) {
      // A thread that is gone says so itself, and nothing mends it.
      if (error instanceof GatewayError && error.failure === 'unavailable' && thread.trouble() === null) set(error);
      throw error;
    }
  }

  return {
    ask,
    trouble: () => trouble?.message ?? null,
    close() {
      if (probing !== null) clearInterval(probing);
    },
  };
}

/** Those that always write something when they succeed. */
const WRITES: ReadonlySet<Operation['verb']> = new Set(['reserve', 'probe']);
