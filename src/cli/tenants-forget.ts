import { parseArgs } from 'node:util';
import { openEmbeddedLedger } from '../tenants/embedded-ledger.ts';
import { openLedgerFile } from '../tenants/ledger-reader.ts';
import { WrongUse } from './command.ts';
import type { Command } from './command.ts';
import { locateLedger, LOCATION_HELP, LOCATION_OPTIONS } from './location.ts';

const AT_ONCE = 5_000;

export const forget: Command = {
  name: 'tenants forget',
  summary: 'leave nothing of a tenant but its totals',
  help: `Usage: npm run plantain -- tenants forget ID [options]

Leaves nothing of a tenant in the data directory but its id and what it spent, by day, model, upstream, size and outcome:
users, tags, ids of keys, and every single picture are gone, from the bytes of the file too. What was charged as unknown
stays charged. The budgets of its keys go with the keys: take the tenant out of the configuration first, for a key that is
used again begins anew. Backups are not touched. The gateway must be stopped.
`,
  where: LOCATION_HELP,
  run(words, surroundings) {
    const { values, positionals } = parseArgs({ args: [...words], options: LOCATION_OPTIONS, allowPositionals: true });
    const [tenant, ...others] = positionals;
    if (tenant === undefined || others.length > 0) throw new WrongUse('Name one tenant.');
    const file = locateLedger(values, surroundings);
    const at = Date.now();
    // Opening it below would make one.
    openLedgerFile(file).close();
    const ledger = openEmbeddedLedger(file, at);
    try {
      let holds = 0;
      for (let more = true; more;) {
        const [result] = ledger.commit([{ verb: 'forget', tenant, most: AT_ONCE, at }]);
        if (result === undefined || 'failed' in result) throw result?.failed;
        holds += result.told.rolled?.holds ?? 0;
        more = result.told.rolled?.more === true;
      }
      // Pictures live in the memory of a gateway and end with it. A cache on disk would be told here.
      if (!ledger.scrub()) throw new Error('Somebody reads the ledger and keeps its old bytes: ask again later.');
      surroundings.print(`${tenant}: ${holds} pictures are forgotten one by one, and stay as totals\n`);
      return 0;
    } finally {
      ledger.close();
    }
  },
};
