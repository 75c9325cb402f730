import type { Entries } from '../cache/entry.ts';
import type { CacheKey } from '../cache/key.ts';
import type { Lease } from '../cache/leases.ts';
import type { Decision } from '../cache/policy.ts';
import type { Drawn } from '../image/answer.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';

export interface KeepParts {
  readonly entries: Entries;
  readonly metrics: Pick<Metrics, 'cache'>;
  readonly log: Pick<Log, 'fault'>;
}

export interface KeepJob {
  readonly key: CacheKey;
  readonly decision: Pick<Decision, 'store' | 'ttlSeconds'>;
  /** What other instances wait for; null where none does, or none can be asked. */
  readonly lease: Lease | null;
}

/**
 * A store that fails costs a later hit, never this answer. What others wait for is stored only by whom they wait for, and
 * they are told when it is where they find it.
 */
export async function keep(
  { entries, metrics, log }: KeepParts,
  { key, decision, lease }: KeepJob,
  drawn: Drawn,
): Promise<boolean> {
  try {
    if (lease === null) return decision.store && (await entries.put(key, drawn, decision.ttlSeconds));
    if (decision.store && (await lease.isMine())) {
      const onShared = (isKept: boolean): void => void tellOthers(entries, key, lease, isKept);
      return await entries.put(key, drawn, decision.ttlSeconds, { fence: lease.fence, onShared });
    }
  } catch (error) {
    metrics.cache('error');
    log.fault('cache: picture not stored', error);
  }
  void lease?.end('unkept');
  return false;
}

async function tellOthers(entries: Entries, key: CacheKey, lease: Lease, isKept: boolean): Promise<void> {
  // Another was given the lease in the last moment, and what it stores is the answer for all.
  if (!isKept && !(await lease.isMine())) await entries.forget(key);
  await lease.end(isKept ? 'stored' : 'unkept');
}
