import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { restoreLedger } from '../tenants/ledger-restore.ts';
import { WrongUse } from './command.ts';
import type { Command } from './command.ts';
import { asTable, usd } from './format.ts';
import { locateLedger, LOCATION_HELP, LOCATION_OPTIONS } from './location.ts';

export const restore: Command = {
  name: 'restore',
  summary: 'put a copy in the place of the ledger, and keep the replaced one',
  help: `Usage: npm run plantain -- restore FILE [options]

Verifies FILE, a copy that "backup" made, and puts it in the place of the ledger, which is kept beside it under another
name. The gateway must be stopped. What was spent since the copy was made is not counted any more, and is told by tenant:
budgets have so much more room again. What was in the air when it was made is charged as unknown at the next start.
`,
  where: LOCATION_HELP,
  run(words, surroundings) {
    const { values, positionals } = parseArgs({ args: [...words], options: LOCATION_OPTIONS, allowPositionals: true });
    const [name, ...others] = positionals;
    if (name === undefined || others.length > 0) throw new WrongUse('Name one file to restore.');
    const copy = resolve(surroundings.workingDirectory, name);
    const ledger = locateLedger(values, surroundings);
    const { aside, uncounted } = restoreLedger(copy, ledger, new Date().toISOString().replaceAll(/[-:.]/g, ''));
    surroundings.print(`${ledger}: restored from ${copy}\n`);
    if (aside !== null) surroundings.print(`what was there before: ${aside}\n`);
    if (uncounted === null) surroundings.print('what was spent since the copy is not counted, and cannot be read\n');
    else if (uncounted.length === 0) surroundings.print('nothing was spent since the copy\n');
    else
      surroundings.print(
        `spent since the copy, and not counted now:\n${asTable({
          columns: [
            { name: 'tenant', isNumber: false },
            { name: 'usd', isNumber: true },
          ],
          rows: uncounted.map(({ tenant, nanos }) => [tenant, usd(nanos)]),
          total: ['total', usd(uncounted.reduce((sum, { nanos }) => sum + nanos, 0n))],
        })}`,
      );
    return 0;
  },
};
