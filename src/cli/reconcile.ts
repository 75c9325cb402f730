import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openLedgerReader } from '../tenants/ledger-reader.ts';
import { readUnknowns } from '../tenants/ledger-unknowns.ts';
import type { UnknownCharge } from '../tenants/ledger-unknowns.ts';
import { addUp, LAST_DAY, readUsage } from '../tenants/ledger-usage.ts';
import { BILL_HELP, readBill } from './bill.ts';
import { adjust, readAdjustments, refund } from './corrections.ts';
import { readDay, WrongUse } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { asTable, usd } from './format.ts';
import { WRITER_OPTIONS } from './ledger-writer.ts';
import { locateLedger, LOCATION_HELP, LOCATION_OPTIONS } from './location.ts';

export const reconcile: Command = {
  name: 'ledger reconcile',
  summary: "hold the ledger against a vendor's bill, and refund what it did not charge",
  help: `Usage: npm run plantain -- ledger reconcile --bill FILE [options]
       npm run plantain -- ledger reconcile --refund HOLD,HOLD [options]
       npm run plantain -- ledger reconcile --adjust HOLD=USD,HOLD=USD --reason WORDS [options]

  --bill FILE        the vendor's bill
  --upstream ID      compare with what this upstream drew only
  --since DAY        from this day of UTC on (2026-11-01), both days included
  --until DAY
  --refund HOLDS     give back to its budgets what these holds were charged as unknown. A running gateway does it itself,
                     over its admin API: that needs PLANTAIN_ADMIN_KEY, and --admin URL where it is not the usual one
  --adjust COSTS     charge these holds what they truly cost, as HOLD=0.058: it need not have been unknown, and may be more
                     or less; by a running gateway as well
  --reason WORDS     why, for whoever reads the ledger one day, such as the bill's number
  --id NAME          of this adjustment: with the same name nothing is adjusted twice (default: a new one each time)

Lists what was charged as unknown: sent, and its cost never learnt. Exit code 0: the ledger is above the bill by no more than
that; 1: it is not.

${BILL_HELP}
`,
  where: LOCATION_HELP,
  run: runReconcile,
};

function runReconcile(words: readonly string[], surroundings: Surroundings): number | Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      ...LOCATION_OPTIONS,
      bill: { type: 'string' },
      upstream: { type: 'string' },
      since: { type: 'string' },
      until: { type: 'string' },
      refund: { type: 'string' },
      adjust: { type: 'string' },
      reason: { type: 'string' },
      id: { type: 'string' },
      ...WRITER_OPTIONS,
    },
  });
  if ([values.bill, values.refund, values.adjust].filter((each) => each !== undefined).length !== 1)
    throw new WrongUse('Give either --bill FILE or --refund HOLDS or --adjust COSTS.');
  if (values.refund !== undefined) return refund(values.refund, values, surroundings);
  if (values.adjust !== undefined)
    return adjust(readAdjustments(values.adjust, values.reason, values.id ?? randomUUID()), values, surroundings);
  const since = readDay('--since', values.since);
  const until = readDay('--until', values.until);
  const bill = readBill(resolve(surroundings.workingDirectory, values.bill ?? ''))
    .filter(({ at }) => isWithin(at, since, until))
    .reduce((sum, { nanos }) => sum + nanos, 0n);

  const db = openLedgerReader(locateLedger(values, surroundings));
  try {
    const span = { upstream: values.upstream ?? null, since, until };
    const ledger = addUp(readUsage(db, { ...span, by: [], tenant: null })).spentNanos;
    const unknowns = readUnknowns(db, span);
    const unknown = unknowns.reduce((sum, { nanos }) => sum + nanos, 0n);
    if (unknowns.length > 0) surroundings.print(`charged as unknown:\n${listed(unknowns)}\n`);
    surroundings.print(compared(ledger, bill, unknown));
    const explained = ledger - bill >= 0n && ledger - bill <= unknown;
    surroundings.print(explained ? 'the bill explains it\n' : 'NOT explained by what is unknown\n');
    return explained ? 0 : 1;
  } finally {
    db.close();
  }
}

function isWithin(at: number, since: string | null, until: string | null): boolean {
  const day = new Date(at).toISOString().slice(0, 'yyyy-mm-dd'.length);
  return day >= (since ?? '') && day <= (until ?? LAST_DAY);
}

function compared(ledger: bigint, bill: bigint, unknown: bigint): string {
  const rows = Object.entries({ ledger, bill, 'ledger minus bill': ledger - bill, 'of it unknown, at most': unknown });
  return asTable({
    columns: [
      { name: '', isNumber: false },
      { name: 'usd', isNumber: true },
    ],
    rows: rows.map(([name, nanos]) => [name, usd(nanos)]),
    total: null,
  });
}

function listed(unknowns: readonly UnknownCharge[]): string {
  const texts = ['hold', 'at', 'tenant', 'key', 'model', 'upstream'].map((name) => ({ name, isNumber: false }));
  return asTable({
    columns: [...texts, { name: 'usd', isNumber: true }],
    rows: unknowns.map(({ hold, at, tenant, key, model, upstream, nanos }) => [
      hold,
      new Date(at).toISOString(),
      tenant,
      key,
      model,
      upstream,
      usd(nanos),
    ]),
    total: null,
  });
}
