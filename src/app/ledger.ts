import { formatUsd } from '../image/price.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { auditLedger } from '../tenants/ledger-audit.ts';

/** Pictures that nobody settled, and the nano-dollars they were charged. */
export interface Expired {
  readonly holds: number;
  readonly nanos: number;
}

const FIRST_AUDIT_MS = 10_000;
const AUDIT_EVERY_MS = 300_000;
/** Of the time it takes: an audit of a very large ledger must not keep a core busy. */
const AUDIT_PAUSE = 100;

/** Verifies the ledger every five minutes, a very large one less often; until the function is called. */
export function watchLedger(
  file: string,
  { metrics, log }: { readonly metrics: Metrics; readonly log: Log },
): () => void {
  let stopped = false;
  async function audit(): Promise<void> {
    const startedAt = performance.now();
    try {
      const { drifts, driftNanos } = await auditLedger(file);
      metrics.ledgerDrift(Number(driftNanos));
      if (drifts.length > 0)
        log.fault('ledger: balances do not follow from its rows; see "plantain ledger verify"', undefined, {
          faults: drifts.length,
          driftUsd: formatUsd(Number(driftNanos)),
        });
    } catch (error) {
      if (!stopped) log.fault('ledger: it could not be verified', error);
    }
    const pauseMs = Math.max(AUDIT_EVERY_MS, AUDIT_PAUSE * (performance.now() - startedAt));
    if (!stopped) timer = setTimeout(() => void audit(), pauseMs).unref();
  }
  let timer = setTimeout(() => void audit(), FIRST_AUDIT_MS).unref();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
