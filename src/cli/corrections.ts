import { isMap } from '../tenants/settings.ts';
import type { Adjustment } from '../tenants/state.ts';
import { dollars, words } from './admin/options.ts';
import { readUsd } from './bill.ts';
import { WrongUse } from './command.ts';
import type { Surroundings } from './command.ts';
import { usd } from './format.ts';
import { changeLedger } from './ledger-writer.ts';
import type { WriterOptions } from './ledger-writer.ts';

/** Gives back what was charged as unknown. Exit code 1: of one of them nothing was. */
export async function refund(list: string, options: WriterOptions, surroundings: Surroundings): Promise<number> {
  const ids = list.split(',').map((id) => id.trim());
  const amounts = await changeLedger(options, surroundings, {
    inFile(ledger, at) {
      const [result] = ledger.commit([{ verb: 'refund', ids, at, ask: null }]);
      if (result === undefined || 'failed' in result) throw result?.failed;
      return (result.told.refunds ?? []).map((nanos) => usd(BigInt(nanos)));
    },
    async byGateway(api) {
      const { refunds } = await api.post('/ledger/refund', { holds: ids });
      return (Array.isArray(refunds) ? refunds.filter(isMap) : []).map((each) => dollars(each['usd']));
    },
  });
  const isNothing = (amount: string): boolean => amount === usd(0n);
  for (const [index, amount] of amounts.entries())
    surroundings.print(
      `${ids[index]}: ${isNothing(amount) ? 'nothing is charged as unknown' : `refunded $${amount}`}\n`,
    );
  return amounts.some(isNothing) ? 1 : 0;
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
export async function adjust(
  adjustments: readonly Adjustment[],
  options: WriterOptions,
  surroundings: Surroundings,
): Promise<number> {
  const told = await changeLedger(options, surroundings, {
    inFile(ledger, at) {
      const asked = adjustments.map((adjustment) => ({ verb: 'adjust', adjustment, at, ask: null }) as const);
      return ledger
        .commit(asked)
        .map((result) =>
          'told' in result
            ? { by: usd(BigInt(result.told.adjustedNanos ?? 0)), refused: '' }
            : { by: '', refused: result.failed.message },
        );
    },
    async byGateway(api) {
      const sent = adjustments.map(({ adjustment, id, nanos, reason }) => ({
        id: adjustment,
        hold: id,
        usd: nanos / 1e9,
        reason,
      }));
      const answer = await api.post('/ledger/adjust', { adjustments: sent });
      const found = Array.isArray(answer['adjustments']) ? answer['adjustments'].filter(isMap) : [];
      return found.map((each) => ({ by: dollars(each['changedUsd']), refused: words(each['refused']) }));
    },
  });
  for (const [index, { by, refused }] of told.entries()) {
    const { id, nanos } = adjustments[index]!;
    const change = by.startsWith('-') ? `-$${by.slice(1)}` : `+$${by}`;
    surroundings.print(`${id}: ${refused === '' ? `charged $${usd(BigInt(nanos))} now, ${change}` : refused}\n`);
  }
  return told.every(({ refused }) => refused === '') ? 0 : 1;
}
