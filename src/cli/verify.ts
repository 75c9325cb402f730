import { parseArgs } from 'node:util';
import { openLedgerReader } from '../tenants/ledger-reader.ts';
import { verifyLedger } from '../tenants/ledger-verify.ts';
import type { Command } from './command.ts';
import { usd } from './format.ts';
import { locateLedger, LOCATION_HELP, LOCATION_OPTIONS } from './location.ts';

const MOST_TOLD = 50;

export const verify: Command = {
  name: 'ledger verify',
  summary: 'recompute every balance from the rows; exit 1 where one differs',
  help: `Usage: npm run plantain -- ledger verify [options]

Recomputes every account, every hold and every sum of usage from the append-only rows and what old ones were rolled up to, and checks the file itself. The
gateway may be running. Exit code 0: all is in order; 1: what is not is listed.
`,
  where: LOCATION_HELP,
  run(words, surroundings) {
    const { values } = parseArgs({ args: [...words], options: LOCATION_OPTIONS });
    const db = openLedgerReader(locateLedger(values, surroundings));
    try {
      const damage = db
        .prepare('PRAGMA integrity_check')
        .all()
        .map((row) => String(row['integrity_check']))
        .filter((line) => line !== 'ok');
      const { rows, rolledUp, drifts, driftNanos } = verifyLedger(db);
      const faults = [...damage.map((line) => `file: ${line}`), ...drifts];
      for (const fault of faults.slice(0, MOST_TOLD)) surroundings.print(`${fault}\n`);
      if (faults.length > MOST_TOLD) surroundings.print(`… and ${faults.length - MOST_TOLD} more\n`);
      surroundings.print(
        faults.length === 0
          ? `in order: ${rows} rows${rolledUp > 0n ? ` and ${rolledUp} rolled up` : ''}, and every balance follows from them\n`
          : `NOT in order: ${faults.length} faults in ${rows} rows, $${usd(driftNanos)} adrift\n`,
      );
      return faults.length === 0 ? 0 : 1;
    } finally {
      db.close();
    }
  },
};
