/** What a request would like, and may be denied: https://www.rfc-editor.org/rfc/rfc7240 */
export interface Preferences {
  readonly respondAsync: boolean;
  /** How many seconds it would wait for an answer; null: it does not say. */
  readonly waitSeconds: number | null;
}

/** `name`, `name=value` or `name="value"`, and parameters behind it, which no preference here has. */
const PREFERENCE = /^([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?\s*(?:;.*)?$/;

/** Of one that stands there twice the first counts; what cannot be read is passed over, as the RFC has it. */
export function readPrefer(header: string | string[] | undefined): Preferences {
  const lines = typeof header === 'string' ? [header] : (header ?? []);
  const found = new Map<string, string>();
  for (const piece of lines.flatMap(splitAtCommas)) {
    const [, name, quoted, bare] = PREFERENCE.exec(piece.trim()) ?? [];
    if (name !== undefined && !found.has(name.toLowerCase())) found.set(name.toLowerCase(), quoted ?? bare ?? '');
  }
  const wait = found.get('wait') ?? '';
  return {
    respondAsync: found.has('respond-async'),
    waitSeconds: /^\d{1,9}$/.test(wait) ? Number(wait) : null,
  };
}

function splitAtCommas(line: string): readonly string[] {
  return line.match(/(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g) ?? [];
}
