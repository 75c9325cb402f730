import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { HOST_PATTERN } from './address.ts';
import { alternatives } from './explain.ts';
import type { Report } from './mistakes.ts';
import type { ConfigFile } from './schema.ts';
import { LOG_LEVELS } from './shape.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

/** The environment stands over the file. An empty variable counts as none: composers of containers pass such. */
export function overrideByEnvironment(file: ConfigFile, variables: Variables, report: Report): ConfigFile {
  const hostPattern = new RegExp(HOST_PATTERN);

  function take<T>(
    name: string,
    path: readonly string[],
    fallback: T,
    parse: (text: string) => T | null,
    allowed: string,
  ): T {
    const text = variables[name]?.trim() ?? '';
    if (text === '') return fallback;
    const value = parse(text);
    if (value === null) {
      report.mistakeOfVariable(name, `must be ${allowed}, is ${JSON.stringify(text.slice(0, 60))}`);
      return fallback;
    }
    report.overridden(path, name);
    return value;
  }
  type Port = 'listen' | 'operations' | 'admin';
  const takePort = (name: string, section: Port): number =>
    take(name, [section, 'port'], file[section].port, parsePort, '0 to 65535');
  const takeHost = (name: string, section: Port): string =>
    take(
      name,
      [section, 'host'],
      file[section].host,
      (text) => (hostPattern.test(text) ? text : null),
      'an IP address or a host name',
    );
  const publicUrl = take<string | undefined>('PUBLIC_URL', ['publicUrl'], file.publicUrl, (text) => text, 'an address');

  return {
    ...file,
    listen: { host: takeHost('HOST', 'listen'), port: takePort('PORT', 'listen') },
    operations: { host: takeHost('OPERATIONS_HOST', 'operations'), port: takePort('OPERATIONS_PORT', 'operations') },
    admin: { host: takeHost('ADMIN_HOST', 'admin'), port: takePort('ADMIN_PORT', 'admin') },
    dataDir: take('DATA_DIR', ['dataDir'], file.dataDir, (text) => text, 'a path'),
    logLevel: take(
      'LOG_LEVEL',
      ['logLevel'],
      file.logLevel,
      (text) => LOG_LEVELS.find((level) => level === text.toLowerCase()) ?? null,
      alternatives(LOG_LEVELS),
    ),
    ...(publicUrl === undefined ? {} : { publicUrl }),
  };
}

function parsePort(text: string): number | null {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null;
}

/** A key out of the environment. `unusable` is reported already; `missing` may be right. */
export type Secret = { readonly value: string } | 'missing' | 'unusable';

export type ReadSecret = (name: string) => Secret;

/** Names under which the vendor's own SDKs look for the same key. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = { GEMINI_API_KEY: ['GOOGLE_API_KEY'] };

/** `GEMINI_API_KEY (or GOOGLE_API_KEY)` */
export function secretNames(name: string): string {
  const others = OTHER_NAMES[name] ?? [];
  return others.length === 0 ? name : `${name} (or ${others.join(', ')})`;
}

/** Reads `NAME`, or the file that `NAME_FILE` names; so do Docker's and Kubernetes' secrets come. */
export function secretReader(variables: Variables, workingDirectory: string, report: Report): ReadSecret {
  function read(name: string): Secret {
    const text = variables[name]?.trim() ?? '';
    const file = variables[`${name}_FILE`]?.trim() ?? '';
    if (file === '') return text === '' ? 'missing' : checked(name, text);
    if (text !== '') return refused(name, `set ${name} or ${name}_FILE, not both`);
    let content: string;
    try {
      content = readFileSync(resolve(workingDirectory, file), 'utf8').trim();
    } catch (error) {
      return refused(`${name}_FILE`, `the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
    return content === '' ? refused(`${name}_FILE`, 'the file is empty') : checked(`${name}_FILE`, content);
  }
  function checked(variable: string, value: string): Secret {
    if (isHeaderSafe(value)) return { value };
    return refused(variable, 'a key has no spaces, line breaks or characters beyond ASCII');
  }
  function refused(variable: string, message: string): 'unusable' {
    report.mistakeOfVariable(variable, message);
    return 'unusable';
  }
  return (name) => {
    for (const candidate of [name, ...(OTHER_NAMES[name] ?? [])]) {
      const secret = read(candidate);
      if (secret !== 'missing') return secret;
    }
    return 'missing';
  };
}

/** Keys travel in HTTP headers. */
export function isHeaderSafe(key: string): boolean {
  return /^[\x21-\x7e]+$/.test(key);
}
