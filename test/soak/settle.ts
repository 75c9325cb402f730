import { setTimeout as sleep } from 'node:timers/promises';
import { busyIn } from './checks/idle.ts';
import type { Holdings } from './checks/leaks.ts';
import type { Instance } from './lives.ts';
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
/** As Node names them: those of callers, of Redis, and of the vendor's pool, which are taken off. */
const SOCKETS = 'TCPSocketWrap';

/** Waits until nothing is in the air, and then until descriptors have become no fewer for a while. */
export async function settle(instance: Instance, vendorPort: number): Promise<Settled> {
  const endsAt = performance.now() + PATIENCE_MS;
  let series = samplesOf((await instance.scrapeNow()).text);
  while (busyIn(series).length > 0 && performance.now() < endsAt) {
    await sleep(EVERY_MS);
    series = samplesOf((await instance.scrapeNow()).text);
  }
  const holdingsOf = async (): Promise<Holdings> => {
    const { descriptors, resources, ...memory } = await instance.probe(vendorPort);
    const sockets = (resources[SOCKETS] ?? 0) - descriptors.pooled;
    return { ...memory, descriptors: descriptors.open, resources: { ...resources, [SOCKETS]: sockets } };
  };
  let holdings = await holdingsOf();
  for (let steady = 0; steady < STEADY && performance.now() < endsAt; steady += 1) {
    await sleep(EVERY_MS);
    const now = await holdingsOf();
    if (now.descriptors < holdings.descriptors || now.residentBytes < holdings.residentBytes - (1 << 20)) steady = -1;
    holdings = now;
  }
  return { holdings, series };
}
