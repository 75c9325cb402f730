import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openEmbeddedLedger } from '../tenants/embedded-ledger.ts';
import { isMirror } from '../tenants/embedded-mirror.ts';
import { openLedgerFile, openLedgerReader } from '../tenants/ledger-reader.ts';
import { readUnknowns } from '../tenants/ledger-unknowns.ts';
import type { UnknownCharge } from '../tenants/ledger-unknowns.ts';
import { addUp, LAST_DAY, readUsage } from '../tenants/ledger-usage.ts';
import { BILL_HELP, readBill } from './bill.ts';
import { readDay, WrongUse } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { asTable, usd } from './format.ts';
import { locateLedger, LOCATION_OPTIONS } from './location.ts';

export const reconcile: Command = {
  name: 'ledger reconcile',
  summary: "hold the ledger against a vendor's bill, and refund what it did not charge",
  help: `Usage: npm run plantain -- ledger reconcile --bill FILE [options]
       npm run plantain -- ledger reconcile --refund HOLD,HOLD [options]

  --bill FILE        the vendor's bill
  --upstream ID      compare with what this upstream drew only
  --since DAY        from this day of UTC on (2026-11-01), both days included
  --until DAY
  --refund HOLDS     give back to its budgets what these holds were charged as unknown; the gateway must be stopped

Lists what was charged as unknown: sent, and its cost never learnt. Exit code 0: the ledger is above the bill by no more than
that; 1: it is not.

${BILL_HELP}
`,
  run: runReconcile,
};

function runReconcile(words: readonly string[], surroundings: Surroundings): number {
  const { values } = parseArgs({
    args: [...words],
    options: {
      ...LOCATION_OPTIONS,
      bill: { type: 'string' },
      upstream: { type: 'string' },
      since: { type: 'string' },
      until: { type: 'string' },
      refund: { type: 'string' },
    },
  });
  if ((values.bill === undefined) === (values.refund === undefined))
    throw new WrongUse('Give either --bill FILE or --refund HOLDS.');
  if (values.refund !== undefined) return refund(values.refund, locateLedger(values, surroundings), surroundings);
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

/** Where a Redis decides, it is told at the gateway's next start, and all instances with it. */
function refundShared(ids: readonly string[], file: string, print: Surroundings['print']): number {
  const reader = openLedgerReader(file);
  const unknowns = new Map(
    readUnknowns(reader, { upstream: null, since: null, until: null }).map(({ hold, nanos }) => [hold, nanos]),
  );
  reader.close();
  const ledger = openEmbeddedLedger(file, Date.now(), true);
  try {
    const good = ids.filter((id) => unknowns.has(id));
    const results = ledger.commit(good.map((id) => ({ verb: 'journal', errand: { verb: 'refund', id } })));
    for (const result of results) if ('failed' in result) throw result.failed;
    for (const id of ids) {
      const nanos = unknowns.get(id);
      const told =
        nanos === undefined ? 'nothing is charged as unknown' : `refunded $${usd(nanos)} at the gateway's next start`;
      print(`${id}: ${told}\n`);
    }
    return good.length === ids.length ? 0 : 1;
  } finally {
    ledger.close();
  }
}

/** Takes the directory as a gateway does, and refuses as one does while it is taken. */
function refund(list: string, file: string, { print }: Surroundings): number {
  const at = Date.now();
  // Opening it below would make one.
  const opened = openLedgerFile(file);
  const mirror = isMirror(opened);
  opened.close();
  const ids = list.split(',').map((id) => id.trim());
  if (mirror) return refundShared(ids, file, print);
  const ledger = openEmbeddedLedger(file, at);
  try {
    const results = ledger.commit(ids.map((id) => ({ verb: 'refund', id, at })));
    let refused = 0;
    for (const [index, result] of results.entries()) {
      const nanos = 'told' in result ? (result.told.refundedNanos ?? 0) : 0;
      if (nanos === 0) refused += 1;
      print(`${ids[index]}: ${nanos > 0 ? `refunded $${usd(BigInt(nanos))}` : 'nothing is charged as unknown'}\n`);
    }
    return refused === 0 ? 0 : 1;
  } finally {
    ledger.close();
  }
}
