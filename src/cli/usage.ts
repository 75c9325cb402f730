import { parseArgs } from 'node:util';
import { openLedgerReader } from '../tenants/ledger-reader.ts';
import { DIMENSIONS, isDimension, reportUsage } from '../tenants/ledger-usage.ts';
import type { UsageReport, UsageSums } from '../tenants/ledger-usage.ts';
import { readDay, WrongUse } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { asCsv, asTable, legibleJson, usd } from './format.ts';
import type { Table } from './format.ts';
import { locateLedger, LOCATION_HELP, LOCATION_OPTIONS } from './location.ts';

/** How a report can be had; each ends with a line break. */
export const USAGE_FORMATS = {
  table: (by: readonly string[], report: UsageReport) => asTable(tableOf(by, report)),
  csv: (by: readonly string[], report: UsageReport) => asCsv(tableOf(by, report)),
  json: asJson,
};

export const MOST_ROWS = 10_000;

export const usage: Command = {
  name: 'usage',
  summary: 'pictures, calls and dollars by tenant, key, model, tag, user, day, outcome',
  help: `Usage: npm run plantain -- usage [options]

  --by LIST          what to tell apart, from ${DIMENSIONS.join(', ')} (default: tenant)
  --tenant ID        of this tenant only
  --upstream ID      drawn by this upstream only
  --since DAY        from this day of UTC on (2026-11-01), both days included; a picture
  --until DAY        counts on the day it was begun
  --top N            the dearest N rows; the others are added up (default: ${MOST_ROWS})
  --format FORMAT    ${Object.keys(USAGE_FORMATS).join(', ')} (default: table)

Every attempt at a picture counts once, by how it ended. spent holds unknown: what was charged in full because nobody
could tell its cost. held is set aside for pictures in the air now (outcome in_air). What cached and joined pictures
cost when they were drawn, and how long that took, is saved; they are no attempts, and the last second of them may be
missing after a crash.
`,
  where: LOCATION_HELP,
  run: runUsage,
};

function runUsage(words: readonly string[], surroundings: Surroundings): number {
  const { values } = parseArgs({
    args: [...words],
    options: {
      ...LOCATION_OPTIONS,
      by: { type: 'string', default: 'tenant' },
      tenant: { type: 'string' },
      upstream: { type: 'string' },
      since: { type: 'string' },
      until: { type: 'string' },
      top: { type: 'string', default: String(MOST_ROWS) },
      format: { type: 'string', default: 'table' },
    },
  });
  const by = [...new Set(values.by.split(',').map((name) => name.trim()))];
  const strange = by.find((name) => !isDimension(name));
  if (strange !== undefined)
    throw new WrongUse(`--by must be a list of ${DIMENSIONS.join(', ')}; ${JSON.stringify(strange)} is none.`);
  const format = Object.entries(USAGE_FORMATS).find(([name]) => name === values.format)?.[1];
  if (format === undefined) throw new WrongUse(`--format must be one of ${Object.keys(USAGE_FORMATS).join(', ')}.`);
  const top = /^[1-9]\d{0,8}$/.test(values.top) ? Number(values.top) : null;
  if (top === null) throw new WrongUse('--top must be a whole number, 1 or more.');
  const since = readDay('--since', values.since);
  const until = readDay('--until', values.until);

  const db = openLedgerReader(locateLedger(values, surroundings));
  try {
    const { tenant = null, upstream = null } = values;
    const report = reportUsage(db, { by, tenant, upstream, since, until }, top);
    surroundings.print(format(by, report));
    if (report.others !== null) surroundings.note('there are more rows, which are added up: see --top\n');
  } finally {
    db.close();
  }
  return 0;
}

const NUMBERS = {
  calls: ({ calls }) => `${calls}`,
  pictures: ({ pictures }) => `${pictures}`,
  tokens: ({ tokens }) => `${tokens}`,
  spent_usd: ({ spentNanos }) => usd(spentNanos),
  unknown_usd: ({ unknownNanos }) => usd(unknownNanos),
  held_usd: ({ heldNanos }) => usd(heldNanos),
  cached: ({ cached }) => `${cached}`,
  joined: ({ joined }) => `${joined}`,
  saved_usd: ({ savedNanos }) => usd(savedNanos),
  saved_seconds: ({ savedMs }) => seconds(savedMs),
} as const satisfies Record<string, (sums: UsageSums) => string>;

function tableOf(by: readonly string[], { rows, others, total }: UsageReport): Table {
  const cells = (sums: UsageSums): readonly string[] => Object.values(NUMBERS).map((cell) => cell(sums));
  const named = (name: string): readonly string[] => by.map((_, index) => (index === 0 ? name : ''));
  const names = Object.keys(NUMBERS);
  return {
    columns: [...by.map((name) => ({ name, isNumber: false })), ...names.map((name) => ({ name, isNumber: true }))],
    rows: [
      ...rows.map((row) => [...row.by, ...cells(row.sums)]),
      ...(others === null ? [] : [[...named(OTHERS), ...cells(others)]]),
    ],
    total: [...named('total'), ...cells(total)],
  };
}

const OTHERS = '(others)';

function seconds(ms: bigint): string {
  return `${ms / 1_000n}.${String(ms % 1_000n).padStart(3, '0')}`;
}

/** Dollars are decimal strings: exact, which a JSON number would not be. */
function asJson(by: readonly string[], { rows, others, total }: UsageReport): string {
  const plain = (sums: UsageSums) => ({
    calls: Number(sums.calls),
    pictures: Number(sums.pictures),
    tokens: Number(sums.tokens),
    spentUsd: usd(sums.spentNanos),
    unknownUsd: usd(sums.unknownNanos),
    heldUsd: usd(sums.heldNanos),
    cached: Number(sums.cached),
    joined: Number(sums.joined),
    savedUsd: usd(sums.savedNanos),
    savedSeconds: Number(sums.savedMs) / 1_000,
  });
  const told = rows.map((row) => ({
    ...Object.fromEntries(by.map((name, index) => [name, row.by[index]])),
    ...plain(row.sums),
  }));
  return legibleJson({ rows: told, ...(others !== null && { others: plain(others) }), total: plain(total) });
}
