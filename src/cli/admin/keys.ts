import { parseArgs } from 'node:util';
import type { JsonMap } from '../../tenants/settings.ts';
import type { Command } from '../command.ts';
import { asTable, legibleJson } from '../format.ts';
import { adminApi, ADMIN_HELP, ADMIN_OPTIONS } from './call.ts';
import { dollars, given, oneWord, readBudget, readDollars, readNames, readSeconds, words } from './options.ts';

const create: Command = {
  name: 'keys create',
  summary: 'make a key for a tenant; it is shown this once',
  help: `Usage: npm run plantain -- keys create TENANT [options]

  --name NAME        for people: what it is for
  --credit USD       prepaid, in dollars altogether; more by "credit add"
  --budget USD/PER   20/day, 100/month, 500/total; may be given more than once
  --models LIST      the models it may use, of those its tenant may
  --cache WHEN       always, repeatable or never; absent: as its tenant
  --expires TIME     2027-01-31, or 2027-01-31T12:00:00Z; from then on it is refused
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const { values, positionals } = parseArgs({
      args: [...typed],
      allowPositionals: true,
      options: {
        ...ADMIN_OPTIONS,
        name: { type: 'string' },
        credit: { type: 'string' },
        budget: { type: 'string', multiple: true },
        models: { type: 'string' },
        cache: { type: 'string' },
        expires: { type: 'string' },
      },
    });
    const body = given({
      tenant: oneWord(positionals, 'the tenant it is for'),
      name: values.name,
      creditUsd: values.credit === undefined ? undefined : readDollars('--credit', values.credit),
      budgets: values.budget?.map(readBudget),
      models: values.models === undefined ? undefined : readNames(values.models),
      cache: values.cache,
      expires: values.expires,
    });
    const made = await adminApi(values, surroundings).post('/keys', body);
    surroundings.print(values.json ? legibleJson(made) : shownOnce(made));
    return 0;
  },
};

const list: Command = {
  name: 'keys list',
  summary: 'all keys, or those of a tenant, and whether they work',
  help: `Usage: npm run plantain -- keys list [--tenant ID] [options]
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const { values } = parseArgs({ args: [...typed], options: { ...ADMIN_OPTIONS, tenant: { type: 'string' } } });
    const query = values.tenant === undefined ? '' : `tenant=${encodeURIComponent(values.tenant)}`;
    const keys = await adminApi(values, surroundings).list(`/keys?${query}`, 'keys');
    surroundings.print(values.json ? legibleJson(keys) : tableOf(keys));
    return 0;
  },
};

const revoke: Command = {
  name: 'keys revoke',
  summary: 'refuse a key from now on; its pictures in the air are finished',
  help: `Usage: npm run plantain -- keys revoke ID [options]

ID is what "keys list" shows, and the log, and the ledger.
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const { values, positionals } = parseArgs({ args: [...typed], allowPositionals: true, options: ADMIN_OPTIONS });
    const id = oneWord(positionals, 'the id of the key');
    const key = await adminApi(values, surroundings).post(`/keys/${encodeURIComponent(id)}/revoke`, {});
    surroundings.print(values.json ? legibleJson(key) : `${words(key['id'])}: revoked\n`);
    return 0;
  },
};

const rotate: Command = {
  name: 'keys rotate',
  summary: 'a new key in the place of another, with its settings and its money',
  help: `Usage: npm run plantain -- keys rotate ID [options]

  --overlap TIME     how long the old one still works: 24h (the default), 90m, 2d, or 0
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const options = { ...ADMIN_OPTIONS, overlap: { type: 'string', default: '24h' } } as const;
    const { values, positionals } = parseArgs({ args: [...typed], allowPositionals: true, options });
    const id = oneWord(positionals, 'the id of the key');
    const body = { overlapSeconds: readSeconds('--overlap', values.overlap) };
    const made = await adminApi(values, surroundings).post(`/keys/${encodeURIComponent(id)}/rotate`, body);
    surroundings.print(values.json ? legibleJson(made) : shownOnce(made));
    return 0;
  },
};

export const keyCommands: readonly Command[] = [create, list, revoke, rotate];

function shownOnce(made: JsonMap): string {
  const { replaces } = made;
  const lines = {
    key: `${words(made['key'])}   (shown this once: keep it)`,
    id: words(made['id']),
    tenant: words(made['tenant']),
    ...(made['creditUsd'] !== undefined && { credit: `$${dollars(made['creditUsd'])}` }),
    ...(made['expires'] !== undefined && { expires: words(made['expires']) }),
    ...(typeof replaces === 'object' &&
      replaces !== null &&
      'id' in replaces && { replaces: `${words(replaces['id'])}, which works until ${words(replaces['expires'])}` }),
  };
  return Object.entries(lines)
    .map(([name, text]) => `${`${name}:`.padEnd(10)}${text}\n`)
    .join('');
}

function tableOf(keys: readonly JsonMap[]): string {
  const texts = ['id', 'tenant', 'name', 'status', 'models', 'expires'];
  return asTable({
    columns: [...texts.map((name) => ({ name, isNumber: false })), { name: 'credit_usd', isNumber: true }],
    rows: keys.map((key) => [...texts.map((name) => words(key[name])), dollars(key['creditUsd'])]),
    total: null,
  });
}
