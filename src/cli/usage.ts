import { parseArgs } from 'node:util';
import { openLedgerReader } from '../tenants/ledger-reader.ts';
import { addUp, DIMENSIONS, isDimension, readUsage } from '../tenants/ledger-usage.ts';
import type { UsageRow, UsageSums } from '../tenants/ledger-usage.ts';
import { readDay, WrongUse } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { asCsv, asTable, legibleJson, usd } from './format.ts';
import type { Table } from './format.ts';
import { locateLedger, LOCATION_HELP, LOCATION_OPTIONS } from './location.ts';

/** How a report can be had; each ends with a line break. */
export const USAGE_FORMATS = {
  table: (by: readonly string[], rows: readonly UsageRow[]) => asTable(tableOf(by, rows)),
  csv: (by: readonly string[], rows: readonly UsageRow[]) => asCsv(tableOf(by, rows)),
  json: asJson,
};

export const usage: Command = {
  name: 'usage',
  summary: 'pictures, calls and dollars by tenant, key, model, tag, user, day, outcome',
  help: `Usage: npm run plantain -- usage [options]

  --by LIST          what to tell apart, from ${DIMENSIONS.join(', ')} (default: tenant)
  --tenant ID        of this tenant only
  --upstream ID      drawn by this upstream only
  --since DAY        from this day of UTC on (2026-11-01), both days included; a picture
  --until DAY        counts on the day it was begun
  --format FORMAT    ${Object.keys(USAGE_FORMATS).join(', ')} (default: table)

Every attempt at a picture counts once, by how it ended. spent holds unknown: what was charged in full because nobody
could tell its cost. held is set aside for pictures in the air now (outcome in_air).
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
      format: { type: 'string', default: 'table' },
    },
  });
  const by = [...new Set(values.by.split(',').map((name) => name.trim()))];
  const strange = by.find((name) => !isDimension(name));
  if (strange !== undefined)
    throw new WrongUse(`--by must be a list of ${DIMENSIONS.join(', ')}; ${JSON.stringify(strange)} is none.`);
  const format = Object.entries(USAGE_FORMATS).find(([name]) => name === values.format)?.[1];
  if (format === undefined) throw new WrongUse(`--format must be one of ${Object.keys(USAGE_FORMATS).join(', ')}.`);
  const since = readDay('--since', values.since);
  const until = readDay('--until', values.until);

  const db = openLedgerReader(locateLedger(values, surroundings));
  try {
    const { tenant = null, upstream = null } = values;
    surroundings.print(format(by, readUsage(db, { by, tenant, upstream, since, until })));
  } finally {
    db.close();
  }
  return 0;
}

function tableOf(by: readonly string[], rows: readonly UsageRow[]): Table {
  const numbers = ['calls', 'pictures', 'tokens', 'spent_usd', 'unknown_usd', 'held_usd'];
  return {
    columns: [...by.map((name) => ({ name, isNumber: false })), ...numbers.map((name) => ({ name, isNumber: true }))],
    rows: rows.map((row) => [...row.by, ...cells(row.sums)]),
    total: [...by.map((_, index) => (index === 0 ? 'total' : '')), ...cells(addUp(rows))],
  };
}

function cells({ calls, pictures, tokens, spentNanos, unknownNanos, heldNanos }: UsageSums): readonly string[] {
  return [`${calls}`, `${pictures}`, `${tokens}`, usd(spentNanos), usd(unknownNanos), usd(heldNanos)];
}

/** Dollars are decimal strings: exact, which a JSON number would not be. */
function asJson(by: readonly string[], rows: readonly UsageRow[]): string {
  const plain = ({ calls, pictures, tokens, spentNanos, unknownNanos, heldNanos }: UsageSums) => ({
    calls: Number(calls),
    pictures: Number(pictures),
    tokens: Number(tokens),
    spentUsd: usd(spentNanos),
    unknownUsd: usd(unknownNanos),
    heldUsd: usd(heldNanos),
  });
  const told = rows.map((row) => ({
    ...Object.fromEntries(by.map((name, index) => [name, row.by[index]])),
    ...plain(row.sums),
  }));
  return legibleJson({ rows: told, total: plain(addUp(rows)) });
}
