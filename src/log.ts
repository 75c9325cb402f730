import { pino } from 'pino';
import type { Failure, Outcome } from './errors.ts';
import { lineWriter } from './log/lines.ts';

/**
 * One line of JSON for each request. It says what happened and to whom, and holds neither prompt nor picture, neither
 * key nor query string: what is not a field here cannot leak.
 */
export interface RequestLine {
  readonly requestId: string;
  readonly route: string;
  readonly status: number;
  readonly outcome: Outcome;
  readonly tenant: string | null;
  readonly key: string | null;
  readonly modelAsked: string | null;
  readonly modelRouted: string | null;
  readonly modelAnswered: string | null;
  readonly upstream: string | null;
  readonly size: string | null;
  readonly pictures: number;
  readonly cache: string | null;
  /** What is kept of its answer, to be purged by. */
  readonly cacheKey: string | null;
  readonly costUsd: string | null;
  /** Why a picture that is past its time stands in the place of a new one; null: none does. */
  readonly insteadOf: Failure | null;
  /** A machine word for what went wrong. */
  readonly code: string | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly ms: { readonly total: number; readonly upstream: number; readonly own: number };
}

/** The end of what was asked for with `Prefer: respond-async`, beside the line of the request that began it. */
export interface TaskLine {
  /** Of the request that began it. */
  readonly requestId: string;
  readonly outcome: Outcome | 'cancelled' | 'interrupted';
  readonly tenant: string;
  readonly key: string | null;
  readonly modelRouted: string | null;
  readonly upstream: string | null;
  readonly pictures: number;
  readonly cache: string | null;
  readonly costUsd: string | null;
  readonly code: string | null;
  readonly ms: { readonly total: number; readonly upstream: number };
}

export interface Log {
  request(line: RequestLine): void;
  task(line: TaskLine): void;
  /** An event of the process; `fields` must hold no secret. */
  info(message: string, fields?: Readonly<Record<string, string | number | boolean>>): void;
  warn(message: string, fields?: Readonly<Record<string, string | number | boolean>>): void;
  /** A fault of our own: the stack goes to the log and nowhere else. */
  fault(message: string, error: unknown, fields?: Readonly<Record<string, string | number | boolean>>): void;
  /** What is logged from now on. */
  setLevel(level: LogLevel): void;
  /** Hears from now on how many lines could not be written, each time some could not. */
  watch(onLost: (lines: number) => void): void;
  /** Resolves when all lines are written that can be. */
  flush(): Promise<void>;
}

const STDOUT = 1;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * Lines go to standard output in batches, unless `to` says otherwise; `flush` before the process ends. Those that cannot
 * be written are lost, and counted: a gateway that cannot log goes on.
 */
export function createLog(level: LogLevel, to?: NodeJS.WritableStream): Log {
  const lines = to === undefined ? lineWriter(STDOUT) : null;
  if (lines !== null) process.once('exit', lines.flushAtExit);
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, lines ?? to);
  return {
    request: (line) => logger.info({ ...line, modelAsked: printable(line.modelAsked) }, 'request'),
    task: (line) => logger.info(line, 'task'),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    fault: (message, error, fields) => logger.error({ ...fields, error: stackOf(error) }, message),
    setLevel: (next) => void (logger.level = next),
    watch: (onLost) => lines?.watch(onLost),
    flush: () => lines?.flush() ?? Promise.resolve(),
  };
}

/** What a model may be called, in anybody's catalogue, and what a vendor's key looks like. */
const NAME = /^[\w.:/@-]{1,64}$/;
const KEY = /^(?:sk-|AIza)|[A-Za-z0-9_]{20,}/;

/** Whatever else stands where a model should may be a prompt, or a key put in the wrong place. */
function printable(name: string | null): string | null {
  return name === null || (NAME.test(name) && !KEY.test(name)) ? name : '(no name of a model)';
}

/** Names and places, no message of foreign code: those quote what they choked on. */
function stackOf(error: unknown): { readonly name: string; readonly code?: string; readonly stack: string } {
  if (!(error instanceof Error)) return { name: typeof error, stack: '' };
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return { name: error.name, ...code, stack: frames.join('\n') };
}
