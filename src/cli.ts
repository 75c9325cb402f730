import { backup } from './cli/backup.ts';
import { cachePurge, cacheStats } from './cli/cache.ts';
import { WrongUse } from './cli/command.ts';
import type { Command } from './cli/command.ts';
import { LOCATION_HELP } from './cli/location.ts';
import { reconcile } from './cli/reconcile.ts';
import { usage } from './cli/usage.ts';
import { verify } from './cli/verify.ts';
import { ConfigError } from './config.ts';

const COMMANDS: readonly Command[] = [usage, verify, reconcile, backup, cacheStats, cachePurge];

const HELP = `plantain: what a gateway spent, from its ledger, and what its cache keeps on disk

Usage: npm run plantain -- COMMAND [options]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(18)}${summary}`).join('\n')}

${LOCATION_HELP}
  --help             print this, or with a command that command's own
`;

const EXIT_USAGE = 78;

/** The `plantain` command. Exit codes: 0 well, 1 something is wrong, 78 asked or configured wrongly. */
export async function main(): Promise<void> {
  // Whoever pipes us into `head` has read enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const words = process.argv.slice(2);
  const command = COMMANDS.find(({ name }) => name.split(' ').every((word, index) => words[index] === word));
  const isHelp = words.includes('--help') || words.includes('-h');
  if (command === undefined) {
    if (isHelp || words.length === 0) process.stdout.write(HELP);
    else fail(`There is no command ${JSON.stringify(words.join(' ').slice(0, 60))}.\n\n${HELP}`, EXIT_USAGE);
    return;
  }
  if (isHelp) return void process.stdout.write(`${command.help}\n${LOCATION_HELP}\n`);
  try {
    process.exitCode = await command.run(words.slice(command.name.split(' ').length), {
      environment: process.env,
      workingDirectory: process.cwd(),
      print: (text) => void process.stdout.write(text),
      note: (text) => void process.stderr.write(text),
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof WrongUse || isOptionError(error)) fail(`${message}\n\n${command.help}`, EXIT_USAGE);
    else if (error instanceof ConfigError)
      fail(`${message}\nOr name the directory itself: --data-dir DIR.`, EXIT_USAGE);
    else fail(message, 1);
  }
}

/** https://nodejs.org/api/errors.html#err_parse_args_unknown_option and its like. */
function isOptionError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}
