/** What a command may know of and say to the process. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** To standard output: what was asked for. */
  readonly print: (text: string) => void;
  /** To standard error: what should be known beside it. */
  readonly note: (text: string) => void;
  /** What was piped to it, to its end. */
  readonly input: () => Promise<string>;
  /** Asks who sits at a terminal for a yes; null where nobody does. */
  readonly confirm: ((question: string) => Promise<boolean>) | null;
}

export interface Command {
  /** As it is typed: `ledger verify`. */
  readonly name: string;
  readonly summary: string;
  readonly help: string;
  /** The last lines of its help: how it finds what it works on. */
  readonly where: string;
  /** Given the words after its name; the exit code. */
  readonly run: (words: readonly string[], surroundings: Surroundings) => number | Promise<number>;
}

/** A command asked for in a way it does not understand. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse';
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** A day of UTC such as `2026-11-22`, or null when the option was not given. */
export function readDay(option: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  const time = DAY.test(text) ? Date.parse(text) : Number.NaN;
  // Some engines roll the 31st of June over to the 1st of July.
  if (!Number.isNaN(time) && new Date(time).toISOString().startsWith(text)) return text;
  throw new WrongUse(`${option} must be a day such as 2026-11-22, is ${JSON.stringify(text.slice(0, 40))}.`);
}
