import { randomUUID } from 'node:crypto';
import type { SavedBatch } from './embedded-saved.ts';
import { savedTally } from './saved-tally.ts';
import type { Saving } from './state.ts';

const SAVE_EVERY_MS = 1_000;

/** What the cache saved, on its way to the ledger. */
export interface SavedWriter {
  add(saving: Saving): void;
  /** Writes all that was added before. Rejects as `write` does; then it is kept, and sent again. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Sums in memory, written about once a second. `now` is in unix ms. */
export function savedWriter(now: () => number, write: (batch: SavedBatch) => Promise<void>): SavedWriter {
  const tally = savedTally();
  const source = randomUUID();
  let batch: SavedBatch = { source, number: 0, sums: [] };
  let writing: Promise<void> | null = null;

  /** One batch at a time; one that could not be written is sent again before the next. */
  async function writeNext(): Promise<void> {
    if (batch.sums.length === 0) batch = { source, number: batch.number + 1, sums: tally.take() };
    if (batch.sums.length === 0) return;
    await write(batch);
    batch = { ...batch, sums: [] };
  }
  const once = (): Promise<void> => (writing ??= writeNext().finally(() => (writing = null)));
  const timer = setInterval(() => void once().catch(() => undefined), SAVE_EVERY_MS).unref();

  return {
    add: (saving) => tally.add(saving, now()),
    async flush() {
      // Twice: what is being written may be older than what is in memory.
      await once();
      await once();
    },
    async close() {
      clearInterval(timer);
      await Promise.allSettled([once()]);
      await Promise.allSettled([once()]);
    },
  };
}
