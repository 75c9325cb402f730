import { FormError } from './form-error.ts';

/** What the header of a part says: https://www.rfc-editor.org/rfc/rfc7578#section-4 */
export interface PartHeader {
  readonly name: string;
  /** Whether its content is bytes and no text: it has a file name, or a type that is no text. */
  readonly isFile: boolean;
  /** As claimed, possibly empty; null: it has none. */
  readonly fileName: string | null;
}

export interface HeaderLimits {
  /** UTF-16 units. */
  readonly nameLength: number;
  readonly fileNameLength: number;
}

const MOST_LINES = 32;
const LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^]*)$/;
const PARAMETER = /[ \t]*;[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\[^])*)"|([^\s;"]*))/y;

/** Reads the lines of a part's header. Throws FormError. */
export function readPartHeader(bytes: Buffer, limits: HeaderLimits): PartHeader {
  const lines = linesOf(bytes);
  const disposition = lines.get('content-disposition');
  if (disposition === undefined) throw new FormError('syntax', 'a part has no Content-Disposition header');
  const parameters = parametersOf(disposition);
  const name = parameters.get('name');
  if (name === undefined || name === '') throw new FormError('syntax', 'a part has no name');
  if (name.length > limits.nameLength)
    throw new FormError('part_too_large', `a part has a name of more than ${limits.nameLength} characters`);
  const fileName = parameters.get('filename') ?? parameters.get('filename*') ?? null;
  if (fileName !== null && fileName.length > limits.fileNameLength)
    throw new FormError('part_too_large', `its file name has more than ${limits.fileNameLength} characters`, name);
  checkEncoding(lines.get('content-transfer-encoding'), name);
  const type = lines.get('content-type')?.toLowerCase() ?? '';
  return { name, isFile: fileName !== null || !isText(type, name), fileName };
}

function linesOf(bytes: Buffer): ReadonlyMap<string, string> {
  // A line that begins with white space goes on where the last one ended.
  const lines = bytes
    .toString()
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  if (lines.length > MOST_LINES) throw new FormError('too_many', `a part has more than ${MOST_LINES} headers`);
  const found = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = LINE.exec(line) ?? [];
    if (name === '' || /[\0\r\n]/.test(value)) throw new FormError('syntax', 'a part has a malformed header');
    const lower = name.toLowerCase();
    if (found.has(lower)) throw new FormError('syntax', 'a part has the same header twice');
    found.set(lower, value.trim());
  }
  return found;
}

function parametersOf(disposition: string): ReadonlyMap<string, string> {
  const malformed = new FormError('syntax', 'a part has a malformed Content-Disposition header');
  const kind = /^form-data(?=[ \t]*(?:;|$))/i.exec(disposition);
  if (kind === null) throw malformed;
  const found = new Map<string, string>();
  let at = kind[0].length;
  while (/[^ \t;]/.test(disposition.slice(at))) {
    PARAMETER.lastIndex = at;
    const [all, name = '', quoted, token] = PARAMETER.exec(disposition) ?? [];
    if (all === undefined || found.has(name.toLowerCase())) throw malformed;
    found.set(name.toLowerCase(), unescaped(quoted ?? token ?? ''));
    at += all.length;
  }
  return found;
}

/** Browsers write what a quoted string cannot hold as %22, %0D and %0A; older clients write a quote as `\"`. */
function unescaped(text: string): string {
  const plain = text.replace(/\\(["\\])/g, '$1');
  return plain.replace(/%(22|0D|0A)/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** https://www.rfc-editor.org/rfc/rfc7578#section-4.7 */
function checkEncoding(encoding: string | undefined, name: string): void {
  if (encoding === undefined || /^(7bit|8bit|binary)$/i.test(encoding)) return;
  throw new FormError('syntax', 'its bytes must come as they are, without Content-Transfer-Encoding', name);
}

function isText(type: string, name: string): boolean {
  const [essence = '', ...parameters] = type.split(';').map((piece) => piece.trim());
  if (essence.startsWith('multipart/')) throw new FormError('syntax', 'forms within forms are not read', name);
  if (essence !== '' && !essence.startsWith('text/') && essence !== 'application/json') return false;
  for (const parameter of parameters) {
    const charset = /^charset="?([^"]*)"?$/.exec(parameter)?.[1];
    if (charset !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(charset))
      throw new FormError('syntax', 'its text must be UTF-8', name);
  }
  return true;
}
