import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { SpendState } from '../tenants/state.ts';
import { logTrouble } from './outage.ts';

export interface RetentionParts {
  readonly state: Pick<SpendState, 'rollUp' | 'trouble'>;
  readonly config: Config['retention'];
  /** Unix ms. */
  readonly now: () => number;
  readonly log: Log;
}

const FIRST_MS = 2_000;
const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Holds of one step, which is a part of one commit: some milliseconds, in which reserves wait. */
const AT_ONCE = 25;
/** Between two steps, of the time a step takes: most of the time belongs to those who draw. */
const PAUSE = 4;

/**
 * Rolls up, once an hour, what is older than it must be kept, in small steps; until the function is called. What a crash
 * interrupts goes on at the next start. The clock is read at the start and goes on by one that is never set: a clock that
 * is put forward while the gateway runs makes nothing old.
 */
export function keepFor({ state, config, now, log }: RetentionParts): () => Promise<void> {
  const closing = new AbortController();
  const pause = (ms: number): Promise<unknown> =>
    sleep(ms, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
  const startedAt = now() - performance.now();
  const since = (days: number): number => startedAt + performance.now() - days * DAY_MS;

  const tell = logTrouble(log, 'retention: old rows could not be rolled up');

  async function rollUp(): Promise<void> {
    const which = { before: since(config.ledgerDays), unknownsBefore: since(config.unknownDays) };
    for (let more = true; more && !closing.signal.aborted;) {
      const begunAt = performance.now();
      more = await state.rollUp(which, AT_ONCE);
      if (more) await pause(PAUSE * (performance.now() - begunAt));
    }
  }

  async function keep(): Promise<void> {
    await pause(FIRST_MS);
    while (!closing.signal.aborted) {
      try {
        await rollUp();
      } catch (error) {
        // A state that is lost has said so itself.
        if (state.trouble() === null) tell(error);
      }
      await pause(EVERY_MS);
    }
  }

  const done = keep();
  return () => {
    closing.abort();
    return done;
  };
}
