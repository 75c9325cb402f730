import { groupsOf } from './checks/finding.ts';
import type { Finding } from './checks/finding.ts';
import type { Befallen } from './carry-out.ts';
import type { Told } from './load/call.ts';

export interface Report {
  readonly seed: string;
  readonly command: string;
  readonly seconds: number;
  readonly concurrency: number;
  readonly redis: boolean;
  /** By kind of request, then by what came of it. */
  readonly requests: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly statuses: Readonly<Record<string, number>>;
  readonly faultsShown: Readonly<Record<string, number>>;
  readonly events: readonly Befallen[];
  readonly checks: readonly Finding[];
  readonly isGood: boolean;
}

/** So many of a check's faults are printed; the JSON has all of them. */
const MOST_TOLD = 12;

export function endOf({ end, verdict }: Told): string {
  return end === 'answered' ? (verdict?.outcome ?? end) : end;
}

export function countBy<T>(list: readonly T[], key: (each: T) => string): Record<string, number> {
  const counts = [...groupsOf(list, key)].map(([name, group]) => [name, group.length] as const);
  return Object.fromEntries(counts.toSorted(([a], [b]) => a.localeCompare(b)));
}

export function render(report: Report): string {
  const ends = [...new Set(Object.values(report.requests).flatMap((counts) => Object.keys(counts)))].toSorted();
  const rows = Object.entries(report.requests).toSorted(([a], [b]) => a.localeCompare(b));
  const total = ends.map((end) => rows.reduce((sum, [, counts]) => sum + (counts[end] ?? 0), 0));
  const table = columns([
    ['request', ...ends],
    ...rows.map(([kind, counts]) => [kind, ...ends.map((end) => String(counts[end] ?? '.'))]),
    ['all', ...total.map(String)],
  ]);
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const checks = report.checks.flatMap(({ check, figures, faults }) => [
    `${faults.length === 0 ? 'well ' : 'FAULT'}  ${check}: ${figures}`,
    ...faults.slice(0, MOST_TOLD).map((fault) => `         ${fault}`),
    ...(faults.length > MOST_TOLD ? [`         and ${faults.length - MOST_TOLD} more`] : []),
  ]);
  return [
    ...table,
    '',
    `statuses: ${list(report.statuses)}`,
    `faults of the vendor: ${list(report.faultsShown)}`,
    `events: ${list(countBy(report.events, ({ event }) => event.kind))}`,
    '',
    ...checks,
    '',
    report.isGood ? 'All is well.' : `NOT WELL: ${failedIn(report).join(', ')}. Again: ${report.command}`,
    `seed ${report.seed}`,
    '',
  ].join('\n');
}

export function failedIn({ checks }: Pick<Report, 'checks'>): readonly string[] {
  return checks.filter(({ faults }) => faults.length > 0).map(({ check }) => check);
}

/** In line: the first to the left, numbers to the right. */
function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  );
}
