import { setTimeout as sleep } from 'node:timers/promises';
import { busyIn } from './checks/idle.ts';
import type { Holdings } from './checks/leaks.ts';
import type { Held, Instance } from './lives.ts';
import { samplesOf } from './metrics.ts';
import type { Sample } from './metrics.ts';

/** A gateway at rest, or as near to it as it came. */
export interface Settled {
  readonly holdings: Holdings;
  readonly series: readonly Sample[];
}

/** Longer than anything goes on that nobody waits for. */
const PATIENCE_MS = 20_000;
const EVERY_MS = 250;
/** So many times in a row nothing grew less: it is as small as it gets. */
const STEADY = 6;
const MUCH_BYTES = 8 << 20;

/** Waits until nothing is in the air, and then until descriptors have become no fewer for a while. */
export async function settle(instance: Instance, vendorPort: number): Promise<Settled> {
  const endsAt = performance.now() + PATIENCE_MS;
  let series = samplesOf((await instance.scrapeNow()).text);
  while (busyIn(series).length > 0 && performance.now() < endsAt) {
    await sleep(EVERY_MS);
    series = samplesOf((await instance.scrapeNow()).text);
  }
  const holdingsOf = async (): Promise<Holdings> => heldBy(await instance.probe(vendorPort));
  let holdings = await holdingsOf();
  for (let steady = 0; steady < STEADY && performance.now() < endsAt; steady += 1) {
    await sleep(EVERY_MS);
    const now = await holdingsOf();
    if (now.descriptors < holdings.descriptors || now.residentBytes < holdings.residentBytes - MUCH_BYTES) steady = -1;
    holdings = now;
  }
  return { holdings, series };
}

/**
 * Without the connections to the vendor that are kept for the next call, as many as there were calls at one time: a socket and
 * a timer each, which keep nothing busy.
 */
function heldBy({ descriptors: { open, pooled }, alive, ...held }: Held): Holdings {
  const others = { ...alive, Socket: alive.Socket - pooled, Timeout: alive.Timeout - pooled };
  return { ...held, descriptors: open, alive: others };
}
