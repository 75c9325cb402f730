import { openEmbeddedLedger } from '../tenants/embedded-ledger.ts';
import type { Operation, Result } from '../tenants/embedded-ledger.ts';
import { openLedgerFile } from '../tenants/ledger-reader.ts';
import type { Adjustment } from '../tenants/state.ts';
import { readUsd } from './bill.ts';
import { WrongUse } from './command.ts';
import type { Surroundings } from './command.ts';
import { usd } from './format.ts';

/** Gives back what was charged as unknown. Exit code 1: of one of them nothing was. */
export function refund(list: string, file: string, { print }: Surroundings): number {
  const ids = list.split(',').map((id) => id.trim());
  const [result] = commit(file, (at) => [{ verb: 'refund', ids, at, ask: null }]);
  if (result !== undefined && 'failed' in result) throw result.failed;
  const refunds = result?.told.refunds ?? [];
  for (const [index, nanos] of refunds.entries())
    print(`${ids[index]}: ${nanos > 0 ? `refunded $${usd(BigInt(nanos))}` : 'nothing is charged as unknown'}\n`);
  return refunds.every((nanos) => nanos > 0) ? 0 : 1;
}

/** `HOLD=USD,HOLD=USD` as adjustments whose ids begin with `name`. Throws WrongUse. */
export function readAdjustments(list: string, reason: string | undefined, name: string): readonly Adjustment[] {
  if (reason === undefined || reason.trim() === '') throw new WrongUse('Give a --reason with --adjust.');
  return list.split(',').map((item) => {
    const [, id = '', cost = ''] = /^\s*([^=\s]+)\s*=\s*(\S+)\s*$/.exec(item) ?? [];
    const nanos = readUsd(cost);
    if (id === '' || nanos === null || nanos < 0n || nanos > Number.MAX_SAFE_INTEGER)
      throw new WrongUse(`--adjust must be a list of HOLD=USD; ${JSON.stringify(item.slice(0, 60))} is none.`);
    return { adjustment: `${name}:${id}`, id, nanos: Number(nanos), reason };
  });
}

/** Charges holds what they truly cost. Exit code 1: one of them could not be adjusted. */
export function adjust(adjustments: readonly Adjustment[], file: string, { print }: Surroundings): number {
  const results = commit(file, (at) =>
    adjustments.map((adjustment) => ({ verb: 'adjust', adjustment, at, ask: null })),
  );
  for (const [index, result] of results.entries()) {
    const { id, nanos } = adjustments[index]!;
    const by = 'told' in result ? (result.told.adjustedNanos ?? 0) : 0;
    const sign = by < 0 ? '-' : '+';
    const told = `charged $${usd(BigInt(nanos))} now, ${sign}$${usd(BigInt(Math.abs(by)))}`;
    print(`${id}: ${'told' in result ? told : result.failed.message}\n`);
  }
  return results.every((result) => 'told' in result) ? 0 : 1;
}

/** Takes the directory as a gateway does, and refuses as one does while it is taken. */
function commit(file: string, operations: (at: number) => readonly Operation[]): readonly Result[] {
  const at = Date.now();
  // Opening it below would make one.
  openLedgerFile(file).close();
  const ledger = openEmbeddedLedger(file, at);
  try {
    return ledger.commit(operations(at));
  } finally {
    ledger.close();
  }
}
