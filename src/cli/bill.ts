import { readFileSync } from 'node:fs';
import { WrongUse } from './command.ts';

/** One line of a vendor's bill. */
export interface BillLine {
  /** Unix ms. */
  readonly at: number;
  readonly nanos: bigint;
}

export const BILL_HELP = `A bill is JSON, { "entries": [{ "at": 1795212120000, "nanoUsd": 58000000 }] }, as the simulator's GET /simulator/bill, or CSV
whose first line names its columns, at least two of them: at (a time such as 2026-11-22T12:00:00Z, or milliseconds since
1970) and usd (58 thousandths of a dollar are 0.058).`;

/** Reads a bill. Throws WrongUse: which line cannot be read. */
export function readBill(file: string): readonly BillLine[] {
  const text = readFileSync(file, 'utf8').replace(/^\u{feff}/u, '');
  const lines = text.trimStart().startsWith('{') ? fromJson(text) : fromCsv(text);
  return lines.map(({ at, nanos }, index) => {
    if (at !== null && nanos !== null) return { at, nanos };
    throw new WrongUse(`Entry ${index + 1} of ${file} has no ${at === null ? 'time' : 'amount'} that can be read.`);
  });
}

type Read = { readonly [Field in keyof BillLine]: BillLine[Field] | null };

function fromJson(text: string): readonly Read[] {
  let bill: { readonly entries?: unknown };
  try {
    bill = JSON.parse(text) as typeof bill;
  } catch {
    throw new WrongUse('The bill begins like JSON, but is none.');
  }
  if (!Array.isArray(bill.entries)) throw new WrongUse('A bill in JSON has a list "entries".');
  return bill.entries.map((entry: { readonly at?: unknown; readonly nanoUsd?: unknown } | null) => ({
    at: typeof entry?.at === 'number' || typeof entry?.at === 'string' ? readTime(`${entry.at}`) : null,
    nanos: Number.isSafeInteger(entry?.nanoUsd) ? BigInt(entry?.nanoUsd as number) : null,
  }));
}

function fromCsv(text: string): readonly Read[] {
  const [head = [], ...rows] = text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1')));
  const [at, usd] = ['at', 'usd'].map((name) => head.findIndex((column) => column.toLowerCase() === name));
  if (at === undefined || usd === undefined || at < 0 || usd < 0)
    throw new WrongUse('A bill in CSV has columns "at" and "usd", named in its first line.');
  return rows.map((row) => ({ at: readTime(row[at] ?? ''), nanos: readUsd(row[usd] ?? '') }));
}

function readTime(text: string): number | null {
  const time = new Date(/^\d{9,}$/.test(text) ? Number(text) : text).getTime();
  return Number.isNaN(time) ? null : time;
}

/** Exactly: `0.058` is 58,000,000 nano-dollars. */
export function readUsd(text: string): bigint | null {
  const [, sign = '', whole = '', decimals = ''] = /^(-?)\$?(\d+)(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (whole === '') return null;
  const nanos = BigInt(whole + decimals.padEnd(9, '0'));
  return sign === '-' ? -nanos : nanos;
}
