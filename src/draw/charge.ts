import type { Failure } from '../errors.ts';
import type { Model, Target } from '../image/model.ts';
import { costNanos } from '../image/price.ts';
import type { Draw } from '../image/request.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Hold, Made, SpendState } from '../tenants/state.ts';
import type { Judged } from './judge.ts';
import { weighAnswer } from './weigh.ts';

/** What an attempt comes to in the ledger. */
export interface Charge {
  readonly nanos: number;
  /** It cannot have cost anything: what was held is given back. */
  readonly released: boolean;
  readonly outcome: 'ok' | Failure | 'unknown' | 'released';
  readonly made: Made;
}

export interface SettleParts {
  readonly metrics: Metrics;
  readonly state: SpendState;
  readonly log: Log;
}

/** It was not sent after all. */
export const NOT_SENT: Charge = { nanos: 0, released: true, outcome: 'released', made: { pictures: 0, tokens: 0 } };

/** It may have cost as much as was held. */
export function unknown({ worstNanos }: Hold, made: Made): Charge {
  return { nanos: worstNanos, released: false, outcome: 'unknown', made };
}

export function chargeFor(
  { charge, answer, error }: Judged,
  target: Target,
  { model, draw }: { readonly model: Model; readonly draw: Draw },
  hold: Hold,
): Charge {
  const outcome = error?.failure ?? 'ok';
  const weight = answer === null ? null : weighAnswer(answer, draw);
  const made = { pictures: error === null ? (weight?.pictures ?? 0) : 0, tokens: answer?.usage.total ?? 0 };
  if (charge === 'nothing') return { nanos: 0, released: true, outcome, made };
  const billed = 'perImageUsd' in target.price ? 'usage' : answer?.billed;
  if (charge === 'worst' || weight === null || billed === 'unknown') return unknown(hold, made);
  const nanos = billed === 'nothing' ? 0 : costNanos(target.price, model, weight);
  return { nanos, released: false, outcome, made };
}

/** The answer does not wait for the ledger's disk: until the settlement is written the whole hold counts as spent. */
export function settle(
  { metrics, state, log }: SettleParts,
  { id, model, tenant }: Hold,
  charge: Charge,
): Promise<void> {
  const { nanos, released, outcome, made } = charge;
  if (nanos > 0) metrics.spent(model, tenant, nanos);
  const written = released ? state.release(id, outcome) : state.settle(id, nanos, outcome, made);
  return written.catch((error: unknown) =>
    log.fault('ledger: settlement not written; the hold is charged in full', error, { hold: id }),
  );
}
