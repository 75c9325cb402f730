import { ConfigError } from '../config.ts';
import type { Config } from '../config.ts';
import { reloaded } from '../config/reload.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';

export interface ReloadParts {
  /** What runs now. */
  readonly running: () => Config;
  /** Puts another in its place: for all that begins from then on, or, when it rejects, not at all. */
  readonly take: (config: Config) => Promise<void>;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'configRead'>;
  /** Unix ms. */
  readonly now: () => number;
}

/** Reads a configuration again and puts it in force, or says why not. Never rejects. */
export type Reload = (read: () => Config) => Promise<void>;

/**
 * One after the other: what is asked for while one is being put in force is one more of them, for the file may have
 * changed after it was read.
 */
export function createReload(parts: ReloadParts): Reload {
  let turn: Promise<void> = Promise.resolve();
  let isWaiting = false;
  return (read) => {
    if (isWaiting) return turn;
    isWaiting = true;
    turn = turn.then(() => {
      isWaiting = false;
      return reload(parts, read);
    });
    return turn;
  };
}

async function reload({ running, take, log, metrics, now }: ReloadParts, read: () => Config): Promise<void> {
  const readAt = now();
  try {
    const { config, waiting } = reloaded(running(), read());
    await take(config);
    metrics.configRead(waiting.length === 0 ? 'applied' : 'restart_needed', readAt, waiting.length);
    for (const setting of waiting)
      log.warn('configuration: a setting has changed and was not applied: it needs a restart', { setting });
    for (const warning of config.warnings) log.warn('configuration: something is left out', { warning });
    log.info('configuration: read again and in force', { file: config.source.file, notApplied: waiting.length });
  } catch (error) {
    metrics.configRead('refused', readAt, 0);
    if (!(error instanceof ConfigError)) {
      log.fault('configuration: it could not be put in force; the one before it stays', error);
      return;
    }
    for (const { path, line, message } of error.mistakes)
      log.warn('configuration: a mistake', { path, ...(line !== null && { line }), reason: message });
    log.warn('configuration: refused for its mistakes; the one before it stays in force', {
      mistakes: error.mistakes.length,
    });
  }
}
