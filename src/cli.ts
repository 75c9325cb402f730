import { createInterface } from 'node:readline/promises';
import { text as textOf } from 'node:stream/consumers';
import { audit } from './cli/admin/audit.ts';
import { ADMIN_HELP } from './cli/admin/call.ts';
import { creditCommands } from './cli/admin/credit.ts';
import { keyCommands } from './cli/admin/keys.ts';
import { tenantCommands } from './cli/admin/tenants.ts';
import { backup } from './cli/backup.ts';
import { cachePurge, cacheStats } from './cli/cache.ts';
import { cacheWarm } from './cli/cache-warm.ts';
import { WrongUse } from './cli/command.ts';
import type { Command } from './cli/command.ts';
import { LOCATION_HELP } from './cli/location.ts';
import { restore } from './cli/restore.ts';
import { reconcile } from './cli/reconcile.ts';
import { forget } from './cli/tenants-forget.ts';
import { usage } from './cli/usage.ts';
import { verify } from './cli/verify.ts';
import { ConfigError } from './config.ts';

/** From the ledger's file, whether its gateway is running or not. */
const OF_THE_LEDGER: readonly Command[] = [usage, verify, reconcile, backup, restore, forget, cacheStats, cachePurge];
const OF_THE_GATEWAY: readonly Command[] = [...keyCommands, ...tenantCommands, ...creditCommands, audit];
const OF_A_TENANT: readonly Command[] = [cacheWarm];
const COMMANDS: readonly Command[] = [...OF_THE_LEDGER, ...OF_THE_GATEWAY, ...OF_A_TENANT];

const listed = (commands: readonly Command[]): string =>
  commands.map(({ name, summary }) => `  ${name.padEnd(18)}${summary}`).join('\n');

const HELP = `plantain: what a gateway spent, who may spend there, and what its cache keeps on disk

Usage: npm run plantain -- COMMAND [options]

From the ledger, whether its gateway is running or not:
${listed(OF_THE_LEDGER)}

Of a running gateway, over its admin API:
${listed(OF_THE_GATEWAY)}

Of a running gateway, as one of its tenants:
${listed(OF_A_TENANT)}

${LOCATION_HELP}

${ADMIN_HELP}
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
  if (isHelp) return void process.stdout.write(`${command.help}\n${command.where}\n`);
  try {
    process.exitCode = await command.run(words.slice(command.name.split(' ').length), {
      environment: process.env,
      workingDirectory: process.cwd(),
      print: (text) => void process.stdout.write(text),
      note: (text) => void process.stderr.write(text),
      input: () => textOf(process.stdin),
      confirm: process.stdin.isTTY && process.stderr.isTTY ? confirm : null,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof WrongUse || isOptionError(error)) fail(`${message}\n\n${command.help}`, EXIT_USAGE);
    else if (error instanceof ConfigError)
      fail(`${message}\nOr name the directory itself: --data-dir DIR.`, EXIT_USAGE);
    else fail(message, 1);
  }
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
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
