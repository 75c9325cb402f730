import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import type { LedgerThread } from './embedded-thread.ts';

/** Holds of one step of forgetting: some milliseconds, in which reserves wait. */
const FORGET_AT_ONCE = 200;
/** Reports and audits read for seconds; a scrub waits for them. */
const SCRUB_TRIES = 60;
const SCRUB_PAUSE_MS = 500;

/** Rolls up all that is known of a tenant, step by step. `at` in unix ms. Rejects while it has pictures in the air. */
export async function forgetTenant(thread: LedgerThread, tenant: string, at: number): Promise<void> {
  for (let more = true; more;) {
    const { rolled } = await thread.ask({ verb: 'forget', tenant, most: FORGET_AT_ONCE, at });
    more = rolled?.more === true;
  }
}

/** Writes the file anew, without the bytes of what was deleted. Rejects when somebody reads it all the while. */
export async function scrub(thread: LedgerThread, signal: AbortSignal): Promise<void> {
  for (let tries = 0; tries < SCRUB_TRIES && !signal.aborted; tries += 1) {
    if ((await thread.ask({ verb: 'scrub' })).scrubbed === true) return;
    await sleep(SCRUB_PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  const message = 'The tenant is forgotten, but somebody reads the ledger and keeps its old bytes: ask again later.';
  throw new GatewayError('unavailable', message);
}
