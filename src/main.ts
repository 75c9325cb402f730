import { closeSync, openSync, readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { parseArgs } from 'node:util';
import closeWithGrace from 'close-with-grace';
import { startApp } from './app.ts';
import type { App } from './app.ts';
import { banner } from './banner.ts';
import { ConfigError, describeConfig, loadConfig } from './config.ts';
import type { Config } from './config.ts';
import { createLog } from './log.ts';
import type { Log } from './log.ts';

const HELP = `Plantain: a caching API gateway for Google's image models

Usage: npm start -- [options]

  --config FILE   another configuration than config/plantain.yaml (also: PLANTAIN_CONFIG)
  --check         validate the configuration, print the effective one with secrets blotted out, and end
  --version       print the version
  --help          print this

Environment (each wins over the file; secrets also as NAME_FILE):
  WISDOM_GATE_KEY, GEMINI_API_KEY or GOOGLE_API_KEY   a vendor's key: with none, the built-in simulator draws
  REDIS_URL                                           the Redis that several instances share for budgets and limits
  PORT, HOST, OPERATIONS_PORT, OPERATIONS_HOST        where to listen
  PLANTAIN_ADMIN_KEY, ADMIN_PORT, ADMIN_HOST          opens the admin API there (127.0.0.1:9465); without the key it is off
  PLANTAIN_LINK_SECRET, PLANTAIN_LINK_SECRET_PREVIOUS signs links to pictures; without it, DATA_DIR/link-secret does
  PUBLIC_URL, DATA_DIR, LOG_LEVEL                     how callers reach it, where it keeps its ledger, what it logs

Signals: SIGTERM and SIGINT finish what is in the air and end, a second one ends at once; SIGHUP reads the configuration again.
Exit codes: 0 drained and ended, 78 the configuration is wrong, 1 anything else.
`;

const EXIT_CONFIG = 78;
/** Twice this, and the process has ended within a second of its last answer. */
const GRACE_MS = 400;

/** The process: read the configuration, start, say so, and drain on a signal. */
export async function main(): Promise<void> {
  const options = readArguments();
  if (options === null) return;
  if (options.help) return print(HELP);
  if (options.version) return print(`${version()}\n`);

  const input = { file: options.config ?? null, environment: process.env, workingDirectory: process.cwd() };
  let config: Config;
  try {
    config = loadConfig(input);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return fail(error.message, EXIT_CONFIG);
  }
  if (options.check) return print(describeConfig(config));

  const log = createLog(config.logLevel);
  // Where nobody reads what it says, or a disk is full of it, a gateway goes on.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    const isTerminal = process.stdout.isTTY ?? false;
    const starting = startApp(config, { version: version(), isTerminal, log });
    // From here on: what is sent while it starts must neither end it nor be forgotten.
    reloadOnSignal(() => starting.then((app) => app.reload(() => loadConfig(input))));
    const app = await starting;
    drainOnSignal(app, log);
    print(banner(config, app));
  } catch (error) {
    await log.flush();
    fail(whyNotStarted(error), 1);
  }
}

function drainOnSignal(app: Pick<App, 'close'>, log: Log): void {
  // No delay of its own: a picture may take minutes, and a second signal ends at once.
  closeWithGrace({ delay: false, logger: false, skip: ['SIGHUP'] }, async ({ signal, err }) => {
    if (err !== undefined) log.fault('the process ends because of an error nobody caught', err);
    else log.info('draining', { signal: signal ?? 'none' });
    await app.close(GRACE_MS);
    log.info('drained');
    await log.flush();
  });
}

/** SIGHUP is what daemons read their configuration again for. A terminal that is closed sends it too: then it is the end. */
function reloadOnSignal(reload: () => Promise<void>): void {
  const hadTerminal = isatty(0);
  process.on('SIGHUP', () => {
    if (hadTerminal && !hasTerminal()) process.kill(process.pid, 'SIGTERM');
    // What could not start has said so.
    else reload().catch(() => undefined);
  });
}

/** Of a process whose terminal was closed the system says that it has none. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        config: { type: 'string' },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    fail(`${error instanceof Error ? error.message : 'Bad arguments.'}\n\n${HELP}`, EXIT_CONFIG);
    return null;
  }
}

function whyNotStarted(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error)
    return `Port ${String(error.port)} is taken. Choose another: PORT=8081 npm start (OPERATIONS_PORT=9466 for metrics, ADMIN_PORT=9467 for the admin API).`;
  if (error instanceof Error && 'code' in error && error.code === 'EACCES' && 'port' in error)
    return `Port ${String(error.port)} may not be listened on by this user. Choose one above 1023: PORT=8081 npm start.`;
  return `Plantain could not start: ${error instanceof Error ? error.message : String(error)}`;
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

function print(text: string): void {
  process.stdout.write(text);
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}
