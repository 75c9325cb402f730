import type { Path, Source } from './source.ts';

export interface Mistake {
  /** A setting, `tenants[0].keys[1].sha256`, or the name of an environment variable. */
  readonly path: string;
  /** In the file; null for what does not stand there. */
  readonly line: number | null;
  readonly message: string;
}

/** The configuration cannot be used. The message lists every mistake, one a line, from the top down; it holds no key. */
export class ConfigError extends Error {
  readonly mistakes: readonly Mistake[];
  /** EX_CONFIG of sysexits.h. */
  readonly exitCode = 78;

  constructor(file: string, mistakes: readonly Mistake[]) {
    const lineOf = ({ line }: Mistake): number => line ?? Number.MAX_SAFE_INTEGER;
    const inOrder = mistakes.toSorted((a, b) => lineOf(a) - lineOf(b));
    super(inOrder.map((mistake) => sentence(file, mistake)).join('\n'));
    this.name = 'ConfigError';
    this.mistakes = inOrder;
  }
}

/** What was found while a configuration was read. */
export interface Report {
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly string[];
  /** A mistake of the file; or of the environment variable that overrode the setting. */
  mistake(path: Path, message: string): void;
  mistakeOfVariable(name: string, message: string): void;
  /** From now on a mistake in this setting is the variable's. */
  overridden(path: Path, variable: string): void;
  warn(message: string): void;
  /** Items of this list were left out for their mistakes: a reference into it may dangle for that reason alone. */
  leftOut(list: string): void;
  isPartial(list: string): boolean;
}

export function createReport(source: Source): Report {
  const mistakes: Mistake[] = [];
  const warnings: string[] = [];
  const variables = new Map<string, string>();
  const partial = new Set<string>();

  /** What is wrong in its form, or in a part of it, is not blamed for what follows from that. */
  function add(mistake: Mistake): void {
    const within = (path: string): boolean =>
      path.startsWith(mistake.path) && /^(?:[.[]|$)/.test(path.slice(mistake.path.length));
    if (!mistakes.some(({ path }) => within(path))) mistakes.push(mistake);
  }

  const mistakeOfVariable = (name: string, message: string): void => add({ path: name, line: null, message });
  return {
    mistakes,
    warnings,
    mistakeOfVariable,
    mistake(path, message) {
      const variable = variables.get(formatPath(path));
      if (variable !== undefined) mistakeOfVariable(variable, message);
      else add({ path: formatPath(path), line: source.lineOf(path), message });
    },
    overridden: (path, variable) => void variables.set(formatPath(path), variable),
    warn: (message) => void warnings.push(message),
    leftOut: (list) => void partial.add(list),
    isPartial: (list) => partial.has(list),
  };
}

function sentence(file: string, { path, line, message }: Mistake): string {
  if (line === null) return `${path || file}: ${message}`;
  return `${file}:${line}${path === '' ? '' : ` ${path}`}: ${message}`;
}

/** `tenants[0].keys[1].sha256`; names that are no plain words in quotes. */
function formatPath(path: Path): string {
  return path
    .map((step) =>
      typeof step === 'string' && /^[A-Za-z_][\w-]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`,
    )
    .join('')
    .replace(/^\./, '');
}
