/** A table to print: the names of its columns, its rows, and below them a row of totals. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
  readonly total: readonly string[] | null;
}

export interface Column {
  readonly name: string;
  readonly isNumber: boolean;
}

const NANOS_PER_DOLLAR = 1_000_000_000n;

/** Nano-dollars as exact dollars, with two decimals at least: `0.134`, `-1.50`. */
export function usd(nanos: bigint): string {
  const positive = nanos < 0n ? -nanos : nanos;
  const rest = String(positive % NANOS_PER_DOLLAR).padStart(9, '0');
  const decimals = `${rest.slice(0, 2)}${rest.slice(2).replace(/0+$/, '')}`;
  return `${nanos < 0n ? '-' : ''}${positive / NANOS_PER_DOLLAR}.${decimals}`;
}

/** For people: columns set in line. What callers wrote must not steer a terminal, so control characters are spelt out. */
export function asTable({ columns, rows, total }: Table): string {
  const lines = [columns.map(({ name }) => name), ...rows, ...(total === null ? [] : [total])].map((line) =>
    line.map(legible),
  );
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => width(line[index] ?? ''))));
  return lines
    .map((line) =>
      line
        .map((cell, index) => {
          const padding = ' '.repeat(widths[index]! - width(cell));
          return columns[index]?.isNumber === true ? padding + cell : cell + padding;
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

const graphemes = new Intl.Segmenter();

function width(text: string): number {
  return [...graphemes.segment(text)].length;
}

/** What others wrote, so that it steers no terminal: control characters are spelt out. */
export function legible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

/** JSON whose strings steer no terminal either: what JSON itself lets stand is escaped as it escapes the rest. */
export function legibleJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2).replaceAll(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
  return `${text}\n`;
}

/** RFC 4180. Without the totals, which a reader of it makes itself. */
export function asCsv({ columns, rows }: Table): string {
  const lines = [columns.map(({ name }) => name), ...rows];
  return lines.map((line) => `${line.map((cell, index) => csvCell(cell, columns[index]!)).join(',')}\r\n`).join('');
}

/** What callers wrote must not become a formula: https://owasp.org/www-community/attacks/CSV_Injection */
function csvCell(text: string, { isNumber }: Column): string {
  const safe = !isNumber && /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
