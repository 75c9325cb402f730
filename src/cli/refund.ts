import { GatewayError } from '../errors.ts';
import { openEmbeddedLedger } from '../tenants/embedded-ledger.ts';
import { openLedgerFile } from '../tenants/ledger-reader.ts';
import { isMap } from '../tenants/settings.ts';
import { adminApi, adminKey } from './admin/call.ts';
import { dollars, words } from './admin/options.ts';
import type { Surroundings } from './command.ts';
import { usd } from './format.ts';
import { locateLedger } from './location.ts';
import type { Location } from './location.ts';

export interface RefundOptions extends Location {
  readonly admin?: string | undefined;
}

/** Refunds in the ledger's file, as nobody else has it; else the gateway that has it is asked to. The exit code. */
export async function refund(list: string, options: RefundOptions, surroundings: Surroundings): Promise<number> {
  const holds = list.split(',').map((hold) => hold.trim());
  const file = locateLedger(options, surroundings);
  // Opening it to write would make one.
  openLedgerFile(file).close();
  const refunds = inFile(file, holds);
  if ('refunds' in refunds) return told(holds, refunds.refunds, surroundings);
  if (adminKey(surroundings) === null)
    throw new Error(`${refunds.taken} Or set PLANTAIN_ADMIN_KEY, and it refunds them itself.`);
  const answer = await adminApi(options, surroundings).post('/ledger/refund', { holds });
  const found = Array.isArray(answer['refunds']) ? answer['refunds'].filter(isMap) : [];
  return told(
    found.map(({ hold }) => words(hold)),
    found.map((each) => dollars(each['usd'])),
    surroundings,
  );
}

/** The dollars of each; or that another process has the file. */
function inFile(
  file: string,
  holds: readonly string[],
): { readonly refunds: readonly string[] } | { readonly taken: string } {
  const at = Date.now();
  let ledger: ReturnType<typeof openEmbeddedLedger>;
  try {
    ledger = openEmbeddedLedger(file, at);
  } catch (error) {
    if (error instanceof GatewayError && error.detail.code === 'directory_taken') return { taken: error.message };
    throw error;
  }
  try {
    const [result] = ledger.commit([{ verb: 'refund', ids: holds, at, ask: null }]);
    if (result !== undefined && 'failed' in result) throw result.failed;
    return { refunds: (result?.told.refunds ?? []).map((nanos) => usd(BigInt(nanos))) };
  } finally {
    ledger.close();
  }
}

const NOTHING = '0.00';

function told(holds: readonly string[], refunds: readonly string[], { print }: Surroundings): number {
  for (const [index, amount] of refunds.entries())
    print(`${holds[index]}: ${amount === NOTHING ? 'nothing is charged as unknown' : `refunded $${amount}`}\n`);
  return refunds.every((amount) => amount !== NOTHING) ? 0 : 1;
}
