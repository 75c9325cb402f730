import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { backUpLedger } from '../tenants/ledger-backup.ts';
import { WrongUse } from './command.ts';
import type { Command } from './command.ts';
import { locateLedger, LOCATION_HELP, LOCATION_OPTIONS } from './location.ts';

export const backup: Command = {
  name: 'backup',
  summary: 'a consistent copy of the ledger, of a running gateway too',
  help: `Usage: npm run plantain -- backup FILE [options]

Writes one moment's ledger to FILE, readable by its owner only; an existing file is never overwritten. "restore"
puts it back.
`,
  where: LOCATION_HELP,
  run(words, surroundings) {
    const { values, positionals } = parseArgs({ args: [...words], options: LOCATION_OPTIONS, allowPositionals: true });
    const [name, ...others] = positionals;
    if (name === undefined || others.length > 0) throw new WrongUse('Name one file to write to.');
    const file = resolve(surroundings.workingDirectory, name);
    const bytes = backUpLedger(locateLedger(values, surroundings), file);
    surroundings.print(`${file}: ${bytes} bytes\n`);
    return 0;
  },
};
