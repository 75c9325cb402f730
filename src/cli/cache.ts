import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { purgeIn, standingsIn } from '../cache/disk-offline.ts';
import type { Selection } from '../cache/store.ts';
import { readDay, WrongUse } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { asCsv, asTable, legibleJson } from './format.ts';
import type { Table } from './format.ts';
import { locateLedger, LOCATION_OPTIONS } from './location.ts';
import type { Location } from './location.ts';

const FORMATS = ['table', 'csv', 'json'];

export const cacheStats: Command = {
  name: 'cache stats',
  summary: 'what the cache keeps on disk, by scope and model',
  help: `Usage: npm run plantain -- cache stats [options]

  --format FORMAT    ${FORMATS.join(', ')} (default: table)

Entries are pictures and what was made of them (other formats). bytes is what they count for in their scope: a picture that
two scopes have counts in both, and lies on disk once. A running gateway tells of its hits within a minute.
`,
  run(words, surroundings) {
    const { values } = parseArgs({
      args: [...words],
      options: { ...LOCATION_OPTIONS, format: { type: 'string', default: 'table' } },
    });
    if (!FORMATS.includes(values.format)) throw new WrongUse(`--format must be one of ${FORMATS.join(', ')}.`);
    const standings = standingsIn(locateCache(values, surroundings));
    if (values.format === 'json')
      surroundings.print(
        legibleJson(standings.map(({ oldest, ...each }) => ({ ...each, oldest: new Date(oldest).toISOString() }))),
      );
    else {
      const sum = (of: (each: (typeof standings)[number]) => number): string =>
        String(standings.reduce((total, each) => total + of(each), 0));
      const table: Table = {
        columns: [
          { name: 'scope', isNumber: false },
          { name: 'model', isNumber: false },
          { name: 'entries', isNumber: true },
          { name: 'bytes', isNumber: true },
          { name: 'hits', isNumber: true },
          { name: 'oldest', isNumber: false },
        ],
        rows: standings.map(({ scope, model, entries, bytes, hits, oldest }) => [
          scope,
          model,
          String(entries),
          String(bytes),
          String(hits),
          new Date(oldest).toISOString(),
        ]),
        total: ['total', '', sum(({ entries }) => entries), sum(({ bytes }) => bytes), sum(({ hits }) => hits), ''],
      };
      surroundings.print(values.format === 'csv' ? asCsv(table) : asTable(table));
    }
    return 0;
  },
};

export const cachePurge: Command = {
  name: 'cache purge',
  summary: 'remove pictures from the cache on disk of a gateway that is stopped',
  help: `Usage: npm run plantain -- cache purge [options]

  --scope NAME       those of this scope: a tenant's id, unless its configuration names another
  --model ID         those of this model
  --before DAY       those stored before this day of UTC (2026-11-01)
  --all              everything

All that is given must be true of what is removed. With --scope alone the Idempotency-Keys of that tenant go too.
`,
  run(words, surroundings) {
    const { values } = parseArgs({
      args: [...words],
      options: {
        ...LOCATION_OPTIONS,
        scope: { type: 'string' },
        model: { type: 'string' },
        before: { type: 'string' },
        all: { type: 'boolean', default: false },
      },
    });
    const { scope, model, all } = values;
    const before = readDay('--before', values.before);
    const selection: Selection = {
      ...(scope !== undefined && { scope }),
      ...(model !== undefined && { model }),
      ...(before !== null && { before: Date.parse(before) }),
    };
    if ((Object.keys(selection).length === 0) !== all)
      throw new WrongUse('Say what to remove: --scope, --model or --before, or else --all.');
    const { entries, bytes } = purgeIn(locateCache(values, surroundings), selection);
    surroundings.print(`removed ${entries} entries of ${bytes} bytes\n`);
    return 0;
  },
};

function locateCache(asked: Location, surroundings: Surroundings): string {
  return join(dirname(locateLedger(asked, surroundings)), 'cache');
}
