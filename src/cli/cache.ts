import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { keyName } from '../cache/key.ts';
import { DirectoryTaken, isStore, purgeIn, standingsIn } from '../cache/disk-offline.ts';
import type { Selection, Standing } from '../cache/store.ts';
import { isMap } from '../tenants/settings.ts';
import { adminApi, adminKey } from './admin/call.ts';
import { given, words as wordsOf } from './admin/options.ts';
import { readDay, WrongUse } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { asCsv, asTable, legibleJson } from './format.ts';
import type { Table } from './format.ts';
import { WRITER_OPTIONS } from './ledger-writer.ts';
import type { WriterOptions } from './ledger-writer.ts';
import { LOCATION_HELP, locateLedger, LOCATION_OPTIONS } from './location.ts';
import type { Location } from './location.ts';

const FORMATS = ['table', 'csv', 'json'];

export const cacheStats: Command = {
  name: 'cache stats',
  summary: 'what the cache keeps, by scope and model',
  help: `Usage: npm run plantain -- cache stats [options]

  --format FORMAT    ${FORMATS.join(', ')} (default: table)

Entries are pictures and what was made of them (other formats). bytes is what they count for in their scope: a picture that
two scopes have counts in both, and lies on disk once. A running gateway tells of its hits within a minute. Of a cache that
is not on disk a running gateway is asked: that needs PLANTAIN_ADMIN_KEY, and --admin URL where it is not the usual one.
`,
  where: LOCATION_HELP,
  async run(words, surroundings) {
    const { values } = parseArgs({
      args: [...words],
      options: { ...LOCATION_OPTIONS, ...WRITER_OPTIONS, format: { type: 'string', default: 'table' } },
    });
    if (!FORMATS.includes(values.format)) throw new WrongUse(`--format must be one of ${FORMATS.join(', ')}.`);
    const standings = await standingsOf(values, surroundings);
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
  summary: 'remove pictures from the cache',
  help: `Usage: npm run plantain -- cache purge [options]

  --key KEY          the picture that Cache-Status, and the log, told this key of (--scope says whose)
  --scope NAME       those of this scope: a tenant's id, unless its configuration names another
  --model ID         those of this model
  --before DAY       those stored before this day of UTC (2026-11-01)
  --all              everything

All that is given must be true of what is removed. With --scope alone the Idempotency-Keys of that tenant go too. Links, and
answers kept for tasks and Idempotency-Keys, lie under the id of their tenant, whatever its scope; where the gateway runs they
go with the scope. A running gateway does it itself, over its admin API: that needs PLANTAIN_ADMIN_KEY, and --admin URL where it is not the usual one.
`,
  where: LOCATION_HELP,
  async run(words, surroundings) {
    const { values } = parseArgs({
      args: [...words],
      options: {
        ...LOCATION_OPTIONS,
        ...WRITER_OPTIONS,
        key: { type: 'string' },
        scope: { type: 'string' },
        model: { type: 'string' },
        before: { type: 'string' },
        all: { type: 'boolean', default: false },
      },
    });
    const { key, scope, model, all } = values;
    if (key !== undefined && !/^[0-9a-f]{64}$/.test(key))
      throw new WrongUse('--key is the 64 hex digits that Cache-Status had as key.');
    if (key !== undefined && scope === undefined)
      throw new WrongUse('Say whose it is with --scope: the same key in another scope is another picture.');
    const before = readDay('--before', values.before);
    const selection: Selection = {
      ...(key !== undefined && scope !== undefined && { name: keyName({ scope, digest: key }) }),
      ...(scope !== undefined && { scope }),
      ...(model !== undefined && { model }),
      ...(before !== null && { before: Date.parse(before) }),
    };
    if ((Object.keys(selection).length === 0) !== all)
      throw new WrongUse('Say what to remove: --key, --scope, --model or --before, or else --all.');
    const { entries, bytes } = await purge(values, surroundings, selection, before);
    surroundings.print(`removed ${entries} entries of ${bytes} bytes\n`);
    return 0;
  },
};

async function standingsOf(options: WriterOptions, surroundings: Surroundings): Promise<readonly Standing[]> {
  const directory = locateCache(options, surroundings);
  if (isElsewhere(directory, surroundings) && adminKey(surroundings) !== null) {
    const { cache } = await adminApi(options, surroundings).get('/cache');
    return (Array.isArray(cache) ? cache.filter(isMap) : []).map(({ scope, model, entries, bytes, oldest, hits }) => ({
      scope: wordsOf(scope),
      model: wordsOf(model),
      entries: Number(entries),
      bytes: Number(bytes),
      oldest: Date.parse(wordsOf(oldest)),
      hits: Number(hits),
    }));
  }
  return standingsIn(directory);
}

/** A cache in memory or in Redis is its gateway's alone. */
function isElsewhere(directory: string, surroundings: Surroundings): boolean {
  if (isStore(directory)) return false;
  if (adminKey(surroundings) === null)
    surroundings.note(
      `There is no cache in ${directory}. One that is not on disk is a running gateway's: set PLANTAIN_ADMIN_KEY.\n`,
    );
  return true;
}

/** In the directory of a gateway that is stopped, else by the gateway. */
async function purge(
  options: WriterOptions,
  surroundings: Surroundings,
  selection: Selection,
  before: string | null,
): Promise<{ readonly entries: string; readonly bytes: string }> {
  const directory = locateCache(options, surroundings);
  try {
    if (!isElsewhere(directory, surroundings) || adminKey(surroundings) === null) {
      const { entries, bytes } = purgeIn(directory, selection);
      return { entries: String(entries), bytes: String(bytes) };
    }
  } catch (error) {
    if (!(error instanceof DirectoryTaken)) throw error;
    if (adminKey(surroundings) === null)
      throw new Error(`${error.message} Or set PLANTAIN_ADMIN_KEY, and the gateway does it itself.`, { cause: error });
  }
  const { name, scope, model } = selection;
  const asked = given({
    key: name?.slice(name.lastIndexOf(':') + 1),
    scope,
    model,
    before: before ?? undefined,
    all: Object.keys(selection).length === 0 || undefined,
  });
  const { entries, bytes } = await adminApi(options, surroundings).post('/cache/purge', asked);
  return { entries: wordsOf(entries), bytes: wordsOf(bytes) };
}

function locateCache(asked: Location, surroundings: Surroundings): string {
  return join(dirname(locateLedger(asked, surroundings)), 'cache');
}
